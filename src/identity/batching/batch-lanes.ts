import type { IdentityMetrics } from '../identity.metrics.js';
import { inBatchSpan } from '../../telemetry/tracing/tracing.js';
import { OverloadedError } from '../../http/problems/problem.errors.js';
import { refuseLate, takeTogether, together, type WaitingCall } from './call.js';

interface Options {
  /** Batches under way at once. */
  readonly lanes: number;
  /** Calls of a batch at most. */
  readonly batchMax: number;
  /** So many must wait for a batch to be read beside another that is being read. */
  readonly minBeside: number;
  /** Calls that may wait. */
  readonly queueMax: number;
  readonly tooMany: string;
  readonly tooLate: () => Error;
}

/** Works on a batch, and tells when it is decided. */
type Work = (tenantId: number, calls: readonly WaitingCall[], onDecided: () => void) => Promise<void>;

/**
 * Natural batching: while batches are under way, arriving calls wait, and the next batch takes all that wait.
 *
 * An idle lane handles a call at once; a busy service shares a transaction among many, and calls about one hot identity
 * meet in one batch, where in transactions of their own they would fight over its rows.
 */
export class BatchLanes {
  /** By tenant, in order of arrival; a batch never mixes tenants. */
  private readonly queues = new Map<number, WaitingCall[]>();
  private waitingCalls = 0;
  private busy = 0;
  /** How many of the batches under way are not decided yet; the others write. */
  private undecided = 0;
  /** Batches under way, whose callers may not have been answered yet. */
  private readonly underWay = new Set<readonly WaitingCall[]>();

  constructor(
    private readonly options: Options,
    private readonly metrics: IdentityMetrics,
    private readonly work: Work,
  ) {}

  get waiting(): number {
    return this.waitingCalls;
  }

  get busyLanes(): number {
    return this.busy;
  }

  get isIdle(): boolean {
    return this.queues.size === 0 && this.underWay.size === 0;
  }

  add(tenantId: number, call: WaitingCall): void {
    const queue = this.queues.get(tenantId) ?? [];
    if (!this.hasRoom(queue.length)) {
      call.fail(new OverloadedError(this.options.tooMany));
      return;
    }
    queue.push(call);
    this.queues.set(tenantId, queue);
    this.waitingCalls++;
    this.fillLanes();
  }

  /** Lets calls of a batch wait once more, before those that came later. */
  putBack(tenantId: number, calls: readonly WaitingCall[]): void {
    if (calls.length === 0) {
      return;
    }
    this.queues.set(tenantId, [...calls, ...(this.queues.get(tenantId) ?? [])]);
    this.waitingCalls += calls.length;
  }

  /**
   * Answers those that wait for too long, whatever holds up the lanes: a database that has stopped to answer would hold
   * them for as long as a statement may take, and a connection after it.
   */
  sweep(): void {
    for (const [tenantId, queue] of this.queues) {
      this.waitingCalls -= refuseLate(queue, this.options.tooLate);
      if (queue.length === 0) {
        this.queues.delete(tenantId);
      }
    }
    this.underWay.forEach((batch) => batch.forEach((call) => call.failIfLate()));
  }

  /** Whether one more may wait. In a full house, those may still come whose tenant has less than its share of it. */
  private hasRoom(ofTenant: number): boolean {
    const { queueMax } = this.options;
    return this.waitingCalls < queueMax || ofTenant < queueMax / (this.queues.size + 1);
  }

  private fillLanes(): void {
    for (const [tenantId, queue] of this.queues) {
      if (!this.isLaneFree(queue.length)) {
        return;
      }
      // Taken out and, if more wait, put back last: tenants take turns.
      this.queues.delete(tenantId);
      const batch = takeTogether(queue, this.options.batchMax);
      this.waitingCalls -= batch.length;
      if (queue.length > 0) {
        this.queues.set(tenantId, queue);
      }
      this.busy++;
      this.undecided++;
      void this.metrics.batch(batch, () => inBatchSpan(batch, () => this.run(tenantId, batch)));
    }
  }

  /**
   * While one batch reads, another pays only if it is large: each costs as much as reading a dozen sightings. While one
   * writes, the other lanes are free to all, so that what is known does not wait for a disk.
   */
  private isLaneFree(waiting: number): boolean {
    const { lanes, minBeside } = this.options;
    return this.busy < lanes && (this.undecided === 0 || waiting >= minBeside);
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
      await together(batch, (calls) => this.work(tenantId, calls, onDecided));
    } finally {
      onDecided();
      this.underWay.delete(batch);
      this.busy--;
      this.fillLanes();
    }
  }
}
