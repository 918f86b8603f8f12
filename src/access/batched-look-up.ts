import { LRUCache } from 'lru-cache';
import { OverloadedError } from '../http/problems/problem.errors.js';

/** A change in the database, such as a revocation, reaches every replica within this time. */
const CACHE_MS = 5_000;
const MAX_KEPT = 20_000;
/** Ids per query, and callers that may wait for one. A flood of invented ids must not fill the memory. */
const MAX_ASKED = 500;
const MAX_WAITING = 5_000;

interface Waiting<V> {
  readonly id: string;
  readonly answer: (value: V | null) => void;
  readonly fail: (reason: unknown) => void;
}

/**
 * What was looked up recently by id, such as keys.
 *
 * Other ids are looked up together, one query at a time, so that a flood of invented ids uses only one connection. An
 * unknown id is not remembered, so a new one works at once.
 */
export class BatchedLookUp<V extends { readonly id: string }> {
  private readonly kept = new LRUCache<string, V>({ max: MAX_KEPT, ttl: CACHE_MS });
  private waiting: Waiting<V>[] = [];
  private isAsking = false;

  /**
   * @param load reads the existing ones among some ids
   * @param things what they are, for the error if too many are being looked up
   */
  constructor(
    private readonly load: (ids: readonly string[]) => Promise<readonly V[]>,
    private readonly things: string,
  ) {}

  /**
   * The one with an id, null if there is none. Immediate if it was used recently.
   *
   * @throws {DatabaseUnavailableError} if it must be looked up and the database can't answer
   * @throws {OverloadedError} if too many are being looked up
   */
  find(id: string): V | null | Promise<V | null> {
    return this.kept.get(id) ?? this.ask(id);
  }

  /** Looks it up again the next time. */
  forget(id: string): void {
    this.kept.delete(id);
  }

  private ask(id: string): Promise<V | null> {
    if (this.waiting.length >= MAX_WAITING) {
      throw new OverloadedError(`too many ${this.things} are being looked up`);
    }
    return new Promise((answer, fail) => {
      this.waiting.push({ id, answer, fail });
      if (!this.isAsking) {
        void this.askForAll();
      }
    });
  }

  private async askForAll(): Promise<void> {
    this.isAsking = true;
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, MAX_ASKED);
      try {
        const found = new Map(
          (await this.load([...new Set(batch.map(({ id }) => id))])).map((value) => [value.id, value]),
        );
        found.forEach((value, id) => this.kept.set(id, value));
        batch.forEach(({ id, answer }) => answer(found.get(id) ?? null));
      } catch (error) {
        // Callers that arrived in the meantime would only wait for the same failure, one query after the other.
        [...batch, ...this.waiting.splice(0)].forEach(({ fail }) => fail(error));
      }
    }
    this.isAsking = false;
  }
}
