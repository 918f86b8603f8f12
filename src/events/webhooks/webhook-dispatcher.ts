import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Head } from '../head.js';
import { DeliveryRecords, type DueWebhook, type Taken } from './delivery-records.js';
import { messageAbout } from './message.js';
import { judgeAttempt, type AttemptResult } from './schedule.js';
import { SecretBox } from './secret-box.js';
import { Sender } from './sender.js';
import type { Endpoint } from './webhook-records.js';
import { SecretUnreadableError, WebhooksNotConfiguredError } from './webhook.errors.js';
import { WebhookMetrics } from './webhook.metrics.js';

/** Attempts at the same time: of this process, of all endpoints that fail, and of one endpoint. */
const AT_ONCE = 256;
const FAILING_AT_ONCE = 64;
const OF_ONE_AT_ONCE = 8;
const OF_FAILING_AT_ONCE = 1;
/** Others may take a delivery up after this time. Each begins in time for its attempt, or not at all. */
const LEASE_MS = 60_000;
const BEGINS_WITHIN_MS = 40_000;
/** Tenants that are looked at at the same time; each look takes a connection. */
const LOOKS_AT_ONCE = 2;
/** How soon a tenant is looked at again whose deliveries another process was just taking up, or after an error. */
const AGAIN_MS = 1_000;
/** How long no event makes a look at a tenant that has no webhooks. */
const WITHOUT_WEBHOOKS_MS = 1_000;
/** How long running attempts may take after the service was told to end. */
const GRACE_MS = 3_000;

/** What is sent to one endpoint: what runs, and what was taken up and waits for its turn. */
interface Lane {
  readonly tenantId: number;
  endpoint: Endpoint;
  head: Head | null;
  /** Since when it fails, in µs since 1970; null: it does not. */
  failingSince: number | null;
  running: number;
  readonly waiting: Waiting[];
}

/** A delivery that was taken up, and when, by `performance.now()`. */
interface Waiting {
  readonly taken: Taken;
  readonly since: number;
}

/**
 * Sends what is due.
 *
 * Each endpoint has a lane of its own with few places, so one that is slow or dead holds nobody else up; those that fail share a
 * part of all places. A delivery is taken up for a minute, in the database, so no other process sends it at the same time; what a
 * process took up that ended is due again then.
 */
@Injectable()
export class WebhookDispatcher implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Webhooks');
  /** By tenant: when to look for what is due, by `performance.now()`. */
  private readonly lookAt = new Map<number, number>();
  private readonly looking = new Set<number>();
  /** Tenants without webhooks, and until when that is believed. */
  private readonly without = new Map<number, number>();
  /** By tenant: since when a delivery is due that nobody attempts, of endpoints that do not fail. */
  private readonly dueSince = new Map<number, number>();
  private readonly lanes = new Map<string, Lane>();
  private readonly attempts = new Map<Taken, { readonly tenantId: number; readonly end: Promise<void> }>();
  private timer: NodeJS.Timeout | null = null;
  private isEnding = false;

  constructor(
    private readonly deliveries: DeliveryRecords,
    private readonly box: SecretBox,
    private readonly sender: Sender,
    private readonly metrics: WebhookMetrics,
  ) {}

  onApplicationBootstrap(): void {
    this.metrics.watch(() => ({
      underWay: this.attempts.size,
      dueSince: this.dueSince.size === 0 ? null : Math.min(...this.dueSince.values()),
    }));
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.isEnding = true;
    clearTimeout(this.timer ?? undefined);
    const left = [...this.lanes.values()].flatMap(({ tenantId, waiting }) =>
      waiting.splice(0).map(({ taken }) => ({ tenantId, taken })),
    );
    const ended = Promise.all([...this.attempts.values()].map(({ end }) => end));
    await Promise.race([ended, sleep(GRACE_MS, undefined, { ref: false })]);
    const cut = [...this.attempts].map(([taken, { tenantId }]) => ({ tenantId, taken }));
    for (const [tenantId, ofTenant] of Map.groupBy([...left, ...cut], (each) => each.tenantId)) {
      await this.deliveries
        .release(
          tenantId,
          ofTenant.map(({ taken }) => taken),
        )
        .catch(() => undefined);
    }
  }

  /** Something is due for a tenant, or will be in so many ms. */
  wake(tenantId: number, inMs = 0): void {
    const at = Math.max(performance.now() + inMs, this.without.get(tenantId) ?? 0);
    if (at < (this.lookAt.get(tenantId) ?? Infinity)) {
      this.lookAt.set(tenantId, at);
      this.pump();
    }
  }

  /** A tenant got its first webhook, maybe. */
  noteWebhook(tenantId: number): void {
    this.without.delete(tenantId);
    this.wake(tenantId);
  }

  /** Looks at the tenants whose time has come, and sets the timer for the next one. */
  private pump(): void {
    clearTimeout(this.timer ?? undefined);
    if (this.isEnding) {
      return;
    }
    const now = performance.now();
    let next = Infinity;
    for (const [tenantId, at] of this.lookAt) {
      if (at > now) {
        next = Math.min(next, at);
      } else if (this.looking.size < LOOKS_AT_ONCE && !this.looking.has(tenantId)) {
        this.lookAt.delete(tenantId);
        this.looking.add(tenantId);
        void this.look(tenantId).finally(() => {
          this.looking.delete(tenantId);
          this.pump();
        });
      }
    }
    if (next < Infinity) {
      this.timer = setTimeout(() => this.pump(), Math.min(next - now + 1, 2 ** 31 - 1)).unref();
    }
  }

  private async look(tenantId: number): Promise<void> {
    try {
      const webhooks = await this.deliveries.due(tenantId);
      if (webhooks.length === 0) {
        this.without.set(tenantId, performance.now() + WITHOUT_WEBHOOKS_MS);
        this.dueSince.delete(tenantId);
        return;
      }
      await this.takeDue(
        tenantId,
        webhooks.filter(({ isOn, dueAt }) => isOn && dueAt !== null),
      );
    } catch {
      // without a database nothing can be delivered; the log of its loss is not ours
      this.logger.debug('Could not look for deliveries; trying again');
      this.wake(tenantId, AGAIN_MS);
    }
  }

  /** Takes up what is due and has room, and looks again when more is due. */
  private async takeDue(tenantId: number, webhooks: readonly DueWebhook[]): Promise<void> {
    const due = webhooks.filter(({ dueAt, now }) => dueAt! <= now);
    const later = webhooks.filter(({ dueAt, now }) => dueAt! > now);
    if (later.length > 0) {
      this.wake(tenantId, Math.min(...later.map(({ dueAt, now }) => (dueAt! - now) / 1000)));
    }
    const wanted = due
      .map((webhook) => ({ webhookId: webhook.id, limit: this.roomOf(tenantId, webhook) }))
      .filter(({ limit }) => limit > 0);
    const { deliveries, endpoints, head } =
      wanted.length === 0
        ? { deliveries: [], endpoints: [], head: null }
        : await this.deliveries.take(tenantId, wanted, LEASE_MS);
    const since = performance.now();
    for (const endpoint of endpoints) {
      const ofOne = deliveries.filter(({ webhookId }) => webhookId === endpoint.id);
      this.laneOf(tenantId, endpoint, head).waiting.push(...ofOne.map((taken) => ({ taken, since })));
    }
    this.noteDue(tenantId, due, deliveries);
    if (wanted.length > 0 && deliveries.length === 0 && !this.isEnding) {
      this.wake(tenantId, AGAIN_MS);
    }
    if (this.isEnding && deliveries.length > 0) {
      await this.deliveries.release(tenantId, deliveries);
    }
    this.start();
  }

  /** Notes since when something waits for an attempt: what was due and is not taken up now, of endpoints that do not fail. */
  private noteDue(tenantId: number, due: readonly DueWebhook[], deliveries: readonly Taken[]): void {
    const taken = new Set(deliveries.map(({ webhookId }) => webhookId));
    const waits = due
      .filter(({ id, isFailing }) => !isFailing && !taken.has(id))
      .map(({ dueAt, now }) => (now - dueAt!) / 1000);
    if (waits.length === 0) {
      this.dueSince.delete(tenantId);
    } else {
      this.dueSince.set(tenantId, performance.now() - Math.max(...waits));
    }
  }

  /** How many more deliveries may be taken up for an endpoint: as many as run at once are ready while they run. */
  private roomOf(tenantId: number, { id, isFailing }: DueWebhook): number {
    const lane = this.lanes.get(`${tenantId}/${id}`);
    const atOnce = isFailing ? OF_FAILING_AT_ONCE : OF_ONE_AT_ONCE;
    const waiting = lane?.waiting.length ?? 0;
    return waiting > atOnce / 2 ? 0 : 2 * atOnce - waiting - Math.min(lane?.running ?? 0, atOnce);
  }

  private laneOf(tenantId: number, endpoint: Endpoint, head: Head | null): Lane {
    const key = `${tenantId}/${endpoint.id}`;
    const { failingSince } = endpoint;
    const lane: Lane = this.lanes.get(key) ?? {
      tenantId,
      endpoint,
      head,
      failingSince,
      running: 0,
      waiting: [],
    };
    this.lanes.set(key, Object.assign(lane, { endpoint, head, failingSince }));
    return lane;
  }

  /** Begins all attempts that have a place. */
  private start(): void {
    let failing = [...this.lanes.values()].reduce(
      (sum, lane) => sum + (lane.failingSince === null ? 0 : lane.running),
      0,
    );
    for (const [key, lane] of this.lanes) {
      const isFailing = lane.failingSince !== null;
      const atOnce = isFailing ? OF_FAILING_AT_ONCE : OF_ONE_AT_ONCE;
      while (
        !this.isEnding &&
        lane.waiting.length > 0 &&
        lane.running < atOnce &&
        this.attempts.size < AT_ONCE &&
        !(isFailing && failing >= FAILING_AT_ONCE)
      ) {
        const first = lane.waiting.shift()!;
        // What waited too long is due again, for whoever comes first.
        if (performance.now() - first.since < BEGINS_WITHIN_MS) {
          failing += isFailing ? 1 : 0;
          this.begin(lane, first);
        }
      }
      if (lane.running === 0 && lane.waiting.length === 0) {
        this.lanes.delete(key);
      }
    }
  }

  private begin(lane: Lane, { taken, since }: Waiting): void {
    lane.running++;
    const end = this.attempt(lane, taken, since)
      .catch(() => this.logger.warn('Could not write down what a delivery came to; it is made again'))
      .finally(() => {
        this.attempts.delete(taken);
        lane.running--;
        this.start();
        if (lane.waiting.length <= OF_ONE_AT_ONCE / 2) {
          this.wake(lane.tenantId);
        }
      });
    this.attempts.set(taken, { tenantId: lane.tenantId, end });
  }

  private async attempt(lane: Lane, taken: Taken, since: number): Promise<void> {
    const { tenantId, endpoint } = lane;
    const start = performance.now();
    const { result, wasSent } = await this.send(lane, taken);
    if (this.isEnding && 'failure' in result) {
      // The end of this process may be why; it is given back.
      return;
    }
    const durationMs = performance.now() - start;
    // the time of the database: the lease began when it was taken up
    const now = taken.lease - LEASE_MS * 1000 + Math.round((performance.now() - since) * 1000);
    const verdict =
      'failure' in result && result.failure === 'event-expired'
        ? { state: 'dead' as const, nextAt: null, disabled: null }
        : judgeAttempt(result, taken.attempts + 1, lane.failingSince, now, Math.random());
    const isDelivered = verdict.state === 'delivered';
    if (wasSent) {
      this.metrics.attempted(result, isDelivered, durationMs);
      lane.failingSince = isDelivered ? null : (lane.failingSince ?? now);
    }
    const wasDisabled = await this.deliveries.end(tenantId, taken, endpoint.url, verdict, result, now);
    if (verdict.state === 'dead') {
      this.metrics.gaveUp();
    }
    if (wasDisabled) {
      lane.waiting.splice(0);
      this.metrics.wasDisabled(verdict.disabled!);
      this.logger.warn(
        `Webhook ${endpoint.id} of tenant ${tenantId} was disabled: ${verdict.disabled === 'gone' ? 'it answered 410' : 'it has failed for five days'}`,
      );
    }
  }

  /** @returns `wasSent` false: there was nothing to try */
  private async send(
    { tenantId, endpoint, head }: Lane,
    { event }: Taken,
  ): Promise<{ readonly result: AttemptResult; readonly wasSent: boolean }> {
    if (event === null || head === null) {
      return { result: { failure: 'event-expired' }, wasSent: false };
    }
    try {
      const message = messageAbout(this.box, tenantId, endpoint, head, event);
      return { result: (await this.sender.send(message)).result, wasSent: true };
    } catch (error) {
      if (error instanceof SecretUnreadableError || error instanceof WebhooksNotConfiguredError) {
        return { result: { failure: 'secret-unreadable' }, wasSent: true };
      }
      throw error;
    }
  }
}
