import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import type { IdentityMetrics } from '../identity.metrics.js';
import { inBatchSpan } from '../../telemetry/tracing/tracing.js';
import { OverloadedError } from '../../http/problems/problem.errors.js';
import { TenantPlaces } from '../tenant-places.js';
import { refuseLate, takeTogether, together, type WaitingCall } from './call.js';

interface Options {
  /** Batches that run at the same time. */
  readonly lanes: number;
  /** The most calls in a batch. */
  readonly batchMax: number;
  /** A second batch is read while another is being read only if this many sightings wait. */
  readonly minBeside: number;
  /** A batch that takes longer gives its lane to others, in ms. */
  readonly patienceMs: number;
  /** Calls that may wait. */
  readonly queueMax: number;
  readonly tooMany: string;
  readonly tooLate: () => Error;
}

/** What a batch reports while it is worked on. */
export interface Progress {
  readonly onDecided: () => void;
  /** The database can't serve it at the moment; it is tried again. */
  readonly onUnavailable: () => void;
}

interface Begun extends Progress {
  readonly leave: () => void;
}

type Work = (tenantId: number, calls: readonly WaitingCall[], progress: Progress) => Promise<void>;

/**
 * Natural batching: while batches are running, arriving calls wait, and the next batch takes all that wait.
 *
 * An idle lane takes all calls that have arrived, and does not wait for more. A busy service shares a transaction among many
 * calls. Calls about one hot identity meet in one batch, while separate transactions would compete for its rows.
 *
 * A batch that takes long or fails gives its lane to others, and its tenant is held back; see {@link TenantPlaces}.
 */
export class BatchLanes {
  /** By tenant, in order of arrival; a batch never mixes tenants. */
  private readonly queues = new Map<number, WaitingCall[]>();
  private waitingCalls = 0;
  private readonly places: TenantPlaces;
  /** How many of the batches in lanes are not decided yet; the others write. */
  private undecided = 0;
  private fillsSoon = false;
  /** Running batches; some of their callers may not have an answer yet. */
  private underWay: readonly (readonly WaitingCall[])[] = [];

  constructor(
    private readonly options: Options,
    private readonly metrics: IdentityMetrics,
    private readonly work: Work,
  ) {
    const { lanes, patienceMs } = options;
    this.places = new TenantPlaces({ atOnce: lanes, patienceMs, aside: lanes, asideOfOne: 1 });
  }

  get waiting(): number {
    return this.waitingCalls;
  }

  get busyLanes(): number {
    return this.places.size;
  }

  get isIdle(): boolean {
    return this.queues.size === 0 && this.underWay.length === 0;
  }

  /** Queues a call, or fails it if too many are waiting. */
  add(tenantId: number, call: WaitingCall): void {
    this.places.expect(tenantId);
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
    this.places.giveAwayLate();
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
    let areLanesTaken = false;
    for (const [tenantId, queue] of this.queues) {
      const isHeldBack = this.places.holdsBack(tenantId);
      if (isHeldBack ? !this.places.hasRoom(tenantId) : areLanesTaken || !this.isLaneFree(queue.length)) {
        areLanesTaken ||= !isHeldBack;
        if (areLanesTaken && !this.places.holdsBackAny) {
          return;
        }
        continue;
      }
      // Removed and, if more wait, added again at the end, so that tenants take turns.
      this.queues.delete(tenantId);
      const batch = takeTogether(queue, this.options.batchMax);
      this.waitingCalls -= batch.length;
      if (queue.length > 0) {
        this.queues.set(tenantId, queue);
      }
      const begun = this.begin(tenantId);
      void this.metrics.batch(batch, () => inBatchSpan(batch, () => this.run(tenantId, batch, begun)));
    }
  }

  /**
   * While one batch reads, a second one is worth its cost only if it is large: a batch costs as much as reading a dozen
   * sightings. While one writes, the other lanes are free, so that known customers do not wait for the disk.
   */
  private isLaneFree(waiting: number): boolean {
    const { lanes, minBeside } = this.options;
    return this.places.taken < lanes && (this.undecided === 0 || waiting >= minBeside);
  }

  /** Takes a lane for a batch, or a place aside, which no other batch waits for. */
  private begin(tenantId: number): Begun {
    let isDecided = false;
    const onDecided = (): void => {
      if (!isDecided) {
        isDecided = true;
        this.undecided--;
        this.fillLanesSoon();
      }
    };
    this.undecided++;
    const onAside = (): void => {
      onDecided();
      this.fillLanesSoon();
    };
    const { fail, leave } = this.places.take(tenantId, onAside);
    return { onDecided, onUnavailable: fail, leave };
  }

  private async run(tenantId: number, batch: readonly WaitingCall[], begun: Begun): Promise<void> {
    this.underWay = [...this.underWay, batch];
    try {
      await together(batch, (calls) =>
        this.work(tenantId, calls, begun).catch((error: unknown) => {
          if (error instanceof DatabaseUnavailableError) {
            begun.onUnavailable();
          }
          throw error;
        }),
      );
    } finally {
      begun.onDecided();
      this.underWay = this.underWay.filter((each) => each !== batch);
      begun.leave();
      this.fillLanesSoon();
    }
  }
}
