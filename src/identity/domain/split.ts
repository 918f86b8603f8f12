import { liveContacts, type Identifier, type IdentityView, type Snapshot } from './contact.js';
import { identityWith, type KnownEvidence, type RecordedIdentity } from './explain.js';
import { IdentifierMap } from './identifier-map.js';
import type { Kinds } from './kinds.js';
import type { RecordedContact } from './past.js';
import { KnownRules } from './rules.js';
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
 * gets a contact of its own, which is dated at the split. A deleted contact goes with its identifiers if none of them stays. A
 * merge whose sighting lies apart then is undone. A rule keeps every two identifiers apart that a contact or the sighting of a
 * merge in force held together.
 *
 * Pure: nothing passed in is modified.
 *
 * @param contactId a live contact of the identity
 * @param snapshot the evidence of the identity
 */
export function split(
  contactId: number,
  leaving: Leaving,
  snapshot: Snapshot & { readonly evidence: KnownEvidence },
): Split | SplitRefusal {
  const { identities, merges } = snapshot.evidence;
  const identity = identityWith(identities, contactId);
  const { kinds } = snapshot.policy;
  const sides = sidesOf(identity, leaving, kinds);
  if ('refused' in sides) {
    return sides;
  }
  const { leaves, stays } = sides;
  const inForce = merges.filter(({ undone }) => undone === null);
  const isAmong = (side: IdentifierMap<Identifier>, identifiers: readonly Identifier[]): boolean =>
    kinds.withOtherForms(identifiers).some((each) => side.has(each));
  const sideOf = ({ identifiers }: RecordedContact): 0 | 1 =>
    isAmong(leaves, identifiers) && !isAmong(stays, identifiers) ? 1 : 0;
  const sideById = new Map(identity.contacts.map((contact) => [contact.id, sideOf(contact)]));
  const pairs = pairsOf([...identity.contacts, ...inForce], leaves, stays, kinds);
  const { writes, views } = takeApart(
    {
      identity,
      kinds,
      merges,
      sideOf,
      sideOfValue: (identifier) => (leaves.has(identifier) ? 1 : 0),
      isCut: ({ identifiers, leftId }) => isAmong(sideById.get(leftId) === 0 ? leaves : stays, identifiers),
      dates: new Map(),
      pairs,
    },
    // What was in one identity until now has no rule.
    { ...snapshot, rules: new KnownRules(pairs.flat()) },
  );
  return {
    writes: { ...writes, touched: writes.touched.map(primaryLeavesPast) },
    identities: views as [IdentityView, IdentityView],
  };
}

/** The identifiers that leave and those that stay, of those that live contacts carry. */
function sidesOf(
  { primaryId, contacts }: RecordedIdentity,
  { identifiers, contactIds }: Leaving,
  kinds: Kinds,
): { leaves: IdentifierMap<Identifier>; stays: IdentifierMap<Identifier> } | SplitRefusal {
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

/** Every two identifiers that came together, in whichever form, and now lie apart, each pair once: that which leaves first. */
function pairsOf(
  together: readonly { readonly identifiers: readonly Identifier[] }[],
  leaves: IdentifierMap<Identifier>,
  stays: IdentifierMap<Identifier>,
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
