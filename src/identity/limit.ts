interface Waiting {
  readonly letIn: () => void;
  readonly timer: NodeJS.Timeout;
}

/** Lets a few in at once. The others wait in order of arrival, and are refused if they are too many or wait too long. */
export class Limit {
  private inside = 0;
  private readonly queue = new Set<Waiting>();

  constructor(
    private readonly options: {
      readonly atOnce: number;
      readonly maxWaiting: number;
      readonly waitMs: number;
      readonly refusal: () => Error;
    },
  ) {}

  /** How many wait. */
  get waiting(): number {
    return this.queue.size;
  }

  /**
   * Resolves when there is room.
   *
   * @returns leaves again; more than one call counts as one
   * @throws what `refusal` makes
   */
  async enter(): Promise<() => void> {
    const { atOnce, maxWaiting, refusal } = this.options;
    if (this.inside < atOnce) {
      this.inside++;
    } else if (this.queue.size < maxWaiting) {
      await this.turn();
    } else {
      throw refusal();
    }
    let isInside = true;
    return () => {
      if (isInside) {
        isInside = false;
        this.leave();
      }
    };
  }

  /** Does work inside. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const leave = await this.enter();
    try {
      return await work();
    } finally {
      leave();
    }
  }

  private turn(): Promise<void> {
    const { waitMs, refusal } = this.options;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.queue.delete(waiting);
        reject(refusal());
      }, waitMs);
      const waiting: Waiting = { letIn: resolve, timer };
      this.queue.add(waiting);
    });
  }

  /** The next one takes over the place, so that nobody who arrives just now is faster. */
  private leave(): void {
    const [next] = this.queue;
    if (next === undefined) {
      this.inside--;
      return;
    }
    this.queue.delete(next);
    clearTimeout(next.timer);
    next.letIn();
  }
}
