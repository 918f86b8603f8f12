import type { Contact, Identity, IdentityView, Sighting } from '../../../src/identity/domain/contact.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import type { Reconciliation } from '../../../src/identity/domain/reconcile.js';
import type { Writes } from '../../../src/identity/domain/writes.js';

export const LORRAINE = 'lorraine@hillvalley.edu';
export const MCFLY = 'mcfly@hillvalley.edu';
export const GEORGE = 'george@hillvalley.edu';
export const BIFF = 'biff@hillvalley.edu';

export function sighting(email: string | null, phoneNumber: string | null): Sighting {
  return { email, phoneNumber };
}

/** A stored contact, as old as its id tells and written once, unless told otherwise. */
export function contact(
  id: number,
  email: string | null,
  phoneNumber: string | null,
  rest: Partial<Pick<Contact, 'createdAt' | 'version' | 'isDeleted'>> = {},
): Contact {
  return { id, email, phoneNumber, createdAt: id, version: 1, isDeleted: false, ...rest };
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
  return { primaryContactId, emails, phoneNumbers, secondaryContactIds };
}

/** Reconciles what cannot be modified, as the core promises not to; see {@link inOrder}. */
export function decide(
  identities: Identity[],
  ...sightings: Sighting[]
): Pick<Reconciliation, 'answers' | 'writes'> {
  const { answers, writes } = reconcile(deepFreeze(identities), deepFreeze(sightings));
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
