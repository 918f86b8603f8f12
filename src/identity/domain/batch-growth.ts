import { current, holderOf, primaryOf, type Batch, type Growing, type Holder } from './batch.js';
import { byAge, type Claim, type Contact, type Identifier, type Sighting } from './contact.js';
import { isReserved, rulesOf, type Found } from './found.js';
import { GrowingView } from './growing-view.js';

// The steps by which a batch changes identities. Each returns the identity as it is afterwards.

/** An identity that nobody has yet. */
export function emptyIdentity(batch: Batch): Growing {
  const identity: Growing = {
    stored: null,
    contacts: [],
    absorbedBy: null,
    isChanged: true,
    ruled: [],
    view: null,
    growing: null,
    valueCounts: null,
  };
  batch.identities.push(identity);
  return identity;
}

/** Adds the sighting as a contact, and claims its new identifiers. */
export function add(
  batch: Batch,
  identity: Growing,
  joinedId: number | null,
  { identifiers, createdAt, requestId }: Sighting,
  { news, unclaimed }: Found,
): Growing {
  const id = -(batch.newcomers.length + 1);
  const claimed = unclaimed.length === 0 ? news : [...news, ...unclaimed];
  const reserved = batch.reserved.isEmpty ? [] : claimed.filter((each) => isReserved(batch, each));
  const contact: Contact = {
    id,
    identifiers,
    createdAt: createdAt ?? Infinity,
    version: 1,
    isDeleted: false,
    isRuled: reserved.length > 0,
  };
  if (reserved.length > 0) {
    identity.ruled = [...identity.ruled, ...reserved];
  }
  // A comparison when writing finds rules that were made in the meantime.
  reserved.forEach((identifier) => askForRules(batch, identifier));
  batch.newcomers.push({ contact, identity, joinedId, requestId });
  identity.contacts.push(contact);
  for (const { kind, value } of claimed) {
    claim(batch, identity, { kind, value, contactId: id }, true);
  }
  for (const { kind } of identity.valueCounts === null ? [] : news) {
    const count = identity.valueCounts?.get(kind);
    if (count !== undefined) {
      identity.valueCounts?.set(kind, count + 1);
    }
  }
  if (createdAt !== undefined) {
    return reorder(batch, identity, contact);
  }
  identity.isChanged = true;
  // Building a large view again for each sighting of a batch would take long.
  identity.growing ??= identity.view && new GrowingView(identity.view);
  identity.growing?.add(id, claimed);
  identity.view = null;
  return identity;
}

/** Makes sure that the rules are known about an identifier and its other form, of those that are reserved. */
function askForRules(batch: Batch, identifier: Identifier): void {
  batch.policy.kinds
    .withOtherForms([identifier])
    .filter((each) => batch.reserved.has(each))
    .forEach((each) => rulesOf(batch, each));
}

/** Makes one identity of those of two holders: the one with the older primary survives. */
export function merge(
  batch: Batch,
  left: Holder,
  right: Holder,
  { identifiers, requestId }: Sighting,
): Growing {
  const [a, b] = [current(left.identity), current(right.identity)];
  const [older, younger] = byAge(primaryOf(a), primaryOf(b)) < 0 ? [a, b] : [b, a];
  batch.merges.push({
    survivorId: primaryOf(older).id,
    mergedId: primaryOf(younger).id,
    leftId: left.contactId,
    rightId: right.contactId,
    cause: 'sighting',
    identifiers,
    ...(requestId !== undefined && { requestId }),
  });
  older.contacts = together(older.contacts, younger.contacts);
  older.ruled = [...older.ruled, ...younger.ruled];
  older.valueCounts = null;
  younger.absorbedBy = older;
  younger.isChanged = true;
  return changed(older);
}

/** So few contacts are put into their places one by one, because sorting many thousand others each time would take long. */
const FEW_CONTACTS = 16;

/** The contacts of two identities by age. Both lists are given up. */
function together(one: Contact[], other: Contact[]): Contact[] {
  const [more, fewer] = one.length < other.length ? [other, one] : [one, other];
  if (fewer.length > FEW_CONTACTS) {
    return [...more, ...fewer].toSorted(byAge);
  }
  fewer.forEach((contact) => more.splice(placeByAge(more, contact), 0, contact));
  return more;
}

/** Gives a contact an earlier date. */
export function dated(batch: Batch, identity: Growing, contact: Contact, createdAt: number): Growing {
  const older = { ...contact, createdAt };
  batch.dates.set(older.id, createdAt);
  identity.contacts[identity.contacts.indexOf(contact)] = older;
  return reorder(batch, identity, older);
}

/**
 * Puts a dated contact in its place by age. The oldest contact that carries an identifier claims it, unless it does already.
 *
 * No step of it takes more time than to go through the contacts once: an identity may have many thousand.
 */
function reorder(batch: Batch, identity: Growing, contact: Contact): Growing {
  const { contacts } = identity;
  contacts.splice(contacts.lastIndexOf(contact), 1);
  const place = placeByAge(contacts, contact);
  contacts.splice(place, 0, contact);
  // the youngest takes no claim from another
  for (const identifier of place === contacts.length - 1 ? [] : contact.identifiers) {
    const holderId = holderOf(batch, identifier)!.contactId;
    const holder = contacts.find(({ id }) => id === holderId)!;
    if (byAge(contact, holder) < 0) {
      const { kind, value } = identifier;
      claim(batch, identity, { kind, value, contactId: contact.id }, false);
    }
  }
  return changed(identity);
}

/** How many of the contacts, the oldest first, are older than a contact. */
function placeByAge(contacts: readonly Contact[], contact: Contact): number {
  let [from, to] = [0, contacts.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (byAge(contacts[middle]!, contact) < 0) {
      from = middle + 1;
    } else {
      to = middle;
    }
  }
  return from;
}

function claim(batch: Batch, identity: Growing, made: Claim, isNews: boolean): void {
  batch.holders.set(made, { identity, contactId: made.contactId });
  batch.claims.set(made, { ...made, isNews: isNews || batch.claims.get(made)?.isNews === true });
}

function changed(identity: Growing): Growing {
  identity.isChanged = true;
  identity.view = null;
  identity.growing = null;
  return identity;
}
