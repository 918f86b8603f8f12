import type { PastState, RecordedContact } from '../../../src/identity/domain/past.js';
import type { StoredRow } from './memory-store.js';

/** What the database records of contacts while they change: when each was written and deleted, and its earlier states. */
export class Chronicle {
  private readonly written = new Map<number, { recordedAt: number; deletedAt: number | null }>();
  readonly past: PastState[] = [];

  /** Notes what changed from one store to the next at a moment, which must be later than those before. */
  note(before: readonly StoredRow[], after: readonly StoredRow[], now: number): void {
    const earlier = new Map(before.map((row) => [row.id, row]));
    for (const { id, linkedId, createdAt, identifiers, isDeleted } of after) {
      const known = earlier.get(id);
      if (known === undefined) {
        this.written.set(id, { recordedAt: now, deletedAt: null });
        continue;
      }
      const isStripped = identifiers.length !== known.identifiers.length;
      if (linkedId !== known.linkedId || createdAt !== known.createdAt || isStripped) {
        this.past.push({
          contactId: id,
          until: now,
          linkedId: known.linkedId,
          createdAt: known.createdAt,
          identifiers: known.identifiers,
        });
      }
      if (isDeleted && !known.isDeleted) {
        this.written.set(id, { ...this.written.get(id)!, deletedAt: now });
      }
    }
  }

  contacts(rows: readonly StoredRow[]): RecordedContact[] {
    return rows.map((row) => ({ ...row, ...this.written.get(row.id)!, isAssumed: false }));
  }
}
