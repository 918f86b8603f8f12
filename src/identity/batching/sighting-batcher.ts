import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import { OverloadedError } from '../../http/problems/problem.errors.js';
import { IdentityMetrics } from '../identity.metrics.js';
import { activeSpan, inBatchSpan } from '../../telemetry/tracing/tracing.js';
import { ContestedCalls } from './contested-calls.js';
import type { IdentityView, Sighting } from '../domain/contact.js';
import { ReconciliationService } from '../reconciliation.service.js';
import { WaitingCall, refuseLate, together } from './call.js';

const SWEEP_MS = 100;

/** So many must wait for a batch to be read beside another that is being read. */
const MIN_BESIDE = 16;

/**
 * Natural batching: while batches are under way, arriving sightings wait, and the next batch takes all that wait.
 *
 * No batch waits for a timer; the only one there is answers those whom the database keeps waiting. An idle service handles
 * a sighting at once; a busy one shares a transaction among many, and sightings of one hot identity meet in one batch,
 * where in transactions of their own they would fight over its rows.
 */
@Injectable()
export class SightingBatcher {
  /** By tenant, in order of arrival; a batch never mixes tenants. */
  private readonly queues = new Map<number, WaitingCall[]>();
  private waiting = 0;
  private busyLanes = 0;
  /** How many of the batches under way are not decided yet; the others write. */
  private undecided = 0;
  /** Batches under way, whose callers may not have been answered yet. */
  private readonly underWay = new Set<readonly WaitingCall[]>();
  private readonly contested: ContestedCalls;
  private sweeper: NodeJS.Timeout | null = null;

  constructor(
    private readonly reconciliation: ReconciliationService,
    private readonly settings: Settings,
    private readonly metrics: IdentityMetrics,
  ) {
    this.contested = new ContestedCalls(reconciliation, settings);
    metrics.watch(() => ({
      waiting: this.waiting,
      busyLanes: this.busyLanes,
      contested: this.contested.size,
    }));
  }

  /**
   * Reconciles a sighting together with those that arrive at the same time.
   *
   * @throws {OverloadedError} if too many wait already
   * @throws {DatabaseUnavailableError} if the database can't serve, or did not get to the sighting in time
   * @throws {ContentionError} if other writers are in its way for too long; in any case the sighting may be sent again
   */
  identify(tenantId: number, sighting: Sighting): Promise<IdentityView> {
    return new Promise((resolve, reject) => {
      const queue = this.queues.get(tenantId) ?? [];
      if (!this.hasRoom(queue.length)) {
        reject(new OverloadedError('too many calls wait already'));
        return;
      }
      this.waiting++;
      queue.push(
        new WaitingCall(
          sighting,
          activeSpan(),
          (view) => {
            resolve(view);
            this.metrics.answered(view);
          },
          reject,
        ),
      );
      this.queues.set(tenantId, queue);
      this.fillLanes();
      this.sweeper ??= setInterval(() => this.sweep(), SWEEP_MS);
    });
  }

  /** Whether one more may wait. In a full house, those may still come whose tenant has less than its share of it. */
  private hasRoom(ofTenant: number): boolean {
    const { queueMax } = this.settings;
    return this.waiting < queueMax || ofTenant < queueMax / (this.queues.size + 1);
  }

  /**
   * Answers those that wait for too long, whatever holds up the lanes: a database that has stopped to answer would hold
   * them for as long as a statement may take, and a connection after it. One timer for all, because one each would cost
   * every call.
   */
  private sweep(): void {
    for (const [tenantId, queue] of this.queues) {
      this.waiting -= refuseLate(queue, tooSlowForAll);
      if (queue.length === 0) {
        this.queues.delete(tenantId);
      }
    }
    this.contested.sweep();
    this.underWay.forEach((batch) => batch.forEach((call) => call.failIfLate()));
    if (this.isIdle && this.sweeper !== null) {
      clearInterval(this.sweeper);
      this.sweeper = null;
    }
  }

  private get isIdle(): boolean {
    return this.queues.size === 0 && this.underWay.size === 0 && this.contested.size === 0;
  }

  private fillLanes(): void {
    for (const [tenantId, queue] of this.queues) {
      if (!this.isLaneFree(queue.length)) {
        return;
      }
      // Taken out and, if more wait, put back last: tenants take turns.
      this.queues.delete(tenantId);
      const batch = queue.splice(0, this.settings.batchMax);
      this.waiting -= batch.length;
      if (queue.length > 0) {
        this.queues.set(tenantId, queue);
      }
      this.busyLanes++;
      this.undecided++;
      void this.metrics.batch(batch, () => inBatchSpan(batch, () => this.run(tenantId, batch)));
    }
  }

  /**
   * While one batch reads, another pays only if it is large: each costs as much as reading a dozen sightings. While one
   * writes, the other lanes are free to all, so that what is known does not wait for a disk.
   */
  private isLaneFree(waiting: number): boolean {
    const { batchLanes } = this.settings;
    return this.busyLanes < batchLanes && (this.undecided === 0 || waiting >= MIN_BESIDE);
  }

  private async run(tenantId: number, batch: readonly WaitingCall[]): Promise<void> {
    let isDecided = false;
    const onDecided = (): void => {
      if (!isDecided) {
        isDecided = true;
        this.undecided--;
        // Not at once: what decides in the middle of its own work would start another batch within it.
        queueMicrotask(() => this.fillLanes());
      }
    };
    this.underWay.add(batch);
    try {
      await together(batch, async (calls) => {
        const contested = await this.reconciliation.identify(tenantId, calls, onDecided);
        this.contested.add(tenantId, contested);
      });
    } finally {
      onDecided();
      this.underWay.delete(batch);
      this.busyLanes--;
      this.fillLanes();
    }
  }
}

function tooSlowForAll(): DatabaseUnavailableError {
  return new DatabaseUnavailableError('the database is too slow for all that wait');
}
