import type { Sighting } from '../../identity/domain/contact.js';
import type { Row } from './row-reader.js';

/**
 * Says which further sightings bring the rows of one identity together, where the rows' own identifiers do not: contacts
 * that were joined by a merge, which makes no contact, share none.
 *
 * The rows of an identity follow one another. A sighting of an email and a phone number that both are known merges.
 */
export class IdentityJoiner {
  /** Rows that came apart from their identity: two emails, or two phone numbers, can't be seen together. */
  apart = 0;
  private identity: string | null = null;
  private email: string | null = null;
  private phoneNumber: string | null = null;
  /** Identifiers of the rows that are together */
  private readonly known = new Set<string>();
  /** Rows that nothing connects yet */
  private waiting: Sighting[] = [];

  /** The sightings that must follow this row. */
  joinsAfter(row: Row): Sighting[] {
    if (row.identity !== this.identity) {
      this.finish();
      this.identity = row.identity;
    }
    if (row.sighting === null || row.identity === null) {
      return [];
    }
    this.waiting.push(row.sighting);
    return this.connect();
  }

  /** No row follows. */
  finish(): void {
    this.apart += this.waiting.length;
    this.waiting = [];
    this.known.clear();
    this.email = null;
    this.phoneNumber = null;
  }

  private connect(): Sighting[] {
    const joins: Sighting[] = [];
    for (let i = 0; i < this.waiting.length; i++) {
      const sighting = this.waiting[i]!;
      const join = this.isTogether(sighting) ? null : this.joinOf(sighting);
      if (join === undefined) {
        continue;
      }
      if (join !== null) {
        joins.push(join);
      }
      this.add(sighting);
      this.waiting.splice(i, 1);
      // what waited before may be connected by it
      i = -1;
    }
    return joins;
  }

  private isTogether({ email, phoneNumber }: Sighting): boolean {
    return (
      this.known.size === 0 ||
      (email !== null && this.known.has(`e${email}`)) ||
      (phoneNumber !== null && this.known.has(`p${phoneNumber}`))
    );
  }

  private joinOf({ email, phoneNumber }: Sighting): Sighting | undefined {
    if (email !== null && this.phoneNumber !== null) {
      return { email, phoneNumber: this.phoneNumber };
    }
    return phoneNumber !== null && this.email !== null ? { email: this.email, phoneNumber } : undefined;
  }

  private add({ email, phoneNumber }: Sighting): void {
    if (email !== null) {
      this.email ??= email;
      this.known.add(`e${email}`);
    }
    if (phoneNumber !== null) {
      this.phoneNumber ??= phoneNumber;
      this.known.add(`p${phoneNumber}`);
    }
  }
}
