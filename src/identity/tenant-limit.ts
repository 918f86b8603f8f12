import { DatabaseUnavailableError } from '../database/session/unavailable.js';
import { TenantPlaces, type Place } from './tenant-places.js';

/** How often those who wait look for places of late work. */
const LOOK_MS = 100;

interface Waiting {
  readonly letIn: (place: Place) => void;
  readonly timer: NodeJS.Timeout | null;
}

/**
 * Limits how many run at once, like {@link Limit}, for work of several tenants: they take turns, and a slow one is held back, see
 * {@link TenantPlaces}.
 */
export class TenantLimit {
  private readonly places: TenantPlaces;
  /** By tenant, in order of arrival; the tenant whose turn is next comes first. */
  private readonly queues = new Map<number, Set<Waiting>>();
  private waiting = 0;
  private looker: NodeJS.Timeout | null = null;

  constructor(
    private readonly options: {
      readonly atOnce: number;
      readonly patienceMs: number;
      readonly aside: number;
      readonly maxWaiting: number;
      /** Infinity: they wait for as long as it takes. */
      readonly waitMs: number;
      readonly refusal: () => Error;
    },
  ) {
    const { atOnce, patienceMs, aside } = options;
    this.places = new TenantPlaces({ atOnce, patienceMs, aside, asideOfOne: 1 });
  }

  /**
   * Runs work within the limit.
   *
   * @throws the error that `refusal` creates, if too many wait or one waits too long
   */
  async run<T>(tenantId: number, work: () => Promise<T>): Promise<T> {
    const place = await this.enter(tenantId);
    try {
      return await work();
    } catch (error) {
      if (error instanceof DatabaseUnavailableError) {
        place.fail();
      }
      throw error;
    } finally {
      place.leave();
      this.letIn();
    }
  }

  private async enter(tenantId: number): Promise<Place> {
    const { maxWaiting, refusal } = this.options;
    this.places.expect(tenantId);
    if (this.places.hasRoom(tenantId) && !this.queues.has(tenantId)) {
      return this.places.take(tenantId);
    }
    if (this.waiting >= maxWaiting) {
      throw refusal();
    }
    return this.turn(tenantId);
  }

  private turn(tenantId: number): Promise<Place> {
    const { waitMs, refusal } = this.options;
    const queue = this.queues.get(tenantId) ?? new Set();
    this.queues.set(tenantId, queue);
    this.waiting++;
    this.looker ??= setInterval(() => this.look(), LOOK_MS).unref();
    return new Promise((resolve, reject) => {
      const refuse = (): void => {
        this.remove(tenantId, queue, waiting);
        reject(refusal());
      };
      const timer = Number.isFinite(waitMs) ? setTimeout(refuse, waitMs) : null;
      const waiting: Waiting = { letIn: resolve, timer };
      queue.add(waiting);
    });
  }

  private look(): void {
    this.places.giveAwayLate();
    this.letIn();
  }

  /** Passes free places to those who wait, so that a new arrival can't be faster. */
  private letIn(): void {
    for (const [tenantId, queue] of this.queues) {
      const [next] = queue;
      if (next !== undefined && this.places.hasRoom(tenantId)) {
        this.remove(tenantId, queue, next);
        if (queue.size > 0) {
          this.queues.delete(tenantId);
          this.queues.set(tenantId, queue);
        }
        next.letIn(this.places.take(tenantId));
      }
    }
  }

  private remove(tenantId: number, queue: Set<Waiting>, waiting: Waiting): void {
    clearTimeout(waiting.timer ?? undefined);
    queue.delete(waiting);
    this.waiting--;
    if (queue.size === 0) {
      this.queues.delete(tenantId);
    }
    if (this.waiting === 0 && this.looker !== null) {
      clearInterval(this.looker);
      this.looker = null;
    }
  }
}
