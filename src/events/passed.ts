/** A decision commits sooner than this after the id of its events was drawn, unless its process was frozen. */
const SURE_MS = 60_000;

interface Marks {
  /** Ids that were taken a minute ago or more */
  readonly sure: number;
  /** Ids that were taken when the last minute began */
  readonly next: number;
  readonly latest: number;
  /** When the last minute began, by `performance.now()` */
  readonly since: number;
}

const NONE: Marks = { sure: 0, next: 0, latest: 0, since: -Infinity };

/**
 * Up to which id no events wait any more, almost surely.
 *
 * While some transaction of the database stays open for long, PostgreSQL keeps all rows that were deleted since. Who looks for the next
 * events from the first id on reads them all, each time. So the search begins after what was taken a minute ago. What comes later than
 * that is found by a search from the first id, once in a while. It is in order: nobody could change its identity meanwhile.
 */
export class Passed {
  private readonly marks = new Map<number, Marks>();

  /** After which id to search for events of a tenant. */
  of(tenantId: number): number {
    return this.marks.get(tenantId)?.sure ?? 0;
  }

  /** Ids are drawn anew: the database was restored. */
  forget(tenantId: number): void {
    this.marks.delete(tenantId);
  }

  /** Events up to an id got their numbers. @param id 0: none did */
  note(tenantId: number, id: number): void {
    const { sure, next, latest, since } = this.marks.get(tenantId) ?? NONE;
    const now = performance.now();
    const taken = Math.max(latest, id);
    this.marks.set(
      tenantId,
      now - since > SURE_MS
        ? { sure: next, next: taken, latest: taken, since: now }
        : { sure, next, latest: taken, since },
    );
  }
}
