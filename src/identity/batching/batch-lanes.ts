import type { IdentityMetrics } from '../identity.metrics.js';
import { inBatchSpan } from '../../telemetry/tracing/tracing.js';
import { OverloadedError } from '../../http/problems/problem.errors.js';
import { refuseLate, takeTogether, together, type WaitingCall } from './call.js';

interface Options {
  /** Batches that run at the same time. */
  readonly lanes: number;
  /** The most calls in a batch. */
  readonly batchMax: number;
  /** A second batch is read while another is being read only if this many sightings wait. */
  readonly minBeside: number;
  /** Calls that may wait. */
  readonly queueMax: number;
  readonly tooMany: string;
  readonly tooLate: () => Error;
}

/** Works on a batch, and reports when it is decided. */
type Work = (tenantId: number, calls: readonly WaitingCall[], onDecided: () => void) => Promise<void>;

/**
 * Natural batching: while batches are running, arriving calls wait, and the next batch takes all that wait.
 *
 * An idle lane takes all calls that have arrived, and does not wait for more. A busy service shares a transaction among many calls. Calls about one hot identity meet
 * in one batch, while separate transactions would compete for its rows.
 */
export class BatchLanes {
  /** By tenant, in order of arrival; a batch never mixes tenants. */
  private readonly queues = new Map<number, WaitingCall[]>();
  private waitingCalls = 0;
  private busy = 0;
  /** How many of the running batches are not decided yet; the others write. */
  private undecided = 0;
  private fillsSoon = false;
  /** Running batches; some of their callers may not have an answer yet. */
  private underWay: readonly (readonly WaitingCall[])[] = [];

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
    return this.queues.size === 0 && this.underWay.length === 0;
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
    this.fillLanesSoon();
  }

  /** Lets calls of a batch wait again, before those that arrived later. */
  putBack(tenantId: number, calls: readonly WaitingCall[]): void {
    if (calls.length === 0) {
      return;
    }
    this.queues.set(tenantId, [...calls, ...(this.queues.get(tenantId) ?? [])]);
    this.waitingCalls += calls.length;
  }

  /**
   * Answers calls that have waited too long, whatever blocks the lanes. A database that no longer answers would block them for
   * as long as a statement and then a connection may take.
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

  /** Whether one more sighting may wait. If the queue is full, tenants with less than their share of it still may add one. */
  private hasRoom(ofTenant: number): boolean {
    const { queueMax } = this.options;
    return this.waitingCalls < queueMax || ofTenant < queueMax / (this.queues.size + 1);
  }

  /**
   * Fills the lanes when the calls that have arrived are all read from their sockets. The first of them would otherwise be a batch of
   * its own, although the others are only microseconds behind it.
   */
  private fillLanesSoon(): void {
    if (!this.fillsSoon) {
      this.fillsSoon = true;
      setImmediate(() => {
        this.fillsSoon = false;
        this.fillLanes();
      });
    }
  }

  private fillLanes(): void {
    for (const [tenantId, queue] of this.queues) {
      if (!this.isLaneFree(queue.length)) {
        return;
      }
      // Removed and, if more wait, added again at the end, so that tenants take turns.
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
   * While one batch reads, a second one is worth its cost only if it is large: a batch costs as much as reading a dozen
   * sightings. While one writes, the other lanes are free, so that known customers do not wait for the disk.
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
        this.fillLanesSoon();
      }
    };
    this.underWay = [...this.underWay, batch];
    try {
      await together(batch, (calls) => this.work(tenantId, calls, onDecided));
    } finally {
      onDecided();
      this.underWay = this.underWay.filter((each) => each !== batch);
      this.busy--;
      this.fillLanesSoon();
    }
  }
}
