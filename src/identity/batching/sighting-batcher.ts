import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import { OverloadedError } from '../../http/problems/problem.errors.js';
import { activeSpan } from '../../telemetry/tracing/tracing.js';
import type { IdentityView, Sighting } from '../domain/contact.js';
import { IdentityMetrics } from '../identity.metrics.js';
import { ReconciliationService } from '../reconciliation.service.js';
import { BatchLanes, type Progress } from './batch-lanes.js';
import { WaitingCall } from './call.js';
import { ContestedCalls } from './contested-calls.js';

const SWEEP_MS = 100;

/** A second batch is read while another is being read only if this many calls wait. */
const MIN_BESIDE = 16;

/** Rows that a batch may read: about 50 ms of work. A batch of 256 calls stays below it up to 64 contacts per identity. */
const BATCH_ROWS = 16_384;
/** A batch that would read more rows is split into this many. */
const PARTS = 8;

/** Calls about large identities that are decided together. Each answer shows a whole identity. */
const LARGE_BATCH = 16;
const LARGE_QUEUE_MAX = 512;
/** One batch of them reads at a time. While it writes, another one may read. */
const LARGE_LANES = 2;

/** A batch that takes longer is that of a tenant whose rows are slow, locked or out of reach. Calls wait 1.5 s for a lane. */
const PATIENCE_MS = 300;
/** One about large identities takes longer by itself. */
const LARGE_PATIENCE_MS = 800;

/**
 * Brings sightings to the batches that reconcile them, in separate lanes if their identity is known to be large.
 *
 * No batch waits for a timer; the only timer answers calls that have waited too long. One timer serves all, because a timer
 * per call would slow down every call.
 */
@Injectable()
export class SightingBatcher {
  private readonly lanes: BatchLanes;
  private readonly largeLanes: BatchLanes;
  private readonly contested: ContestedCalls;
  private sweeper: NodeJS.Timeout | null = null;

  constructor(
    private readonly reconciliation: ReconciliationService,
    { batchLanes, batchMax, queueMax }: Settings,
    private readonly metrics: IdentityMetrics,
  ) {
    this.contested = new ContestedCalls(reconciliation, queueMax);
    this.lanes = new BatchLanes(
      {
        lanes: batchLanes,
        batchMax,
        minBeside: MIN_BESIDE,
        patienceMs: PATIENCE_MS,
        queueMax,
        tooMany: 'too many calls are waiting',
        tooLate: () => new DatabaseUnavailableError('the database is too slow for the calls that wait'),
      },
      metrics,
      (tenantId, calls, progress) => this.reconcile(tenantId, calls, progress),
    );
    this.largeLanes = new BatchLanes(
      {
        lanes: LARGE_LANES,
        batchMax: LARGE_BATCH,
        minBeside: Infinity,
        patienceMs: LARGE_PATIENCE_MS,
        queueMax: Math.min(LARGE_QUEUE_MAX, queueMax),
        tooMany: 'too many calls about large identities are waiting',
        tooLate: () => new OverloadedError('too many calls about large identities came first'),
      },
      metrics,
      (tenantId, calls, progress) => this.reconcileLarge(tenantId, calls, progress),
    );
    metrics.watch(() => ({
      waiting: this.lanes.waiting,
      waitingForLarge: this.largeLanes.waiting,
      busyLanes: this.lanes.busyLanes + this.largeLanes.busyLanes,
      contested: this.contested.size,
    }));
  }

  /**
   * Reconciles a sighting together with those that arrive at the same time.
   *
   * After each of these errors the sighting may be sent again.
   *
   * @throws {OverloadedError} if too many sightings wait
   * @throws {DatabaseUnavailableError} if the database can't serve, or is too slow
   * @throws {ContentionError} if other writers hold or change the identity for too long
   */
  identify(tenantId: number, sighting: Sighting): Promise<IdentityView> {
    return new Promise((resolve, reject) => {
      const call = new WaitingCall(
        sighting,
        activeSpan(),
        (view) => {
          resolve(view);
          this.metrics.answered(view);
        },
        reject,
      );
      if (this.reconciliation.isAboutLarge(tenantId, sighting)) {
        this.addLarge(tenantId, call);
      } else {
        this.lanes.add(tenantId, call);
      }
      // The timer alone must not keep the process alive.
      this.sweeper ??= setInterval(() => this.sweep(), SWEEP_MS).unref();
    });
  }

  private sweep(): void {
    this.lanes.sweep();
    this.largeLanes.sweep();
    this.contested.sweep();
    if (this.lanes.isIdle && this.largeLanes.isIdle && this.contested.size === 0 && this.sweeper !== null) {
      clearInterval(this.sweeper);
      this.sweeper = null;
    }
  }

  private addLarge(tenantId: number, call: WaitingCall): void {
    call.togetherMax = LARGE_BATCH;
    this.largeLanes.add(tenantId, call);
  }

  private async reconcile(
    tenantId: number,
    calls: readonly WaitingCall[],
    progress: Progress,
  ): Promise<void> {
    const { contested, unread } = await this.reconciliation.identify(tenantId, calls, {
      maxRows: BATCH_ROWS,
      ...progress,
    });
    this.contested.add(tenantId, contested);
    if (calls.length === 1) {
      unread.forEach((call) => this.addLarge(tenantId, call));
    } else {
      unread.forEach((call) => (call.togetherMax = Math.ceil(calls.length / PARTS)));
      this.lanes.putBack(tenantId, unread);
    }
  }

  private async reconcileLarge(
    tenantId: number,
    calls: readonly WaitingCall[],
    progress: Progress,
  ): Promise<void> {
    const { contested } = await this.reconciliation.identify(tenantId, calls, progress);
    this.contested.add(tenantId, contested);
  }
}
