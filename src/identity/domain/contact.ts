/** What an identifier is: the two kinds live in separate name spaces. */
export type IdentifierKind = 'email' | 'phone';

/** Identifiers presented together by one caller, normalised; at least one is given. */
export interface Sighting {
  readonly email: string | null;
  readonly phoneNumber: string | null;
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
}

/** One person as stored: every row that links to `primaryId`, deleted ones included, in no particular order. */
export interface Identity {
  readonly primaryId: number;
  readonly rows: readonly Contact[];
}

/** The whole of an identity as callers see it: the primary's values first, then by age, nothing twice. */
export interface IdentityView {
  readonly primaryContactId: number;
  readonly emails: readonly string[];
  readonly phoneNumbers: readonly string[];
  readonly secondaryContactIds: readonly number[];
}

/** An identifier, and the live contact that first brought it to its identity. */
export interface Claim {
  readonly kind: IdentifierKind;
  readonly value: string;
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

/** Whether a contact carries one of the identifiers of a sighting. */
export function carriesAny(contact: Contact, { email, phoneNumber }: Sighting): boolean {
  return (
    (email !== null && contact.email === email) ||
    (phoneNumber !== null && contact.phoneNumber === phoneNumber)
  );
}

/** The live contacts of an identity, the oldest first. */
export function liveContacts(identity: Identity): Contact[] {
  return identity.rows.filter((row) => !row.isDeleted).toSorted(byAge);
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
    emails: [...new Set(contacts.flatMap(({ email }) => email ?? []))],
    phoneNumbers: [...new Set(contacts.flatMap(({ phoneNumber }) => phoneNumber ?? []))],
    secondaryContactIds: secondaries.map(({ id }) => id),
  };
}
