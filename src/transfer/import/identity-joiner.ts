import type { Sighting } from '../../identity/domain/contact.js';
import type { InputRow } from './row-maker.js';

/**
 * Finds the further sightings that join the rows of one identity if the rows share no identifier. That happens after a
 * merge, which creates no contact.
 *
 * The rows of an identity are consecutive. A sighting of a known email and a known phone number merges their identities.
 */
export class IdentityJoiner {
  /** Rows that could not be joined: no sighting can hold two emails or two phone numbers. */
  apart = 0;
  private identity: string | null = null;
  private email: string | null = null;
  private phoneNumber: string | null = null;
  /** Identifiers of the rows that are joined */
  private readonly known = new Set<string>();
  /** Rows that nothing joins yet */
  private waiting: Sighting[] = [];

  /** The sightings to add after this row. */
  joinsAfter(row: InputRow): Sighting[] {
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

  /** Call it after the last row. */
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
      // rows before it may be joined now
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
