import type { Sighting } from '../../identity/domain/contact.js';
import { IdentifierMap } from '../../identity/domain/identifier-map.js';
import type { Kinds } from '../../identity/domain/kinds.js';
import type { InputRow } from './row-maker.js';

/**
 * Finds the further sightings that join the rows of one identity if the rows share no identifier. That happens after a
 * merge, which creates no contact.
 *
 * The rows of an identity are consecutive. A sighting of two known identifiers of different kinds merges their identities.
 */
export class IdentityJoiner {
  /** Rows that could not be joined: no sighting can hold two identifiers of one kind. */
  apart = 0;
  private identity: string | null = null;
  /** Identifiers of the rows that are joined, and the first value of each kind */
  private readonly known = new IdentifierMap<true>();
  private readonly firsts = new Map<string, string>();
  /** Rows that nothing joins yet */
  private waiting: Sighting[] = [];

  constructor(private readonly kinds: Kinds) {}

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
    this.firsts.clear();
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

  private isTogether({ identifiers }: Sighting): boolean {
    return this.firsts.size === 0 || identifiers.some((identifier) => this.known.has(identifier));
  }

  private joinOf({ identifiers }: Sighting): Sighting | undefined {
    for (const { kind, value } of identifiers) {
      for (const [otherKind, otherValue] of this.firsts) {
        if (kind !== otherKind) {
          return { identifiers: this.kinds.identifiersOf({ [kind]: value, [otherKind]: otherValue }) };
        }
      }
    }
    return undefined;
  }

  private add({ identifiers }: Sighting): void {
    for (const identifier of identifiers) {
      this.known.set(identifier, true);
      if (!this.firsts.has(identifier.kind)) {
        this.firsts.set(identifier.kind, identifier.value);
      }
    }
  }
}
