import { current, primaryOf, type Batch, type Growing, type Outcome } from './batch.js';
import { writesOf } from './batch-writes.js';
import {
  byAge,
  carriesAny,
  liveContacts,
  viewOf,
  type Claim,
  type Contact,
  type Identity,
  type IdentityView,
  type Sighting,
} from './contact.js';
import { factsOf } from './facts.js';
import type { Writes } from './writes.js';

/** What one caller is told. */
export interface Answer {
  readonly view: IdentityView;
  /** Whether the view shows something that this batch is yet to write; if not, it is true already. */
  readonly awaitsWrite: boolean;
}

export interface Reconciliation {
  /** One answer a sighting, in order. */
  readonly answers: readonly Answer[];
  /** One outcome a sighting, in order. */
  readonly outcomes: readonly Outcome[];
  readonly writes: Writes;
}

/**
 * Decides what a batch of sightings changes, and what each caller is told.
 *
 * The batch behaves as if its sightings had arrived one at a time, in order: each answer reflects the sightings
 * before it and none after it. When a sighting joins two identities, the one with the older primary survives. A
 * sighting that brings no new identifier inserts nothing, so a replay is free.
 *
 * A sighting with a date counts from then on: the contact it makes is as old as it, and where it makes none, the oldest
 * contact that carries one of its identifiers is at least as old as it. Thus the oldest wins whatever the order of
 * arrival, and a replay still changes nothing.
 *
 * Pure: nothing passed in is modified, and neither ids nor the clock are needed (see {@link Writes}).
 *
 * @example
 * reconcile([], [{ email: 'doc@hillvalley.edu', phoneNumber: '88' }]).writes.newcomers
 * // [{ id: -1, email: 'doc@hillvalley.edu', phoneNumber: '88', linkedId: null }]
 *
 * @param identities every identity that shares an identifier with the batch, with all its rows; one left out would be
 *   mistaken for a new person
 * @param sightings normalised, each with at least one identifier
 */
export function reconcile(identities: readonly Identity[], sightings: readonly Sighting[]): Reconciliation {
  const batch = startBatch(identities);
  const answers = sightings.map((sighting) => answerTo(take(batch, sighting)));
  return { answers, outcomes: batch.outcomes, writes: writesOf(batch) };
}

/** Rows from which on an identity is asked what it carries, with {@link factsOf}, in place of being indexed. */
const WIDE_ROWS = 64;

function startBatch(identities: readonly Identity[]): Batch {
  const batch: Batch = {
    identities: identities.map(startIdentity),
    wide: [],
    byEmail: new Map(),
    byPhone: new Map(),
    newcomers: [],
    claims: new Map(),
    merges: [],
    outcomes: [],
    dates: new Map(),
  };
  for (const identity of batch.identities) {
    if (identity.contacts.length >= WIDE_ROWS) {
      batch.wide.push(identity);
      continue;
    }
    for (const { email, phoneNumber } of identity.contacts) {
      if (email !== null) batch.byEmail.set(email, identity);
      if (phoneNumber !== null) batch.byPhone.set(phoneNumber, identity);
    }
  }
  return batch;
}

function startIdentity(stored: Identity): Growing {
  const isWide = stored.rows.length >= WIDE_ROWS;
  const contacts = isWide ? factsOf(stored).live : liveContacts(stored);
  const view = isWide ? factsOf(stored).view : null;
  return { stored, contacts, absorbedBy: null, isChanged: false, view };
}

/** Applies one sighting and returns the identity it belongs to from then on. */
function take(batch: Batch, sighting: Sighting): Growing {
  const ofEmail = ownerOfEmail(batch, sighting.email);
  const ofPhone = ownerOfPhone(batch, sighting.phoneNumber);
  const known = ofEmail ?? ofPhone;
  const isEmailNews = sighting.email !== null && ofEmail === null;
  const isPhoneNews = sighting.phoneNumber !== null && ofPhone === null;
  if (known === null || isEmailNews || isPhoneNews) {
    batch.outcomes.push(known === null ? 'created' : 'linked');
    return add(batch, known ?? emptyIdentity(batch), sighting, isEmailNews, isPhoneNews);
  }
  const isJoin = ofEmail !== null && ofPhone !== null && ofEmail !== ofPhone;
  batch.outcomes.push(isJoin ? 'merged' : 'unchanged');
  return backdate(batch, isJoin ? merge(batch, ofEmail, ofPhone, sighting) : known, sighting);
}

function ownerOfEmail({ byEmail, wide }: Batch, email: string | null): Growing | null {
  if (email === null) {
    return null;
  }
  const identity = byEmail.get(email) ?? wide.find(({ stored }) => factsOf(stored!).emails.has(email));
  return identity === undefined ? null : current(identity);
}

function ownerOfPhone({ byPhone, wide }: Batch, phoneNumber: string | null): Growing | null {
  if (phoneNumber === null) {
    return null;
  }
  const identity =
    byPhone.get(phoneNumber) ?? wide.find(({ stored }) => factsOf(stored!).phoneNumbers.has(phoneNumber));
  return identity === undefined ? null : current(identity);
}

function merge(batch: Batch, a: Growing, b: Growing, sighting: Sighting): Growing {
  const [older, younger] = byAge(primaryOf(a), primaryOf(b)) < 0 ? [a, b] : [b, a];
  batch.merges.push({
    survivorId: primaryOf(older).id,
    mergedId: primaryOf(younger).id,
    email: sighting.email,
    phoneNumber: sighting.phoneNumber,
  });
  older.contacts = [...older.contacts, ...younger.contacts].toSorted(byAge);
  younger.absorbedBy = older;
  younger.isChanged = true;
  return changed(older);
}

function emptyIdentity(batch: Batch): Growing {
  const identity: Growing = { stored: null, contacts: [], absorbedBy: null, isChanged: true, view: null };
  batch.identities.push(identity);
  return identity;
}

/** Adds the sighting as a contact, and claims what is new of it. */
function add(
  batch: Batch,
  identity: Growing,
  { email, phoneNumber, createdAt }: Sighting,
  isEmailNews: boolean,
  isPhoneNews: boolean,
): Growing {
  const id = -(batch.newcomers.length + 1);
  const contact: Contact = {
    id,
    email,
    phoneNumber,
    createdAt: createdAt ?? Infinity,
    version: 1,
    isDeleted: false,
  };
  batch.newcomers.push({ contact, identity });
  identity.contacts = [...identity.contacts, contact];
  if (isEmailNews && email !== null) {
    batch.byEmail.set(email, identity);
    claim(batch, { kind: 'email', value: email, contactId: id, isNews: true });
  }
  if (isPhoneNews && phoneNumber !== null) {
    batch.byPhone.set(phoneNumber, identity);
    claim(batch, { kind: 'phone', value: phoneNumber, contactId: id, isNews: true });
  }
  if (createdAt !== undefined) {
    return reorder(batch, identity, contact);
  }
  identity.isChanged = true;
  identity.view = identity.view && extended(identity.view, contact, isEmailNews, isPhoneNews);
  return identity;
}

/** The view with one more contact, the youngest. To build it anew for each of a batch would take long if it is large. */
function extended(
  view: IdentityView,
  { id, email, phoneNumber }: Contact,
  isEmailNews: boolean,
  isPhoneNews: boolean,
): IdentityView {
  return {
    ...view,
    emails: isEmailNews && email !== null ? [...view.emails, email] : view.emails,
    phoneNumbers:
      isPhoneNews && phoneNumber !== null ? [...view.phoneNumbers, phoneNumber] : view.phoneNumbers,
    secondaryContactIds: [...view.secondaryContactIds, id],
  };
}

/** Makes the oldest contact that carries one of the identifiers as old as the sighting, if it is younger. */
function backdate(batch: Batch, identity: Growing, sighting: Sighting): Growing {
  if (sighting.createdAt === undefined) {
    return identity;
  }
  const at = identity.contacts.findIndex((contact) => carriesAny(contact, sighting));
  const oldest = identity.contacts[at];
  if (oldest === undefined || oldest.createdAt <= sighting.createdAt) {
    return identity;
  }
  const older = { ...oldest, createdAt: sighting.createdAt };
  batch.dates.set(older.id, older.createdAt);
  identity.contacts = identity.contacts.with(at, older);
  return reorder(batch, identity, older);
}

/** Puts a dated contact in its place by age; what it carries is claimed by the oldest that does. */
function reorder(batch: Batch, identity: Growing, contact: Contact): Growing {
  identity.contacts = identity.contacts.toSorted(byAge);
  const { email, phoneNumber } = contact;
  if (email !== null) {
    const holder = identity.contacts.find((each) => each.email === email);
    claim(batch, { kind: 'email', value: email, contactId: holder!.id, isNews: false });
  }
  if (phoneNumber !== null) {
    const holder = identity.contacts.find((each) => each.phoneNumber === phoneNumber);
    claim(batch, { kind: 'phone', value: phoneNumber, contactId: holder!.id, isNews: false });
  }
  return changed(identity);
}

function claim(batch: Batch, made: Claim & { readonly isNews: boolean }): void {
  const key = `${made.kind}:${made.value}`;
  const isNews = made.isNews || batch.claims.get(key)?.isNews === true;
  batch.claims.set(key, { ...made, isNews });
}

function changed(identity: Growing): Growing {
  identity.isChanged = true;
  identity.view = null;
  return identity;
}

function answerTo(identity: Growing): Answer {
  identity.view ??= viewOf(identity.contacts);
  return { view: identity.view, awaitsWrite: identity.isChanged };
}
