import { IdentifierMap } from './identifier-map.js';
import type { KnownEvidence } from './explain.js';
import { otherFormOf } from './phone-forms.js';
import type { Policy } from './policy.js';
import type { KnownReviews } from './reviews.js';
import type { KnownRules } from './rules.js';

/** A normalised value that distinguishes customers. The same value of another kind is another identifier. */
export interface Identifier {
  /** The name of its kind: `email`, `phoneNumber`, or another of `kinds.ts`. */
  readonly kind: string;
  readonly value: string;
}

/** Identifiers presented together by one caller. */
export interface Sighting {
  /** None twice, at most one of a kind; the strongest kind first. At least one, unless all were left out. */
  readonly identifiers: readonly Identifier[];
  /** When it took place, in µs since 1970, for imported sightings; absent: now. */
  readonly createdAt?: number;
  /**
   * When the call for it arrived, in ms by any clock that {@link PendingErasure.seenAt} is told by too; absent: it is no call, but a
   * record of the past.
   */
  readonly receivedAt?: number;
  /** The id of the call; absent: it is none. */
  readonly requestId?: string;
  /** What was left out of it before it was decided on; absent: nothing. */
  readonly leftOut?: readonly Ignored[];
  /**
   * An identifier of the same person, who a record of the past knows by more than one sighting can have; absent: none. Somebody must
   * have it by then.
   */
  readonly sameAs?: Identifier;
}

/** One stored row: identifiers that were seen together once. */
export interface Contact {
  readonly id: number;
  /** As in a {@link Sighting}; at least one. */
  readonly identifiers: readonly Identifier[];
  /** Microseconds since 1970 (exact until 2255), as in the database. Milliseconds would lose the order of close contacts. */
  readonly createdAt: number;
  /** Changes with every write that touches the row; while the row is primary it counts the identity's changes. */
  readonly version: number;
  readonly isDeleted: boolean;
  /** Whether one of its identifiers may have a rule; once true, always true. False: none has. */
  readonly isRuled: boolean;
}

/** One person as stored: every row that links to `primaryId`, deleted ones included, in no particular order. */
export interface Identity {
  readonly primaryId: number;
  readonly rows: readonly Contact[];
}

/** Who has an identifier. */
export interface Held extends Identifier {
  /** Null: it is reserved, nobody has it. */
  readonly contactId: number | null;
}

/** An identifier that was erased and is still reserved, so that what was under way does not bring it back. */
export interface PendingErasure extends Identifier {
  /** In µs since 1970. */
  readonly erasedAt: number;
  /** Whether calls that arrived later are refused too. */
  readonly isBlocked: boolean;
  /** The same moment by the clock of {@link Sighting.receivedAt}, or a little later. */
  readonly seenAt: number;
}

/** What the database holds of some identifiers at one moment. */
export interface Snapshot {
  /** Every identity that has one of them, with all its rows. */
  readonly identities: readonly Identity[];
  /** Reserved identifiers, which nobody has: a newcomer takes over the claim instead of inserting one. */
  readonly reserved: readonly Identifier[];
  /** The rules that were read so far; a decision that needs more says so. */
  readonly rules: KnownRules;
  /** The reviews that were read so far; a decision that needs more says so. */
  readonly reviews: KnownReviews;
  /** What the tenant allows; it was read a few seconds before at most. */
  readonly policy: Policy;
  /** Why identities are one; absent: not asked for. */
  readonly evidence?: KnownEvidence;
  /** Who has the identifiers that the evidence or a sighting names, of those that somebody has; absent: not asked for. */
  readonly held?: readonly Held[];
}

/** A whole identity as callers see it. */
export interface IdentityView {
  readonly primaryContactId: number;
  /** By kind: the primary's values first, then by age, without repetition. A kind without values is absent. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  /** The oldest first. */
  readonly secondaryContactIds: readonly number[];
  /** What was left out of the caller's sighting; absent: nothing. */
  readonly ignored?: readonly Ignored[];
}

/** An identifier that was left out of a sighting, so that the rest could be accepted. */
export interface Ignored {
  /** The name of its kind. */
  readonly kind: string;
  /**
   * `blocked`: it may link nobody. `do-not-link`: with it, both identifiers of a rule would be in one identity. `limit`: with
   * it, the identity would grow beyond a limit.
   */
  readonly reason: (typeof IGNORED_REASONS)[number];
  /** The review of the link that was withheld; below 0: it is provisional. Absent: nobody is asked. */
  readonly reviewId?: number;
}
/** Why an identifier may be left out of a sighting; see {@link Ignored.reason}. */
export const IGNORED_REASONS = ['blocked', 'do-not-link', 'limit'] as const;

/** An identifier, and the live contact that first brought it to its identity. */
export interface Claim extends Identifier {
  readonly contactId: number;
}

/**
 * Orders contacts by age, the oldest first: by (createdAt, id).
 *
 * Contacts that are not stored yet have provisional ids -1, -2, … in order of arrival. Their real ids will be higher than
 * all stored ids.
 */
export function byAge(a: Contact, b: Contact): number {
  return a.createdAt === b.createdAt ? rank(a.id) - rank(b.id) : a.createdAt < b.createdAt ? -1 : 1;
}

function rank(id: number): number {
  return id < 0 ? 2 ** 52 - id : id;
}

/** Whether a contact carries an identifier. */
export function carries(
  { identifiers }: Pick<Sighting, 'identifiers'>,
  { kind, value }: Identifier,
): boolean {
  return identifiers.some((each) => each.value === value && each.kind === kind);
}

/** Whether a contact carries an identifier, or what is the other form of its value. */
export function carriesAnyForm(contact: Pick<Sighting, 'identifiers'>, { kind, value }: Identifier): boolean {
  const form = otherFormOf(value);
  return carries(contact, { kind, value }) || (form !== null && carries(contact, { kind, value: form }));
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
  return {
    primaryContactId: primary.id,
    values: valuesOf(contacts),
    secondaryContactIds: secondaries.map(({ id }) => id),
  };
}

/** Among the values of so few contacts a search is faster than a set. */
const FEW_CONTACTS = 16;

function valuesOf(contacts: readonly Contact[]): Map<string, string[]> {
  const values = new Map<string, string[]>();
  const seen = contacts.length > FEW_CONTACTS ? new IdentifierMap<true>() : null;
  for (const { identifiers } of contacts) {
    for (const identifier of identifiers) {
      const ofKind = values.get(identifier.kind);
      if (ofKind === undefined) {
        values.set(identifier.kind, [identifier.value]);
      } else if (!(seen?.has(identifier) ?? ofKind.includes(identifier.value))) {
        ofKind.push(identifier.value);
      }
      seen?.set(identifier, true);
    }
  }
  return values;
}
