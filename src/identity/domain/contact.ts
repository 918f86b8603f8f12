import { IdentifierMap } from './identifier-map.js';
import type { KnownRules } from './rules.js';

/** A normalised value that tells customers apart. Values of different kinds live in separate name spaces. */
export interface Identifier {
  /** The name of its kind: `email`, `phoneNumber`, or another of `kinds.ts`. */
  readonly kind: string;
  readonly value: string;
}

/** Identifiers presented together by one caller. */
export interface Sighting {
  /** At least one, none twice, at most one of a kind; the strongest kind first. */
  readonly identifiers: readonly Identifier[];
  /** When it took place, in µs since 1970, for what comes out of the past; absent: now. */
  readonly createdAt?: number;
}

/** One stored row: identifiers that were seen together once. */
export interface Contact extends Sighting {
  readonly id: number;
  /** Microseconds since 1970 (exact until 2255), as the database keeps them: milliseconds would make ties of what has an order. */
  readonly createdAt: number;
  /** Changes with every write that touches the row; while the row is primary it counts the identity's changes. */
  readonly version: number;
  readonly isDeleted: boolean;
  /** Whether a rule may speak of one of its identifiers; once true, always true. False: none does. */
  readonly isRuled: boolean;
}

/** One person as stored: every row that links to `primaryId`, deleted ones included, in no particular order. */
export interface Identity {
  readonly primaryId: number;
  readonly rows: readonly Contact[];
}

/** What the database holds of some identifiers at one moment. */
export interface Snapshot {
  /** Every identity that has one of them, with all its rows. */
  readonly identities: readonly Identity[];
  /** Those that nobody has but that are reserved: they are taken over, not claimed anew. */
  readonly reserved: readonly Identifier[];
  /** The rules that were asked for so far; a decision that needs more says so. */
  readonly rules: KnownRules;
}

/** The whole of an identity as callers see it. */
export interface IdentityView {
  readonly primaryContactId: number;
  /** By kind: the primary's values first, then by age, nothing twice. A kind without values is absent. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  /** The oldest first. */
  readonly secondaryContactIds: readonly number[];
  /** What was left out of the sighting of the caller who is shown it; absent: nothing. */
  readonly ignored?: readonly Ignored[];
}

/** An identifier that was left out of a sighting, so that the rest of it could be taken. */
export interface Ignored {
  /** The name of its kind. */
  readonly kind: string;
  /** `do-not-link`: with it, both identifiers of a rule would come to lie in one identity. */
  readonly reason: 'do-not-link';
}

/** An identifier, and the live contact that first brought it to its identity. */
export interface Claim extends Identifier {
  readonly contactId: number;
}

/**
 * Orders contacts by age, the oldest first: by (createdAt, id).
 *
 * Contacts that are not stored yet carry provisional ids -1, -2, … in order of arrival; their real ids will be higher
 * than all that are stored.
 */
export function byAge(a: Contact, b: Contact): number {
  return a.createdAt === b.createdAt ? rank(a.id) - rank(b.id) : a.createdAt < b.createdAt ? -1 : 1;
}

function rank(id: number): number {
  return id < 0 ? 2 ** 52 - id : id;
}

/** Whether a contact carries an identifier. */
export function carries({ identifiers }: Sighting, { kind, value }: Identifier): boolean {
  return identifiers.some((each) => each.value === value && each.kind === kind);
}

/** Whether a contact carries one of the identifiers of a sighting. */
export function carriesAny(contact: Contact, { identifiers }: Sighting): boolean {
  return identifiers.some((identifier) => carries(contact, identifier));
}

/** The live contacts of an identity, the oldest first. */
export function liveContacts(identity: Identity): Contact[] {
  return identity.rows.filter((row) => !row.isDeleted).toSorted(byAge);
}

/** The oldest carrier of each identifier: its claim names that contact. @param contacts the oldest first */
export function holdersOf(contacts: readonly Contact[]): IdentifierMap<number> {
  const holders = new IdentifierMap<number>();
  for (const { id, identifiers } of contacts) {
    for (const identifier of identifiers) {
      if (!holders.has(identifier)) {
        holders.set(identifier, id);
      }
    }
  }
  return holders;
}

/**
 * Shows an identity to a caller.
 *
 * @param contacts its live contacts, the oldest (the primary) first; at least one
 */
export function viewOf(contacts: readonly Contact[]): IdentityView {
  const [primary, ...secondaries] = contacts;
  if (primary === undefined) {
    throw new Error('an identity without contacts has no view');
  }
  const values = new Map<string, Set<string>>();
  for (const { identifiers } of contacts) {
    for (const { kind, value } of identifiers) {
      const ofKind = values.get(kind);
      if (ofKind === undefined) {
        values.set(kind, new Set([value]));
      } else {
        ofKind.add(value);
      }
    }
  }
  return {
    primaryContactId: primary.id,
    values: new Map([...values].map(([kind, ofKind]) => [kind, [...ofKind]])),
    secondaryContactIds: secondaries.map(({ id }) => id),
  };
}
