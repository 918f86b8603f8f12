import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { DatabaseUnavailableError } from '../database/database-unavailable.error.js';
import { OverloadedError } from '../limits/overloaded.error.js';
import { IdentityMetrics } from '../metrics/identity-metrics.js';
import { activeSpan, inBatchSpan, type Traced } from '../tracing/tracing.js';
import { ANSWER_WITHIN_MS, tooSlow } from './answer-in-time.js';
import { ContentionError } from './contention.error.js';
import type { IdentityView, Sighting } from './domain/contact.js';
import { ReconciliationService, type Call } from './reconciliation.service.js';

/** How long a sighting waits for its batch at the most; longer, and the caller had better try again elsewhere. */
const MAX_WAIT_MS = 1_500;
const SWEEP_MS = 100;

/** So many must wait for a batch to be read beside another that is being read. */
const MIN_BESIDE = 16;

interface Waiting extends Call, Traced {
  readonly since: number;
  readonly fail: (reason: unknown) => void;
}

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
  private readonly queues = new Map<number, Waiting[]>();
  private waiting = 0;
  private busyLanes = 0;
  /** How many of the batches under way are not decided yet; the others write. */
  private undecided = 0;
  /** Batches under way, whose callers may not have been answered yet. */
  private readonly underWay = new Set<readonly Waiting[]>();
  private sweeper: NodeJS.Timeout | null = null;

  constructor(
    private readonly reconciliation: ReconciliationService,
    private readonly settings: Settings,
    private readonly metrics: IdentityMetrics,
  ) {
    metrics.watch(() => ({ waiting: this.waiting, busyLanes: this.busyLanes }));
  }

  /**
   * Reconciles a sighting together with those that arrive at the same time.
   *
   * @throws {OverloadedError} if too many wait already
   * @throws {DatabaseUnavailableError} if the database can't serve, or did not get to the sighting in time
   * @throws {ContentionError} if it lost every race; in either case the sighting may be sent again
   */
  identify(tenantId: number, sighting: Sighting): Promise<IdentityView> {
    return new Promise((answer, fail) => {
      const queue = this.queues.get(tenantId) ?? [];
      if (!this.hasRoom(queue.length)) {
        fail(new OverloadedError('too many calls wait already'));
        return;
      }
      this.waiting++;
      queue.push({ sighting, answer, fail, since: performance.now(), span: activeSpan() });
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
      const late = queue.findIndex(({ since }) => !isOver(since, MAX_WAIT_MS));
      const refused = queue.splice(0, late === -1 ? queue.length : late);
      this.waiting -= refused.length;
      refused.forEach(({ fail }) =>
        fail(new DatabaseUnavailableError('the database is too slow for all that wait')),
      );
      if (queue.length === 0) {
        this.queues.delete(tenantId);
      }
    }
    // The work goes on, and may still be written: safe, because a repeated sighting is.
    for (const batch of this.underWay) {
      batch.filter(({ since }) => isOver(since, ANSWER_WITHIN_MS)).forEach(({ fail }) => fail(tooSlow()));
    }
    if (this.queues.size === 0 && this.underWay.size === 0 && this.sweeper !== null) {
      clearInterval(this.sweeper);
      this.sweeper = null;
    }
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

  private async run(tenantId: number, batch: readonly Waiting[]): Promise<void> {
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
      await this.reconcile(tenantId, batch, onDecided);
    } finally {
      onDecided();
      this.underWay.delete(batch);
      this.busyLanes--;
      this.fillLanes();
    }
  }

  private async reconcile(tenantId: number, batch: readonly Waiting[], onDecided: () => void): Promise<void> {
    const answered = new Set<Waiting>();
    const calls = batch.map((waiting) => ({
      sighting: waiting.sighting,
      answer: (view: IdentityView) => {
        answered.add(waiting);
        waiting.answer(view);
        this.metrics.answered(view);
      },
    }));
    try {
      await this.reconciliation.identify(tenantId, calls, onDecided);
    } catch (error) {
      const left = batch.filter((waiting) => !answered.has(waiting));
      if (left.length <= 1 || isForAll(error)) {
        left.forEach(({ fail }) => fail(error));
        return;
      }
      // It is about one of them; alone, each of the others gets its answer.
      for (const waiting of left) {
        await this.reconcile(tenantId, [waiting], onDecided);
      }
    }
  }
}

function isOver(since: number, limitMs: number): boolean {
  return performance.now() - since > limitMs;
}

/** Whether an error would meet the sightings of a batch just as well one by one. */
function isForAll(error: unknown): boolean {
  return error instanceof DatabaseUnavailableError || error instanceof ContentionError;
}
