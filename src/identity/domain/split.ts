import { byAge, liveContacts, type Identifier, type IdentityView, type Snapshot } from './contact.js';
import {
  edgesOf,
  identityWith,
  neighboursIn,
  type Evidence,
  type KnownEvidence,
  type RecordedIdentity,
  type RecordedMerge,
} from './explain.js';
import { IdentifierMap } from './identifier-map.js';
import type { Kinds } from './kinds.js';
import type { RecordedContact } from './past.js';
import { primaryLeavesPast, takeApart } from './take-apart.js';
import type { Writes } from './writes.js';

/** What is to leave an identity. */
export interface Leaving {
  readonly identifiers: readonly Identifier[];
  /** Contacts, with all their identifiers. */
  readonly contactIds: readonly number[];
}

/** What splitting an identity changes. */
export interface Split {
  readonly writes: Writes;
  /** The identity that stays, then the new one. */
  readonly identities: readonly [IdentityView, IdentityView];
}

/** Why an identity can't be split. */
export type SplitRefusal =
  | { readonly refused: 'nothing-leaves' | 'everything-leaves' }
  /** What was named is not in the identity. */
  | { readonly refused: 'elsewhere'; readonly field: 'identifiers' | 'contactIds'; readonly at: number };

/**
 * Decides what taking identifiers or contacts out of an identity changes.
 *
 * Naming a contact names all its identifiers, and naming a number names both of its forms. A live contact moves if all its
 * identifiers leave; otherwise it stays, and loses those that leave. An identifier that leaves and that no moving contact carries
 * gets a contact of its own, which is dated at the split. A deleted contact goes with its identifiers if none of them stays; if no
 * live contact has one of them, it goes with the contacts that the evidence joins it to. A merge whose sighting lies apart then is
 * undone. A rule keeps every two identifiers apart that a contact or the sighting of a merge in force held together. An identifier
 * that only deleted contacts carry is on the side of the oldest of these.
 *
 * Pure: nothing passed in is modified.
 *
 * @param contactId a live contact of the identity
 * @param snapshot the evidence of the identity, and what is known of its {@link lostIdentifiers}; if rules are needed and not known,
 *   the writes ask for them
 */
export function split(
  contactId: number,
  leaving: Leaving,
  snapshot: Snapshot & { readonly evidence: KnownEvidence },
): Split | SplitRefusal {
  const { identities, merges } = snapshot.evidence;
  const identity = identityWith(identities, contactId);
  const { kinds } = snapshot.policy;
  const division = divide(identity, leaving, merges, kinds);
  if ('refused' in division) {
    return division;
  }
  const { live, sideOf, pairs } = division;
  const { writes, views } = takeApart(
    {
      identity,
      kinds,
      merges,
      sideOf,
      sideOfValue: (identifier) => (live.leaves.has(identifier) ? 1 : 0),
      isCut: ({ identifiers, leftId }) =>
        isAmong(sideOf({ id: leftId }) === 0 ? live.leaves : live.stays, identifiers, kinds),
      dates: new Map(),
      pairs,
    },
    snapshot,
  );
  const isOwn = new Set(identity.contacts.map(({ id }) => id));
  return {
    writes: {
      ...writes,
      // Of somebody else, who has an identifier of a rule, the history tells no split.
      touched: writes.touched.map((row) => (isOwn.has(row.id) ? primaryLeavesPast(row) : row)),
    },
    identities: views as [IdentityView, IdentityView],
  };
}

/**
 * The identifiers that a split makes rules of and that no live contact of the identity carries. Somebody else may have them by now,
 * or they may be reserved.
 */
export function lostIdentifiers(
  contactId: number,
  leaving: Leaving,
  { identities, merges }: Evidence,
  kinds: Kinds,
): Identifier[] {
  const identity = identities.find(({ contacts }) => contacts.some(({ id }) => id === contactId));
  const division = identity && divide(identity, leaving, merges, kinds);
  if (division === undefined || 'refused' in division) {
    return [];
  }
  const { live, pairs } = division;
  const lost = new IdentifierMap<Identifier>();
  pairs
    .flat()
    .filter((each) => !live.leaves.has(each) && !live.stays.has(each))
    .forEach((each) => lost.set(each, each));
  return [...lost.items()];
}

/** Identifiers of the side that leaves, and of the side that stays. */
interface Sides {
  readonly leaves: IdentifierMap<Identifier>;
  readonly stays: IdentifierMap<Identifier>;
}

/** How an identity is divided. */
interface Division {
  /** Of the identifiers that live contacts carry. */
  readonly live: Sides;
  readonly sideOf: (contact: { readonly id: number }) => 0 | 1;
  /** Identifiers that must not come together again. */
  readonly pairs: readonly (readonly [Identifier, Identifier])[];
}

function divide(
  identity: RecordedIdentity,
  leaving: Leaving,
  merges: readonly RecordedMerge[],
  kinds: Kinds,
): Division | SplitRefusal {
  const live = sidesOf(identity, leaving, kinds);
  if ('refused' in live) {
    return live;
  }
  const sideById = placesOf(identity, merges, ({ identifiers }) => {
    const stays = isAmong(live.stays, identifiers, kinds);
    return stays || isAmong(live.leaves, identifiers, kinds) ? (stays ? 0 : 1) : null;
  });
  const sideOf = ({ id }: { readonly id: number }): 0 | 1 => sideById.get(id)!;
  const inForce = merges.filter(({ undone }) => undone === null);
  const all = withLost(live, identity.contacts, sideOf, kinds);
  return { live, sideOf, pairs: pairsOf([...identity.contacts, ...inForce], all, kinds) };
}

/** Whether one of the identifiers is on a side, in whichever form. */
function isAmong(side: IdentifierMap<Identifier>, identifiers: readonly Identifier[], kinds: Kinds): boolean {
  return kinds.withOtherForms(identifiers).some((each) => side.has(each));
}

/** The identifiers that leave and those that stay, of those that live contacts carry. */
function sidesOf(
  { primaryId, contacts }: RecordedIdentity,
  { identifiers, contactIds }: Leaving,
  kinds: Kinds,
): Sides | SplitRefusal {
  const live = new Map(liveContacts({ primaryId, rows: contacts }).map((contact) => [contact.id, contact]));
  const carried = new IdentifierMap<Identifier>();
  live.forEach((contact) => contact.identifiers.forEach((each) => carried.set(each, each)));
  const strangeContact = contactIds.findIndex((id) => !live.has(id));
  if (strangeContact !== -1) {
    return { refused: 'elsewhere', field: 'contactIds', at: strangeContact };
  }
  const isCarried = (each: Identifier): boolean => carried.has(each);
  const strangeIdentifier = identifiers.findIndex((each) => !kinds.withOtherForms([each]).some(isCarried));
  if (strangeIdentifier !== -1) {
    return { refused: 'elsewhere', field: 'identifiers', at: strangeIdentifier };
  }
  const leaves = new IdentifierMap<Identifier>();
  const named = [...identifiers, ...contactIds.flatMap((id) => live.get(id)!.identifiers)];
  kinds
    .withOtherForms(named)
    .filter(isCarried)
    .forEach((each) => leaves.set(each, each));
  const stays = new IdentifierMap<Identifier>();
  [...carried.items()].filter((each) => !leaves.has(each)).forEach((each) => stays.set(each, each));
  if (leaves.isEmpty) {
    return { refused: 'nothing-leaves' };
  }
  return stays.isEmpty ? { refused: 'everything-leaves' } : { leaves, stays };
}

/**
 * By contact: its side.
 *
 * @param sideOf null: no live contact has one of its identifiers. It is on the side of the contact that is nearest in the evidence; of
 *   two, on that of the oldest.
 */
function placesOf(
  { primaryId, contacts }: RecordedIdentity,
  merges: readonly RecordedMerge[],
  sideOf: (contact: RecordedContact) => 0 | 1 | null,
): Map<number, 0 | 1> {
  const places = new Map<number, 0 | 1>();
  for (const contact of contacts.toSorted(byAge)) {
    const side = sideOf(contact);
    if (side !== null) {
      places.set(contact.id, side);
    }
  }
  if (places.size < contacts.length) {
    const neighbours = neighboursIn(edgesOf(primaryId, contacts, merges));
    for (const [id, side] of places) {
      for (const next of neighbours.get(id) ?? []) {
        places.set(next, places.get(next) ?? side);
      }
    }
  }
  return places;
}

/** The sides, with the identifiers that only deleted contacts carry. */
function withLost(
  { leaves, stays }: Sides,
  contacts: readonly RecordedContact[],
  sideOf: (contact: RecordedContact) => 0 | 1,
  kinds: Kinds,
): Sides {
  const all = { leaves: copyOf(leaves), stays: copyOf(stays) };
  for (const contact of contacts.filter(({ isDeleted }) => isDeleted).toSorted(byAge)) {
    for (const each of contact.identifiers) {
      if (!isAmong(all.leaves, [each], kinds) && !isAmong(all.stays, [each], kinds)) {
        (sideOf(contact) === 1 ? all.leaves : all.stays).set(each, each);
      }
    }
  }
  return all;
}

function copyOf(side: IdentifierMap<Identifier>): IdentifierMap<Identifier> {
  const copy = new IdentifierMap<Identifier>();
  [...side.items()].forEach((each) => copy.set(each, each));
  return copy;
}

/** Every two identifiers that came together, in whichever form, and now lie apart, each pair once: that which leaves first. */
function pairsOf(
  together: readonly { readonly identifiers: readonly Identifier[] }[],
  { leaves, stays }: Sides,
  kinds: Kinds,
): [Identifier, Identifier][] {
  const pairs = new IdentifierMap<IdentifierMap<[Identifier, Identifier]>>();
  for (const given of together) {
    const identifiers = kinds.withOtherForms(given.identifiers);
    for (const one of identifiers.filter((each) => leaves.has(each))) {
      for (const other of identifiers.filter((each) => stays.has(each))) {
        const ofOne = pairs.get(one) ?? new IdentifierMap();
        ofOne.set(other, [one, other]);
        pairs.set(one, ofOne);
      }
    }
  }
  return [...pairs.items()].flatMap((ofOne) => [...ofOne.items()]);
}
