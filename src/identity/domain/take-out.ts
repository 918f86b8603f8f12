import { byAge, type Identifier, type IdentityView, type Snapshot } from './contact.js';
import { datesBefore } from './dates-before.js';
import { missingEvidence, Trees } from './evidence.js';
import {
  identityWith,
  mergesWithin,
  type KnownEvidence,
  type RecordedIdentity,
  type RecordedMerge,
} from './explain.js';
import { ruledOf } from './facts.js';
import { IdentifierMap } from './identifier-map.js';
import type { Kinds } from './kinds.js';
import type { RecordedContact } from './past.js';
import { leaveUnheld } from './remove.js';
import { isSame } from './rules.js';
import { areAkin, primaryLeavesPast, takeApart, type Side } from './take-apart.js';
import { NO_WRITES, type Writes } from './writes.js';

/** Which values are taken out. */
type IsTaken = (identifier: Identifier) => boolean;

/** What taking values out of an identity changes. */
export interface TakeOut {
  readonly writes: Writes;
  /** The identities with live contacts that it leaves, that of the oldest contact first. */
  readonly identities: readonly IdentityView[];
  /** The primaries of all parts, those without live contacts too, and the contacts that are deleted. */
  readonly contactIds: readonly number[];
}

/**
 * Decides what taking values out of an identity changes.
 *
 * Every live contact loses the values, and is deleted if it has no other. An edge of evidence is cut if both contacts share
 * nothing else, and a merge if its sighting would not have joined them without the values. So the identity may fall into many
 * parts: what the rest of the evidence connects stays together, and so do live contacts that share another value. Nobody has
 * the values then. Contacts that were deleted before keep them, and go with what they attached to.
 *
 * No rule keeps the parts apart: another sighting may join them again, if it does so by something else.
 *
 * Pure: nothing passed in is modified.
 *
 * @param snapshot the evidence of the identity, with the states that its contacts had; and the rules about the values that have
 *   any: if more are needed, the writes say so
 */
export function takeOut(
  contactId: number,
  isTaken: IsTaken,
  snapshot: Snapshot & { readonly evidence: KnownEvidence },
): TakeOut {
  const { identities, merges, past } = snapshot.evidence;
  const identity = identityWith(identities, contactId);
  const { primaryId, contacts } = identity;
  const live = contacts.filter(({ isDeleted }) => !isDeleted);
  const taken = new IdentifierMap<Identifier>();
  live.forEach(({ identifiers }) => identifiers.filter(isTaken).forEach((each) => taken.set(each, each)));
  if (taken.isEmpty) {
    return { writes: NO_WRITES, identities: [], contactIds: [] };
  }
  const byId = new Map(contacts.map((contact) => [contact.id, contact]));
  const isCut = (merge: RecordedMerge): boolean => restsOn(merge, byId, isTaken);
  const { sideOf, sideOfValue } = partsOf(identity, merges, snapshot.policy.kinds, isTaken, isCut);
  const undone = merges.filter((merge) => merge.undone === null && isCut(merge));
  const apart = takeApart(
    {
      identity,
      kinds: snapshot.policy.kinds,
      merges,
      sideOf,
      sideOfValue,
      isTaken,
      isCut,
      dates: datesBefore(undone, contacts, past),
      pairs: [],
    },
    snapshot,
  );
  const emptied = live.filter(({ identifiers }) => identifiers.every(isTaken)).map(({ id }) => id);
  const left = leaveUnheld([...taken.items()], ruledOf({ primaryId, rows: contacts }), snapshot.rules);
  const { freedClaims, reservedClaims, unknownRules } = left;
  return {
    writes: {
      ...apart.writes,
      touched: apart.writes.touched.map(primaryLeavesPast),
      deletion: { contactIds: emptied, freedClaims, reservedClaims },
      unknownRules,
    },
    identities: apart.views.filter((view) => view !== null),
    contactIds: [...new Set([...apart.primaries.map(({ id }) => id), ...emptied])],
  };
}

/**
 * Whether the sighting of a merge would not have joined its ends without the values: too little is left of it, or an end
 * carries none of what is left.
 */
export function restsOn(
  { identifiers, leftId, rightId }: RecordedMerge,
  byId: ReadonlyMap<number, RecordedContact>,
  isTaken: IsTaken,
): boolean {
  const rest = identifiers.filter((each) => !isTaken(each));
  if (rest.length === identifiers.length) {
    return false;
  }
  const carriesSome = (id: number, some: readonly Identifier[]): boolean =>
    byId.get(id)?.identifiers.some((own) => some.some((each) => isSame(each, own))) === true;
  const lost = identifiers.filter(isTaken);
  return rest.length < 2 || [leftId, rightId].some((id) => carriesSome(id, lost) && !carriesSome(id, rest));
}

/** The part of each contact and of each value that stays: parts are numbered by their oldest contact. */
function partsOf(
  { primaryId, contacts }: RecordedIdentity,
  merges: readonly RecordedMerge[],
  kinds: Kinds,
  isTaken: IsTaken,
  isCut: (merge: RecordedMerge) => boolean,
): { sideOf: (contact: RecordedContact) => Side; sideOfValue: (identifier: Identifier) => Side } {
  const byId = new Map(contacts.map((contact) => [contact.id, contact]));
  const trees = new Trees();
  const inForce = mergesWithin(byId, merges);
  inForce.filter((merge) => !isCut(merge)).forEach(({ leftId, rightId }) => trees.join(leftId, rightId));
  const missing = missingEvidence(primaryId, contacts, inForce);
  for (const contact of contacts) {
    const joined = byId.get(missing.get(contact.id) ?? contact.joinedId ?? 0);
    if (
      joined !== undefined &&
      (areAkin(contact, joined, kinds, isTaken) || !areAkin(contact, joined, kinds))
    ) {
      trees.join(contact.id, joined.id);
    }
  }
  const carriers = new IdentifierMap<number>();
  for (const { id, identifiers, isDeleted } of contacts) {
    for (const each of isDeleted ? [] : identifiers.filter((identifier) => !isTaken(identifier))) {
      const form = kinds.otherForm(each);
      trees.join(id, carriers.get(each) ?? id);
      trees.join(id, (form && carriers.get(form)) ?? id);
      carriers.set(each, id);
    }
  }
  const sides = new Map<number, Side>();
  for (const { id } of contacts.toSorted(byAge)) {
    const tree = trees.treeOf(id);
    sides.set(tree, sides.get(tree) ?? sides.size);
  }
  const sideOf = ({ id }: { readonly id: number }): Side => sides.get(trees.treeOf(id))!;
  return { sideOf, sideOfValue: (identifier) => sideOf({ id: carriers.get(identifier)! }) };
}
