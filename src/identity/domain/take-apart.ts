import {
  byAge,
  carries,
  holdersOf,
  liveContacts,
  viewOf,
  type Claim,
  type Contact,
  type Identifier,
  type Identity,
  type IdentityView,
  type Snapshot,
} from './contact.js';
import { missingEvidence, Trees } from './evidence.js';
import { mergesWithin, type RecordedIdentity, type RecordedMerge } from './explain.js';
import { ruledOf } from './facts.js';
import { IdentifierMap } from './identifier-map.js';
import type { Kinds } from './kinds.js';
import type { RecordedContact } from './past.js';
import { layRules } from './rules.js';
import { NO_WRITES, type Joined, type Merge, type Newcomer, type TouchedRow, type Writes } from './writes.js';

/** One of the parts of an identity that is taken apart: they are numbered from 0. */
export type Side = number;

/** Where an identity is cut. */
export interface Cut {
  readonly identity: RecordedIdentity;
  /** Of the tenant */
  readonly kinds: Kinds;
  /** All merges that have one of its contacts as an end. */
  readonly merges: readonly RecordedMerge[];
  /** The side of a contact. A live contact moves to another one if its side has none of its values. */
  readonly sideOf: (contact: RecordedContact) => Side;
  /** The side of a value that a live contact carries. */
  readonly sideOfValue: (identifier: Identifier) => Side;
  /** Whether a value is taken from every live contact, so that no side has it. Absent: none is. */
  readonly isTaken?: (identifier: Identifier) => boolean;
  /** Whether a merge in force is cut although both ends are on one side. */
  readonly isCut: (merge: RecordedMerge) => boolean;
  /** By contact, in µs since 1970: another date than it has. */
  readonly dates: ReadonlyMap<number, number>;
  /** Pairs of identifiers that must not come together again. No rule is made if one side has both. */
  readonly pairs: readonly (readonly [Identifier, Identifier])[];
}

/** What becomes of an identity that falls into sides. */
export interface TakenApart {
  readonly writes: Writes;
  /** By side; null: it has no live contacts. Ids of newcomers are provisional. */
  readonly views: readonly (IdentityView | null)[];
  /** By side: the primary, which is deleted if the side has no live contacts. */
  readonly primaries: readonly Contact[];
}

/** What a contact is after the cut. Newcomers have provisional ids. */
export interface After {
  /** Null: a newcomer. */
  readonly before: RecordedContact | null;
  readonly contact: Contact;
  readonly side: Side;
}

/**
 * Decides what taking an identity apart changes.
 *
 * The oldest live contact of each side becomes its primary. A live contact keeps the values of its side, and is deleted if all
 * its values are taken. A value that no contact of its side carries then gets a contact of its own. Edges of evidence between
 * the sides are cut, and so are those whose contacts share nothing any more. What falls apart within a side is joined again: by a
 * shared value, otherwise by an edge to the primary whose cause is `kept`. So the evidence of each side is a tree.
 *
 * Pure: nothing passed in is modified.
 *
 * @param snapshot also the other identities that hold an identifier of `pairs`, what is reserved of them, and their rules
 */
export function takeApart(cut: Cut, snapshot: Snapshot): TakenApart {
  const { primaryId, contacts } = cut.identity;
  const ids = new Set(contacts.map(({ id }) => id));
  const stored = contacts.map((contact) => after(contact, cut));
  const rows = [...stored, ...orphans(stored, cut)];
  const sides = sidesOf(rows);
  const evidence = evidenceAfter(cut, rows, sides);
  const others = snapshot.identities.filter((identity) => identity.primaryId !== primaryId);
  const laid = layRules({ ...snapshot, identities: [...sides, ...others] }, cut.pairs);
  const holders = holdersOf(sides.flatMap(liveContacts).toSorted(byAge));
  const ruledIds = new Set([...laid.ruledIds, ...stillRuled(cut.identity, holders)]);
  return {
    writes: {
      ...NO_WRITES,
      ...laid,
      ruledIds: [...ruledIds].filter((id) => id > 0),
      touched: [
        ...stored.flatMap((row) => touchedRow(row, sides[row.side]!, evidence.joined, ruledIds)),
        ...laid.touched.filter(({ id }) => id > 0 && !ids.has(id)),
      ],
      newcomers: rows
        .filter(({ before }) => before === null)
        .map(({ contact, side }) => newcomer(contact, sides[side]!, evidence.joined, ruledIds)),
      movedClaims: movedClaims(cut.identity, holders),
      merges: evidence.kept,
      undoneMergeIds: evidence.undoneMergeIds,
      youngestTouched: contacts.reduce((latest, { createdAt }) => Math.max(latest, createdAt), 0),
    },
    views: sides.map(viewOrNull),
    primaries: sides.map(primaryOf),
  };
}

function after(contact: RecordedContact, { sideOf, sideOfValue, isTaken, dates }: Cut): After {
  const given = sideOf(contact);
  const createdAt = dates.get(contact.id) ?? contact.createdAt;
  const kept = isTaken ? contact.identifiers.filter((each) => !isTaken(each)) : contact.identifiers;
  if (contact.isDeleted || kept.length === 0) {
    return { before: contact, contact: { ...contact, createdAt, isDeleted: true }, side: given };
  }
  const sides = kept.map(sideOfValue);
  const side = sides.includes(given) ? given : sides[0]!;
  const identifiers = kept.filter((_, i) => sides[i] === side);
  return { before: contact, contact: { ...contact, createdAt, identifiers }, side };
}

/** A contact for each value that no contact of its side carries any more; younger than all others. */
function orphans(rows: readonly After[], { sideOfValue, isTaken }: Cut): After[] {
  const carried = new IdentifierMap<true>();
  const live = rows.filter(({ contact }) => !contact.isDeleted);
  live.forEach(({ contact }) => contact.identifiers.forEach((each) => carried.set(each, true)));
  const missing = new IdentifierMap<Identifier>();
  for (const { before } of live) {
    before?.identifiers
      .filter((each) => !carried.has(each) && isTaken?.(each) !== true)
      .forEach((each) => missing.set(each, each));
  }
  return [...missing.items()].map((identifier, i) => ({
    before: null,
    contact: {
      id: -(i + 1),
      identifiers: [identifier],
      createdAt: Infinity,
      version: 1,
      isDeleted: false,
      isRuled: false,
    },
    side: sideOfValue(identifier),
  }));
}

/** The identity of each side. */
function sidesOf(rows: readonly After[]): Identity[] {
  const bySide = Map.groupBy(rows, ({ side }) => side);
  return Array.from({ length: bySide.size }, (_, side) => {
    const contacts = bySide
      .get(side)
      ?.map(({ contact }) => contact)
      .toSorted(byAge);
    const primary = contacts?.find(({ isDeleted }) => !isDeleted) ?? contacts?.[0];
    if (contacts === undefined || primary === undefined) {
      throw new Error('a side of an identity that is taken apart has no contact');
    }
    return { primaryId: primary.id, rows: contacts };
  });
}

function primaryOf({ primaryId, rows }: Identity): Contact {
  return rows.find(({ id }) => id === primaryId)!;
}

function viewOrNull(identity: Identity): IdentityView | null {
  const live = liveContacts(identity);
  return live.length === 0 ? null : viewOf(live);
}

interface EvidenceAfter {
  /** By contact: what it is attached to. */
  readonly joined: ReadonlyMap<number, Joined>;
  readonly kept: readonly Merge[];
  readonly undoneMergeIds: readonly number[];
}

/** The evidence of the sides: what the cut leaves, and what joins it to a tree again. */
export function evidenceAfter(
  cut: Pick<Cut, 'identity' | 'kinds' | 'merges' | 'isCut' | 'isTaken'>,
  rows: readonly After[],
  sides: readonly Identity[],
): EvidenceAfter {
  const { primaryId, contacts } = cut.identity;
  const known = new Map(rows.map((row) => [row.contact.id, row]));
  const isOneSide = (one: number, other: number): boolean => known.get(one)!.side === known.get(other)!.side;
  const inForce = mergesWithin(known, cut.merges);
  const [undone, standing] = partition(
    inForce,
    (merge) => !isOneSide(merge.leftId, merge.rightId) || cut.isCut(merge),
  );
  const missing = missingEvidence(primaryId, contacts, inForce);
  const joined = new Map<number, Joined>();
  const trees = new Trees();
  standing.forEach(({ leftId, rightId }) => trees.join(leftId, rightId));
  for (const contact of contacts) {
    const toId = missing.get(contact.id) ?? contact.joinedId;
    if (
      toId !== null &&
      isOneSide(contact.id, toId) &&
      stillShares(known.get(contact.id)!, known.get(toId)!, cut)
    ) {
      joined.set(contact.id, { toId, isAssumed: contact.isAssumed || missing.has(contact.id) });
      trees.join(contact.id, toId);
    }
  }
  const kept = sides.flatMap((side) => {
    joinByValues(side, trees, joined, cut);
    return joinToPrimary(side, trees);
  });
  return { joined, kept, undoneMergeIds: undone.map(({ id }) => id) };
}

/** Whether two contacts that an edge joins share a value that is not taken; or never shared any, if it is assumed. */
function stillShares(one: After, other: After, { kinds, isTaken }: Pick<Cut, 'kinds' | 'isTaken'>): boolean {
  return (
    areAkin(one.contact, other.contact, kinds, isTaken) ||
    (one.before !== null && other.before !== null && !areAkin(one.before, other.before, kinds))
  );
}

/** Whether both carry a value, in whichever form; of those that are taken none counts. */
export function areAkin(one: Contact, other: Contact, kinds: Kinds, isTaken?: Cut['isTaken']): boolean {
  return kinds
    .withOtherForms(one.identifiers)
    .some((each) => carries(other, each) && isTaken?.(each) !== true);
}

/** Attaches contacts to an older one with the same value where that joins two trees. */
function joinByValues(
  { rows }: Identity,
  trees: Trees,
  joined: Map<number, Joined>,
  { isTaken }: Pick<Cut, 'isTaken'>,
): void {
  const eldest = new IdentifierMap<number>();
  for (const { id, identifiers } of rows) {
    for (const identifier of isTaken ? identifiers.filter((each) => !isTaken(each)) : identifiers) {
      const elderId = eldest.get(identifier);
      if (elderId === undefined) {
        eldest.set(identifier, id);
      } else if (trees.join(id, elderId)) {
        startTreeAt(id, joined);
        joined.set(id, { toId: elderId, isAssumed: false });
      }
    }
  }
}

/** Turns the edges on the way from a contact to the start of its tree, so that the tree starts with the contact. */
function startTreeAt(id: number, joined: Map<number, Joined>): void {
  let at = id;
  let edge = joined.get(at);
  joined.delete(at);
  while (edge !== undefined && edge.toId !== null) {
    const { toId, isAssumed } = edge;
    edge = joined.get(toId);
    joined.set(toId, { toId: at, isAssumed });
    at = toId;
  }
}

/** Edges from the primary to each tree that nothing else joins to it. */
function joinToPrimary({ primaryId, rows }: Identity, trees: Trees): Merge[] {
  return rows
    .filter(({ id }) => trees.join(primaryId, id))
    .map(({ id }) => ({
      survivorId: primaryId,
      mergedId: id,
      leftId: primaryId,
      rightId: id,
      cause: 'kept',
      identifiers: [],
    }));
}

/** The holders of values that may have rules. Deleted contacts may have told so, and may be on the other side now. */
function stillRuled({ contacts, primaryId }: RecordedIdentity, holders: IdentifierMap<number>): number[] {
  const ruled = ruledOf({ primaryId, rows: contacts });
  const isRuled = new Map(contacts.map((contact) => [contact.id, contact.isRuled]));
  return ruled
    .flatMap((identifier) => holders.get(identifier) ?? [])
    .filter((id) => isRuled.get(id) !== true);
}

/** What changes of a contact that was there before, if anything does. */
export function touchedRow(
  { before, contact }: After,
  { primaryId }: Identity,
  joined: ReadonlyMap<number, Joined>,
  ruledIds: ReadonlySet<number>,
): TouchedRow[] {
  if (before === null) {
    return [];
  }
  const { id, version, linkedId: oldLinkedId, joinedId, isAssumed } = before;
  const linkedId = id === primaryId ? null : primaryId;
  const isDated = contact.createdAt !== before.createdAt;
  const isStripped = contact.identifiers.length !== before.identifiers.length;
  const edge = joined.get(id) ?? { toId: null, isAssumed: false };
  const isRehung = edge.toId !== joinedId || (joinedId !== null && edge.isAssumed !== isAssumed);
  const leavesPast = linkedId !== oldLinkedId || isDated || isStripped || isRehung;
  const isEmptied = contact.isDeleted && !before.isDeleted;
  return leavesPast || linkedId === null || isEmptied || ruledIds.has(id)
    ? [
        {
          id,
          version,
          linkedId,
          ...(isDated ? { createdAt: contact.createdAt } : {}),
          ...(isStripped ? { identifiers: contact.identifiers } : {}),
          ...(isRehung ? { joined: edge } : {}),
          leavesPast,
        },
      ]
    : [];
}

/** The state of a primary is kept also if it stays as it is: the history of its part finds the change by it. */
export function primaryLeavesPast(row: TouchedRow): TouchedRow {
  return row.linkedId === null ? { ...row, leavesPast: true } : row;
}

function newcomer(
  { id, identifiers }: Contact,
  { primaryId }: Identity,
  joined: ReadonlyMap<number, Joined>,
  ruledIds: ReadonlySet<number>,
): Newcomer {
  return {
    id,
    identifiers,
    linkedId: id === primaryId ? null : primaryId,
    joinedId: joined.get(id)?.toId ?? null,
    isRuled: ruledIds.has(id),
  };
}

function movedClaims({ contacts }: RecordedIdentity, holders: IdentifierMap<number>): Claim[] {
  const live = contacts.filter(({ isDeleted }) => !isDeleted).toSorted(byAge);
  const before = holdersOf(live);
  const moved = new IdentifierMap<Claim>();
  for (const { identifiers } of live) {
    for (const { kind, value } of identifiers) {
      const contactId = holders.get({ kind, value });
      if (contactId !== undefined && contactId !== before.get({ kind, value })) {
        moved.set({ kind, value }, { kind, value, contactId });
      }
    }
  }
  return [...moved.items()];
}

function partition<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}
