import { Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { InvalidRequestError, OverloadedError } from '../../http/problems/problem.errors.js';
import { Limit } from '../../identity/limit.js';
import type { Page } from '../../identity/reading.service.js';
import { Settings } from '../../config/settings.js';
import { CursorExpiredError } from '../event.errors.js';
import { cursorAfter, isReadable, textOf, type Cursor, type Head } from '../head.js';
import {
  DeliveryRecords,
  isMadeMeanwhile,
  type DeliveryState,
  type StoredDelivery,
} from './delivery-records.js';
import { testMessage } from './message.js';
import { SecretBox } from './secret-box.js';
import { Sender, type Attempt } from './sender.js';
import { makeSecret } from './signature.js';
import { readTarget } from './target.js';
import { WebhookDispatcher } from './webhook-dispatcher.js';
import { WebhookRecords, type StoredWebhook, type WebhookTerms } from './webhook-records.js';
import { WebhookLimitError, WebhookNotFoundError } from './webhook.errors.js';

/** Each event makes a row for each webhook. */
export const WEBHOOKS_MAX = 100;
/** How long the secret before a rotation signs, too. */
const OVERLAP_MS = 24 * 3_600_000;
/** A caller waits for a test call, and its connection is closed after 12 s without an answer. */
const TEST_MS = 8_000;
const TESTS_AT_ONCE = 16;
const TESTS_WAITING = 64;
const TEST_WAIT_MS = 1_500;
/** How long one call to replay works; then it answers where to go on. */
const REPLAY_MS = 2_000;

/** A webhook with its secret, which is shown only now. */
export interface WebhookWithSecret {
  readonly webhook: StoredWebhook;
  readonly secret: string;
}

/** What of a webhook is to be changed; undefined: not this. */
export interface WebhookChange {
  readonly url?: string;
  readonly types?: readonly string[] | null;
  readonly description?: string | null;
  readonly isEnabled?: boolean;
}

/** A delivery and the id of its event. */
export interface ToldDelivery extends StoredDelivery {
  readonly eventId: string;
}

/** Which events are delivered again. */
export interface Replay {
  readonly after: Cursor | null;
  readonly before: Cursor | null;
  readonly state: DeliveryState | null;
}

/** What was made due again, and where to go on; null: all of it was. */
export interface Replayed {
  readonly count: number;
  readonly next: string | null;
}

/** Webhooks: where events are sent to. */
@Injectable()
export class WebhooksService {
  private readonly tests = new Limit({
    atOnce: TESTS_AT_ONCE,
    maxWaiting: TESTS_WAITING,
    waitMs: TEST_WAIT_MS,
    refusal: () => new OverloadedError('too many webhooks are being tested'),
  });

  constructor(
    private readonly webhooks: WebhookRecords,
    private readonly deliveries: DeliveryRecords,
    private readonly box: SecretBox,
    private readonly sender: Sender,
    private readonly dispatcher: WebhookDispatcher,
    private readonly settings: Settings,
  ) {}

  /**
   * Makes a webhook.
   *
   * @throws {InvalidRequestError} naming `url` if it may not lead there
   * @throws {WebhookLimitError}
   * @throws {WebhooksNotConfiguredError}
   */
  async create(tenantId: number, terms: WebhookTerms): Promise<WebhookWithSecret> {
    const secret = makeSecret();
    const target = { ...terms, url: this.targetOf(terms.url) };
    const webhook = await this.webhooks.create(tenantId, target, WEBHOOKS_MAX, (id) =>
      this.box.seal(tenantId, id, secret),
    );
    if (webhook === null) {
      throw new WebhookLimitError(WEBHOOKS_MAX);
    }
    this.dispatcher.noteWebhook(tenantId);
    return { webhook, secret };
  }

  /** A page of the webhooks, the oldest first. @param after the last one seen; null: none */
  async list(tenantId: number, after: number | null, limit: number): Promise<Page<StoredWebhook>> {
    const items = await this.webhooks.list(tenantId, after ?? 0, limit + 1);
    return { items: items.slice(0, limit), isLast: items.length <= limit };
  }

  /** @throws {WebhookNotFoundError} */
  async find(tenantId: number, id: number): Promise<StoredWebhook> {
    return found(id, await this.webhooks.find(tenantId, id));
  }

  /**
   * Changes a webhook. Enabled again, or with another URL, it has five days again to succeed.
   *
   * @throws {InvalidRequestError} naming `url` if it may not lead there
   * @throws {WebhookNotFoundError}
   */
  async change(tenantId: number, id: number, change: WebhookChange): Promise<StoredWebhook> {
    const url = change.url === undefined ? undefined : this.targetOf(change.url);
    const changed = await this.webhooks.change(tenantId, id, (webhook, now) => ({
      url: url ?? webhook.url,
      types: change.types === undefined ? webhook.types : change.types,
      description: change.description === undefined ? webhook.description : change.description,
      ...enabledBy(webhook, change.isEnabled, url !== undefined && url !== webhook.url, now),
    }));
    this.dispatcher.noteWebhook(tenantId);
    return found(id, changed);
  }

  /**
   * Gives a webhook another secret. Both sign for 24 hours, so that the receiver can change over without losing anything.
   *
   * @throws {WebhookNotFoundError}
   */
  async rotateSecret(tenantId: number, id: number): Promise<WebhookWithSecret> {
    const secret = makeSecret();
    const sealed = this.box.seal(tenantId, id, secret);
    return { webhook: found(id, await this.webhooks.rotate(tenantId, id, sealed, OVERLAP_MS)), secret };
  }

  /** Deletes a webhook. Nothing is sent to it from now on, but for what is under way. @throws {WebhookNotFoundError} */
  async delete(tenantId: number, id: number): Promise<void> {
    if (!(await this.webhooks.markDeleted(tenantId, id))) {
      throw new WebhookNotFoundError(id);
    }
  }

  /**
   * Sends a signed test event at once, also to a webhook that is disabled. What it comes to changes nothing.
   *
   * @throws {WebhookNotFoundError}
   * @throws {SecretUnreadableError}
   */
  async test(tenantId: number, id: number): Promise<Attempt> {
    const endpoint = found(id, await this.webhooks.endpoint(tenantId, id));
    const message = testMessage(this.box, tenantId, endpoint, `test-${randomUUID()}`);
    return this.tests.run(() => this.sender.send(message, TEST_MS));
  }

  /**
   * A page of the deliveries of a webhook, in the order of their events, or the newest first.
   *
   * @param state null: all
   * @param after the last position seen; null: none
   * @throws {WebhookNotFoundError}
   */
  async listDeliveries(
    tenantId: number,
    id: number,
    state: DeliveryState | null,
    after: number | null,
    limit: number,
    isNewestFirst: boolean,
  ): Promise<Page<ToldDelivery>> {
    await this.find(tenantId, id);
    const items = await this.deliveries.list(tenantId, id, state, after, limit + 1, isNewestFirst);
    const head = items.length === 0 ? null : await this.deliveries.head(tenantId);
    return {
      items: items
        .slice(0, limit)
        .map((delivery) => ({ ...delivery, eventId: idOf(head!, delivery.position) })),
      isLast: items.length <= limit,
    };
  }

  /**
   * Delivers events again. A large range takes several calls: each answers where the next one goes on.
   *
   * @throws {WebhookNotFoundError}
   * @throws {CursorExpiredError} if not all events of the range are kept
   */
  async replay(tenantId: number, id: number, { after, before, state }: Replay): Promise<Replayed> {
    const { types } = await this.find(tenantId, id);
    const head = await this.deliveries.head(tenantId);
    if (head === null) {
      return { count: 0, next: null };
    }
    for (const cursor of [after, before]) {
      if (cursor !== null && !isReadable(head, cursor)) {
        throw new CursorExpiredError();
      }
    }
    const end = Math.min(before?.position ?? Infinity, head.position + 1);
    const deadline = performance.now() + REPLAY_MS;
    let [count, at] = [0, Math.max(after?.position ?? 0, head.trimmed)];
    while (at < end - 1) {
      const step = await this.deliveries
        .replay(tenantId, id, types, { after: at, before: end, state })
        .catch((error: unknown) => {
          if (!isMadeMeanwhile(error)) {
            throw error;
          }
          // A call like this one was faster. What it made is found at the next attempt.
          return { count: 0, doneUntil: at };
        });
      count += step.count;
      if (step.doneUntil === null) {
        break;
      }
      at = step.doneUntil;
      if (performance.now() > deadline) {
        this.dispatcher.wake(tenantId);
        return { count, next: idOf(head, at) };
      }
    }
    this.dispatcher.wake(tenantId);
    return { count, next: null };
  }

  private targetOf(url: string): string {
    const target = readTarget(url, this.settings.webhookAllowedNetworks);
    if ('refused' in target) {
      throw new InvalidRequestError([{ field: 'url', message: `url ${target.refused}` }]);
    }
    return target.url;
  }
}

/** Whether a webhook is enabled after a change, and since when it fails. */
function enabledBy(
  { disabledAt, disabledReason, failingSince }: StoredWebhook,
  isEnabled: boolean | undefined,
  isElsewhere: boolean,
  now: number,
): Pick<StoredWebhook, 'disabledAt' | 'disabledReason' | 'failingSince'> {
  if (isEnabled === true && disabledAt !== null) {
    return { disabledAt: null, disabledReason: null, failingSince: null };
  }
  const isDisabledNow = isEnabled === false && disabledAt === null;
  return {
    disabledAt: isDisabledNow ? now : disabledAt,
    disabledReason: isDisabledNow ? 'manual' : disabledReason,
    failingSince: isElsewhere ? null : failingSince,
  };
}

function idOf(head: Head, position: number): string {
  return textOf(cursorAfter(head, position));
}

function found<T>(id: number, webhook: T | null): T {
  if (webhook === null) {
    throw new WebhookNotFoundError(id);
  }
  return webhook;
}
