import {
  byAge,
  carries,
  holdersOf,
  liveContacts,
  viewOf,
  type Contact,
  type Identifier,
  type IdentityView,
  type Snapshot,
} from './contact.js';
import { datesBefore } from './dates-before.js';
import {
  edgesOf,
  identityWith,
  neighboursIn,
  type EvidenceEdge,
  type KnownEvidence,
  type RecordedIdentity,
  type RecordedMerge,
} from './explain.js';
import type { Kinds } from './kinds.js';
import type { RecordedContact } from './past.js';
import { takeApart, type Side } from './take-apart.js';
import { NO_WRITES, type Writes } from './writes.js';

/** What undoing a merge changes. */
export interface Undo {
  readonly writes: Writes;
  /** The identities with live contacts that it leaves, that of the older primary first. */
  readonly identities: readonly IdentityView[];
  /** Their primaries, and those of sides without live contacts. */
  readonly primaryIds: readonly number[];
  /** Whether it rests on evidence that was not recorded, but worked out later. */
  readonly isAssumed: boolean;
}

/**
 * Decides what undoing a merge changes: the edge of evidence that the merge made is cut, so its identity falls into two.
 *
 * What came later goes with what it attached to, later merges with the side that they touched, and what was deleted stays
 * deleted. A date that the merge made earlier comes back. A rule keeps the two values of the merge apart, so that it stays
 * undone if the same sighting comes again. If a record of the past caused the merge, these are the strongest values of the two contacts
 * that it joins. There is no rule if the merge was made by hand, or if one side has both values: a value was freed, and the other side
 * claimed it. A merge that was undone before is left as it is.
 *
 * Pure: nothing passed in is modified.
 *
 * @param mergeId a merge of the evidence
 * @param snapshot the evidence of both ends of the merge, with the states that contacts had since then; and what is known of
 *   the identifiers of the merge
 */
export function undo(mergeId: number, snapshot: Snapshot & { readonly evidence: KnownEvidence }): Undo {
  const { identities, merges, past } = snapshot.evidence;
  const merge = merges.find(({ id }) => id === mergeId);
  const ends = merge && [merge.leftId, merge.rightId].map((id) => identityWith(identities, id));
  if (merge === undefined || ends === undefined) {
    throw new Error(`merge ${mergeId} is not in the evidence`);
  }
  const [identity, other] = ends as [RecordedIdentity, RecordedIdentity];
  if (merge.undone !== null) {
    return leftAlone([...new Set([identity, other])]);
  }
  if (identity !== other) {
    throw new Error(`merge ${mergeId} is in force, but its ends are not in one identity`);
  }
  const { primaryId, contacts } = identity;
  const edges = edgesOf(primaryId, contacts, merges);
  const right = reachableFrom(
    merge.rightId,
    edges.filter((edge) => edge.merge?.id !== mergeId),
  );
  const sideOf = ({ id }: { readonly id: number }): Side => (right.has(id) ? 1 : 0);
  // What both sides carry stays with the one that had it first, whatever dates say.
  const bringers = holdersOf(contacts.filter(({ isDeleted }) => !isDeleted).toSorted(byArrival));
  const taken = takeApart(
    {
      identity,
      kinds: snapshot.policy.kinds,
      merges,
      sideOf,
      sideOfValue: (identifier) => (right.has(bringers.get(identifier)!) ? 1 : 0),
      isCut: ({ id }) => id === mergeId,
      dates: datesBefore([merge], contacts, past),
      pairs: isOfRecord(merge)
        ? pairOfEnds(merge, contacts)
        : pairsOf(merge, contacts, snapshot.policy.kinds, sideOf),
    },
    snapshot,
  );
  const [one, two] = taken.primaries as [Contact, Contact];
  const sides = byAge(one, two) < 0 ? ([0, 1] as const) : ([1, 0] as const);
  return {
    writes: taken.writes,
    identities: sides.flatMap((side) => taken.views[side] ?? []),
    primaryIds: sides.map((side) => [one, two][side]!.id),
    isAssumed: merge.isAssumed || edges.some((edge) => edge.isAssumed),
  };
}

function byArrival(a: RecordedContact, b: RecordedContact): number {
  return a.recordedAt - b.recordedAt || a.id - b.id;
}

function leftAlone(identities: readonly RecordedIdentity[]): Undo {
  const known = identities
    .map(({ primaryId, contacts }) => ({ primaryId, live: liveContacts({ primaryId, rows: contacts }) }))
    .filter(({ live }) => live.length > 0)
    .toSorted((a, b) => byAge(a.live[0]!, b.live[0]!));
  return {
    writes: NO_WRITES,
    identities: known.map(({ live }) => viewOf(live)),
    primaryIds: identities.map(({ primaryId }) => primaryId),
    isAssumed: false,
  };
}

/** The contacts that edges connect with one, itself too. */
function reachableFrom(contactId: number, edges: readonly EvidenceEdge[]): Set<number> {
  const neighbours = neighboursIn(edges);
  const reached = new Set([contactId]);
  for (const id of reached) {
    neighbours.get(id)?.forEach((each) => reached.add(each));
  }
  return reached;
}

/** Whether a record of the past named two identifiers of one person that no sighting had together. */
function isOfRecord({ cause, identifiers }: RecordedMerge): boolean {
  return cause === 'sighting' && identifiers.length === 0;
}

/** The strongest identifiers of the contacts that a merge joined, if both are live: who holds their values is in the snapshot. */
function pairOfEnds(
  { leftId, rightId }: RecordedMerge,
  contacts: readonly RecordedContact[],
): [Identifier, Identifier][] {
  const [left, right] = [leftId, rightId].map(
    (id) => contacts.find((contact) => contact.id === id && !contact.isDeleted)?.identifiers[0],
  );
  return left === undefined || right === undefined ? [] : [[left, right]];
}

/** The identifiers of the merge that its sides brought, in whichever form, each of one side with each of the other. */
function pairsOf(
  { identifiers, leftId, rightId }: RecordedMerge,
  contacts: readonly RecordedContact[],
  kinds: Kinds,
  sideOf: (contact: RecordedContact) => Side,
): [Identifier, Identifier][] {
  const sideOfValue = (identifier: Identifier): Side | null => {
    const carriers = contacts.filter((contact) => carries(contact, identifier)).toSorted(byAge);
    const carrier =
      carriers.find(({ isDeleted }) => !isDeleted) ??
      carriers.find(({ id }) => id === leftId || id === rightId) ??
      carriers[0];
    return carrier === undefined ? null : sideOf(carrier);
  };
  const [left, right] = ([0, 1] as const).map((side) =>
    kinds.withOtherForms(identifiers).filter((identifier) => sideOfValue(identifier) === side),
  );
  return left!.flatMap((one) => right!.map((other): [Identifier, Identifier] => [one, other]));
}
