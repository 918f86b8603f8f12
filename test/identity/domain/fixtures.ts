import type {
  Contact,
  Identifier,
  Identity,
  IdentityView,
  Sighting,
  Snapshot,
} from '../../../src/identity/domain/contact.js';
import { STANDARD_KINDS } from '../../../src/identity/domain/kinds.js';
import { DEFAULT_POLICY } from '../../../src/identity/domain/policy.js';
import { KnownReviews } from '../../../src/identity/domain/reviews.js';
import { KnownRules } from '../../../src/identity/domain/rules.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import type { Reconciliation } from '../../../src/identity/domain/reconcile.js';
import type { Merge, Newcomer, TouchedRow, Writes } from '../../../src/identity/domain/writes.js';

export const LORRAINE = 'lorraine@hillvalley.edu';
export const MCFLY = 'mcfly@hillvalley.edu';
export const GEORGE = 'george@hillvalley.edu';
export const BIFF = 'biff@hillvalley.edu';

/** What is read where there is nothing. */
export const NOTHING_KNOWN: Snapshot = {
  identities: [],
  reserved: [],
  rules: new KnownRules(),
  reviews: KnownReviews.NONE,
  policy: DEFAULT_POLICY,
};

/** An email and a phone number, those that are given. */
export function identifiers(email: string | null, phoneNumber: string | null): Identifier[] {
  return STANDARD_KINDS.identifiersOf({ email, phoneNumber });
}

export function sighting(
  email: string | null,
  phoneNumber: string | null,
  rest: Partial<Pick<Sighting, 'createdAt'>> = {},
): Sighting {
  return { identifiers: identifiers(email, phoneNumber), ...rest };
}

/** A stored contact, as old as its id tells and written once, unless told otherwise. */
export function contact(
  id: number,
  email: string | null,
  phoneNumber: string | null,
  rest: Partial<Pick<Contact, 'createdAt' | 'version' | 'isDeleted' | 'isRuled'>> = {},
): Contact {
  const carried = identifiers(email, phoneNumber);
  return { id, identifiers: carried, createdAt: id, version: 1, isDeleted: false, isRuled: false, ...rest };
}

/** The first row is the primary. */
export function identity(primary: Contact, ...others: Contact[]): Identity {
  return { primaryId: primary.id, rows: [primary, ...others] };
}

export function view(
  primaryContactId: number,
  emails: string[],
  phoneNumbers: string[],
  secondaryContactIds: number[],
): IdentityView {
  const values = new Map(
    Object.entries({ email: emails, phoneNumber: phoneNumbers }).filter(([, ofKind]) => ofKind.length > 0),
  );
  return { primaryContactId, values, secondaryContactIds };
}

/** A contact to insert; unless told otherwise it attached to what it links to. */
export function newcomer(
  id: number,
  email: string | null,
  phoneNumber: string | null,
  linkedId: number | null,
  joinedId: number | null = linkedId,
  createdAt?: number,
): Newcomer {
  const dated = createdAt === undefined ? {} : { createdAt };
  return { id, identifiers: identifiers(email, phoneNumber), linkedId, joinedId, isRuled: false, ...dated };
}

/** A row that is counted as changed, and keeps its link and date. */
export function touched(id: number, version: number, linkedId: number | null): TouchedRow {
  return { id, version, linkedId, leavesPast: false };
}

/** A row that gets another link or date. */
export function moved(id: number, version: number, linkedId: number | null, createdAt?: number): TouchedRow {
  const dated = createdAt === undefined ? {} : { createdAt };
  return { id, version, linkedId, ...dated, leavesPast: true };
}

/** A merge by a sighting; unless told otherwise the edge joins the primaries, that of the email first. */
export function merge(
  survivorId: number,
  mergedId: number,
  email: string,
  phoneNumber: string,
  [leftId, rightId] = [survivorId, mergedId],
): Merge {
  return {
    survivorId,
    mergedId,
    leftId,
    rightId,
    cause: 'sighting',
    identifiers: identifiers(email, phoneNumber),
  };
}

/** Reconciles what cannot be modified, as the core promises not to; see {@link inOrder}. */
export function decide(
  identities: Identity[],
  ...sightings: Sighting[]
): Pick<Reconciliation, 'answers' | 'writes'> {
  const { answers, writes } = reconcile(
    { ...NOTHING_KNOWN, identities: deepFreeze(identities) },
    deepFreeze(sightings),
  );
  return { answers, writes: inOrder(writes) };
}

/** Sorts what has no order of its own: touched rows by id, claims by value. */
export function inOrder(writes: Writes): Writes {
  return {
    ...writes,
    touched: writes.touched.toSorted((a, b) => a.id - b.id),
    claims: writes.claims.toSorted((a, b) => (a.kind + a.value < b.kind + b.value ? -1 : 1)),
  };
}

export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
