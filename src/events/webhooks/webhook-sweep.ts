import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { EventLog } from '../event-log.js';
import { EventRelay } from '../event-relay.js';
import { DeliveryRecords, type DueWebhook } from './delivery-records.js';
import { SecretBox } from './secret-box.js';
import { WebhookDispatcher } from './webhook-dispatcher.js';
import { WebhookRecords } from './webhook-records.js';

/** How often all tenants are looked at, and how much longer than a look the pause between two of them is at least. */
const SWEEP_MS = 60_000;
const SHARE = 20;
const RETRY_MS = 5_000;

/**
 * Wakes the dispatcher when events got their numbers, and looks at all tenants from time to time: for deliveries that a process
 * left behind when it ended, for deliveries of events that are no longer kept, and for webhooks that were deleted.
 */
@Injectable()
export class WebhookSweep implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Webhooks');
  private readonly ending = new AbortController();
  /** Tenants whose secrets are all encrypted with the current key. */
  private readonly resealed = new Set<number>();

  constructor(
    private readonly log: EventLog,
    private readonly relay: EventRelay,
    private readonly dispatcher: WebhookDispatcher,
    private readonly webhooks: WebhookRecords,
    private readonly deliveries: DeliveryRecords,
    private readonly box: SecretBox,
  ) {}

  onApplicationBootstrap(): void {
    this.relay.onNumbered(({ tenantId }) => this.dispatcher.wake(tenantId));
    void this.forever();
  }

  beforeApplicationShutdown(): void {
    this.ending.abort();
  }

  /** Looks at all tenants once. @returns whether each could be looked at: those of one node of a cluster may fail alone */
  async sweep(): Promise<boolean> {
    let isWhole = true;
    for (const tenantId of await this.log.tenantIds()) {
      await this.look(tenantId).catch(() => {
        isWhole = false;
        this.logger.debug('Could not look at the webhooks of a tenant; trying again');
      });
    }
    return isWhole;
  }

  private async look(tenantId: number): Promise<void> {
    const webhooks = this.ending.signal.aborted ? [] : await this.deliveries.due(tenantId);
    if (webhooks.length > 0) {
      this.dispatcher.wake(tenantId);
      await this.tidy(tenantId, webhooks);
      await this.reseal(tenantId, webhooks);
    }
  }

  private async tidy(tenantId: number, webhooks: readonly DueWebhook[]): Promise<void> {
    const trimmed = (await this.deliveries.head(tenantId))?.trimmed ?? 0;
    for (const { id, isDeleted } of webhooks) {
      const upTo = isDeleted ? Number.MAX_SAFE_INTEGER : trimmed;
      while (!this.ending.signal.aborted && (await this.deliveries.forget(tenantId, id, upTo))) {
        // some at a time
      }
      if (isDeleted && !this.ending.signal.aborted) {
        await this.deliveries.remove(tenantId, id);
      }
    }
  }

  /** Encrypts the secrets with the current key that are encrypted with the previous one. */
  private async reseal(tenantId: number, webhooks: readonly DueWebhook[]): Promise<void> {
    if (this.log.settings.webhookKeyPrevious === null || this.resealed.has(tenantId)) {
      return;
    }
    for (const { id } of webhooks) {
      const endpoint = await this.webhooks.endpoint(tenantId, id);
      const isCurrent = (box: Buffer | null): boolean => box === null || this.box.isCurrent(box);
      if (endpoint !== null && !(isCurrent(endpoint.secret) && isCurrent(endpoint.previousSecret))) {
        const again = (box: Buffer): Buffer => this.box.seal(tenantId, id, this.box.open(tenantId, id, box));
        try {
          await this.webhooks.reseal(tenantId, endpoint, {
            secret: again(endpoint.secret),
            previous: endpoint.previousSecret && again(endpoint.previousSecret),
          });
        } catch {
          this.logger.error(
            `The secret of webhook ${id} of tenant ${tenantId} can't be read: see docs/webhooks.md`,
          );
        }
      }
    }
    this.resealed.add(tenantId);
  }

  private async forever(): Promise<void> {
    while (!this.ending.signal.aborted) {
      const start = performance.now();
      const isWhole = await this.sweep().catch(() => false);
      const pauseMs = Math.max(isWhole ? SWEEP_MS : RETRY_MS, (performance.now() - start) * SHARE);
      await sleep(pauseMs, undefined, { ref: false, signal: this.ending.signal }).catch(() => undefined);
    }
  }
}
