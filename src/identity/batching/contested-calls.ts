import { OverloadedError } from '../../http/problems/problem.errors.js';
import { inBatchSpan } from '../../telemetry/tracing/tracing.js';
import { ContentionError } from '../identity.errors.js';
import type { Contested } from './decided-calls.js';
import type { ReconciliationService } from '../reconciliation.service.js';
import { TenantPlaces, type Place } from '../tenant-places.js';
import { WaitingCall, refuseLate, takeTogether, together } from './call.js';

/** Identities that are worked on at once. */
const MAX_AT_ONCE = 4;
/** Longer than it takes to wait for a lock once: 1 s. */
const PATIENCE_MS = 1_200;

interface Group {
  readonly tenantId: number;
  readonly primaryId: number;
  readonly calls: WaitingCall[];
}

/**
 * Calls that wait because another writer holds their identity, or has just changed it.
 *
 * They leave the batches, because they would block a lane for as long as that writer takes. They wait by identity: those of
 * one identity one after the other, those of several identities at the same time. A tenant with many such identities is held
 * back, see {@link TenantPlaces}.
 */
export class ContestedCalls {
  /** By identity, in order of arrival. */
  private readonly waiting = new Map<string, Group>();
  private readonly underWay = new Map<string, Group>();
  private readonly places = new TenantPlaces({
    atOnce: MAX_AT_ONCE,
    patienceMs: PATIENCE_MS,
    aside: 3,
    asideOfOne: 2,
  });
  private count = 0;
  private newcomers = 0;

  constructor(
    private readonly reconciliation: ReconciliationService,
    private readonly max: number,
  ) {}

  /** Calls that wait or are worked on. */
  get size(): number {
    return this.count;
  }

  /** Lets calls wait for the identities that they are about, or fails those that are too many. */
  add(tenantId: number, contested: readonly Contested<WaitingCall>[]): void {
    this.places.expect(tenantId);
    for (const { call, primaryId } of contested) {
      if (this.count >= this.max) {
        call.fail(new OverloadedError('too many calls are waiting'));
        continue;
      }
      // The same provisional id means a different identity in each batch.
      const key = primaryId > 0 ? `${tenantId} ${primaryId}` : `new ${this.newcomers++}`;
      const group = this.waiting.get(key) ?? { tenantId, primaryId, calls: [] };
      group.calls.push(call);
      this.waiting.set(key, group);
      this.count++;
    }
    this.startGroups();
  }

  /** Answers the calls that take too long. */
  sweep(): void {
    for (const [key, { calls }] of this.waiting) {
      this.count -= refuseLate(calls, () => new ContentionError());
      if (calls.length === 0) {
        this.waiting.delete(key);
      }
    }
    this.underWay.forEach(({ calls }) => calls.forEach((call) => call.failIfLate()));
    this.places.giveAwayLate();
    this.startGroups();
  }

  private startGroups(): void {
    for (const [key, group] of this.waiting) {
      if (!this.underWay.has(key) && this.places.hasRoom(group.tenantId)) {
        const calls = takeTogether(group.calls, Infinity);
        if (group.calls.length === 0) {
          this.waiting.delete(key);
        }
        const started = { ...group, calls };
        this.underWay.set(key, started);
        void this.run(key, started, this.places.take(group.tenantId));
      }
    }
  }

  private async run(key: string, { tenantId, primaryId, calls }: Group, place: Place): Promise<void> {
    await inBatchSpan(calls, () =>
      together(calls, (some) => this.reconciliation.identifyContested(tenantId, primaryId, some, place.fail)),
    );
    place.leave();
    this.count -= calls.length;
    this.underWay.delete(key);
    this.startGroups();
  }
}
