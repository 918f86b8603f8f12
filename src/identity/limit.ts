interface Waiting {
  readonly letIn: () => void;
  readonly timer: NodeJS.Timeout;
}

/** Limits how many run at once. The others wait in order of arrival, and are refused if too many wait or one waits too long. */
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
   * @returns a function that frees the place; only its first call counts
   * @throws the error that `refusal` creates
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

  /** Runs work within the limit. */
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

  /** Passes the place to the next one that waits, so that a new arrival can't be faster. */
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
