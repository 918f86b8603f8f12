import {
  byAge,
  liveContacts,
  viewOf,
  type Claim,
  type Contact,
  type Identity,
  type IdentityView,
  type Sighting,
} from './contact.js';
import type { Merge, Newcomer, TouchedRow, Writes } from './writes.js';

/** What one caller is told. */
export interface Answer {
  readonly view: IdentityView;
  /** Whether the view shows something that this batch is yet to write; if not, it is true already. */
  readonly awaitsWrite: boolean;
}

export interface Reconciliation {
  /** One answer a sighting, in order. */
  readonly answers: readonly Answer[];
  readonly writes: Writes;
}

/** An identity while the batch changes it. */
interface Growing {
  readonly stored: Identity | null;
  /** Live contacts, the oldest first. */
  contacts: Contact[];
  /** Set when it was merged away. */
  absorbedBy: Growing | null;
  isChanged: boolean;
  /** Kept until the next change: most callers of a batch ask for the same few identities. */
  view: IdentityView | null;
}

interface Batch {
  readonly identities: Growing[];
  readonly byEmail: Map<string, Growing>;
  readonly byPhone: Map<string, Growing>;
  readonly newcomers: { readonly contact: Contact; readonly identity: Growing }[];
  readonly claims: Claim[];
  readonly merges: Merge[];
}

/**
 * Decides what a batch of sightings changes, and what each caller is told.
 *
 * The batch behaves as if its sightings had arrived one at a time, in order: each answer reflects the sightings
 * before it and none after it. When a sighting joins two identities, the one with the older primary survives. A
 * sighting that brings no new identifier inserts nothing, so a replay is free.
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
  return { answers, writes: writesOf(batch) };
}

function startBatch(identities: readonly Identity[]): Batch {
  const batch: Batch = {
    identities: identities.map((stored) => ({
      stored,
      contacts: liveContacts(stored),
      absorbedBy: null,
      isChanged: false,
      view: null,
    })),
    byEmail: new Map(),
    byPhone: new Map(),
    newcomers: [],
    claims: [],
    merges: [],
  };
  for (const identity of batch.identities) {
    for (const { email, phoneNumber } of identity.contacts) {
      if (email !== null) batch.byEmail.set(email, identity);
      if (phoneNumber !== null) batch.byPhone.set(phoneNumber, identity);
    }
  }
  return batch;
}

/** Applies one sighting and returns the identity it belongs to from then on. */
function take(batch: Batch, sighting: Sighting): Growing {
  const ofEmail = sighting.email === null ? null : owner(batch.byEmail, sighting.email);
  const ofPhone = sighting.phoneNumber === null ? null : owner(batch.byPhone, sighting.phoneNumber);
  if (ofEmail !== null && ofPhone !== null) {
    return ofEmail === ofPhone ? ofEmail : merge(batch, ofEmail, ofPhone, sighting);
  }
  const known = ofEmail ?? ofPhone;
  const isEmailNews = sighting.email !== null && ofEmail === null;
  const isPhoneNews = sighting.phoneNumber !== null && ofPhone === null;
  if (known !== null && !isEmailNews && !isPhoneNews) {
    return known;
  }
  return add(batch, known ?? emptyIdentity(batch), sighting);
}

function owner(owners: ReadonlyMap<string, Growing>, value: string): Growing | null {
  const identity = owners.get(value);
  return identity === undefined ? null : current(identity);
}

/** The identity that this one has become part of, or itself. */
function current(identity: Growing): Growing {
  let at = identity;
  while (at.absorbedBy !== null) {
    at = at.absorbedBy;
  }
  return at;
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
function add(batch: Batch, identity: Growing, { email, phoneNumber }: Sighting): Growing {
  const id = -(batch.newcomers.length + 1);
  const contact: Contact = { id, email, phoneNumber, createdAt: Infinity, version: 1, isDeleted: false };
  batch.newcomers.push({ contact, identity });
  identity.contacts.push(contact);
  if (email !== null && !batch.byEmail.has(email)) {
    batch.byEmail.set(email, identity);
    batch.claims.push({ kind: 'email', value: email, contactId: id });
  }
  if (phoneNumber !== null && !batch.byPhone.has(phoneNumber)) {
    batch.byPhone.set(phoneNumber, identity);
    batch.claims.push({ kind: 'phone', value: phoneNumber, contactId: id });
  }
  return changed(identity);
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

function writesOf({ identities, newcomers, claims, merges }: Batch): Writes {
  return {
    touched: identities.flatMap(touchedRows),
    newcomers: newcomers.map(({ contact, identity }) => placed(contact, current(identity))),
    claims,
    merges,
    deletion: null,
    youngestTouched: youngest(identities.filter(({ isChanged }) => isChanged)),
  };
}

/** The rows that must not have changed: a gaining primary; every row, deleted ones too, of what is merged away. */
function touchedRows(identity: Growing): TouchedRow[] {
  if (identity.stored === null || !identity.isChanged) {
    return [];
  }
  if (identity.absorbedBy !== null) {
    const linkedId = primaryOf(current(identity)).id;
    return identity.stored.rows.map(({ id, version }) => ({ id, version, linkedId }));
  }
  const { id, version } = primaryOf(identity);
  return [{ id, version, linkedId: null }];
}

/** A newcomer with the link it ends up with after all the merges of the batch. */
function placed({ id, email, phoneNumber }: Contact, identity: Growing): Newcomer {
  const primaryId = primaryOf(identity).id;
  return { id, email, phoneNumber, linkedId: primaryId === id ? null : primaryId };
}

function primaryOf(identity: Growing): Contact {
  const primary = identity.contacts[0];
  if (primary === undefined) {
    throw new Error('an identity without live contacts cannot take part');
  }
  return primary;
}

/** Deleted rows count too: whatever is restored or promoted later must stay older than a newcomer of today. */
function youngest(identities: readonly Growing[]): number {
  return identities
    .flatMap(({ stored }) => stored?.rows ?? [])
    .reduce((latest, { createdAt }) => Math.max(latest, createdAt), 0);
}
