import type { Held, Identifier, Snapshot } from './contact.js';
import type { KnownEvidence, RecordedMerge } from './explain.js';
import type { MadeChange } from './history.js';
import { IdentifierMap } from './identifier-map.js';
import type { PastState, RecordedContact } from './past.js';
import type { Rule } from './rules.js';

/** An identifier as it is told to the person that it is about. */
export interface ToldIdentifier {
  readonly kind: string;
  /** Null: it is somebody else's. */
  readonly value: string | null;
}

/** A review, as it is stored. */
export interface RecordedReview {
  readonly id: number;
  readonly identifiers: readonly Identifier[];
  readonly reason: string;
  /** In µs since 1970; `decidedAt` null: nobody has decided yet. */
  readonly createdAt: number;
  readonly decision: string | null;
  readonly decidedAt: number | null;
}

type Told<T> = Omit<T, 'identifiers'> & { readonly identifiers: readonly ToldIdentifier[] };

/** All that is stored of a person. */
export interface SubjectData {
  /** By id, deleted ones too. */
  readonly contacts: readonly RecordedContact[];
  readonly past: readonly Told<PastState>[];
  readonly merges: readonly Told<RecordedMerge>[];
  readonly rules: readonly Told<Rule>[];
  readonly reviews: readonly Told<RecordedReview>[];
  readonly changes: readonly MadeChange[];
}

/**
 * The identifiers of an identity: those that its contacts carry, or carried and nobody else has today.
 *
 * @param contacts all of the identity, deleted ones too
 */
export function ownIdentifiers(
  contacts: readonly RecordedContact[],
  past: readonly PastState[],
  held: readonly Held[],
): IdentifierMap<Identifier> {
  const ids = new Set(contacts.map(({ id }) => id));
  const others = new IdentifierMap<true>();
  held.forEach((each) => each.contactId === null || ids.has(each.contactId) || others.set(each, true));
  const own = new IdentifierMap<Identifier>();
  for (const { identifiers } of [...contacts, ...past.filter(({ contactId }) => ids.has(contactId))]) {
    identifiers.filter((each) => !others.has(each)).forEach((each) => own.set(each, each));
  }
  return own;
}

/**
 * All that is stored of the identity of a contact, for the person that it is about. What its contacts carry today is theirs;
 * otherwise identifiers of others are left out.
 *
 * Pure: nothing passed in is modified.
 */
export function subjectData(
  { evidence, held }: Snapshot & { readonly evidence: KnownEvidence; readonly held: readonly Held[] },
  rules: readonly Rule[],
  reviews: readonly RecordedReview[],
  changes: readonly MadeChange[],
): SubjectData {
  const contacts = evidence.identities
    .flatMap((identity) => identity.contacts)
    .toSorted((a, b) => a.id - b.id);
  const own = ownIdentifiers(contacts, evidence.past, held);
  contacts.forEach(({ identifiers }) => identifiers.forEach((each) => own.set(each, each)));
  const told = <T extends { readonly identifiers: readonly Identifier[] }>(each: T): Told<T> => ({
    ...each,
    identifiers: each.identifiers.map(({ kind, value }) => ({
      kind,
      value: own.has({ kind, value }) ? value : null,
    })),
  });
  return {
    contacts,
    past: evidence.past.map(told),
    merges: evidence.merges.map(told),
    rules: rules.map(told),
    reviews: reviews.map(told),
    changes,
  };
}
