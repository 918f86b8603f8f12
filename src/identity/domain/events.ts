import type { ReviewDecision, ReviewReason } from './reviews.js';
import type { TouchedRow, Writes } from './writes.js';

/** What others are told of, by the names that they subscribe to. */
export const EVENT_TYPES = [
  'identity.created',
  'identity.updated',
  'identity.merged',
  'identity.split',
  'identity.erased',
  'contact.deleted',
  'review.opened',
  'review.decided',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** What an event says, but for what it is about: ids only, never an identifier. */
interface Told {
  /** What asked for it: a call to identify, an import, or people. */
  readonly cause: 'identify' | 'import' | 'manual';
  readonly mergeId?: number;
  readonly changeId?: number;
  readonly requestId?: string;
}

/** An event about an identity. */
export interface IdentityEvent extends Told {
  /** Its primary from now on. Null: no live contact is left. */
  readonly primaryContactId: number | null;
  /** The version of that primary: the events of one write about one identity share it. Absent: nobody is left. */
  readonly version?: number;
  /** Its primary before, if that was another. */
  readonly previousPrimaryContactId?: number;
  /** The contacts that came to it, or that were deleted or erased, by id. Absent: none. */
  readonly contactIds?: readonly number[];
  /** The primaries, until now, of the identities that were merged into it. */
  readonly mergedIds?: readonly number[];
  /** The live contacts that left it, by id, and the primary that they have from now on, with its version. */
  readonly partedIds?: readonly number[];
  readonly partedPrimaryContactId?: number;
  readonly partedVersion?: number;
}

/** An event about a review. */
export interface ReviewEvent extends Told {
  readonly reviewId: number;
  readonly reason?: ReviewReason;
  readonly decision?: ReviewDecision;
}

/** An event that a decision leaves, before it has a position. */
export interface NewEvent {
  readonly type: EventType;
  readonly data: IdentityEvent | ReviewEvent;
}

/** A touched row as it is stored until then. */
export interface RowBefore {
  readonly id: number;
  readonly linkedId: number | null;
  readonly isDeleted: boolean;
}

/** What was drawn for a decision. */
interface Ids {
  /** The id of a contact for a provisional one */
  readonly real: (id: number) => number;
  readonly mergeIds: readonly number[];
  readonly reviewIds: readonly number[];
  readonly changeId: number | null;
  /** The open reviews that rules of the decision decide */
  readonly decidedByRules: readonly number[];
}

/** One identity as it will be, of those that a decision changes. */
interface IdentityAfter {
  readonly primaryId: number;
  readonly version: number;
  /** By the primary that they had until now: its touched live contacts. */
  readonly cameFrom: Map<number, number[]>;
  readonly newcomers: Writes['newcomers'][number][];
  /** Whether what it shows changes without any contact coming or going. */
  isRevised: boolean;
}

/**
 * What others are told of a decision: what becomes of each identity by all of it, not the steps in between.
 *
 * Whoever applies the events in order to the contacts and primaries of an earlier moment has those of now: contacts that came
 * get the primary, those of merged identities and of the previous primary too, contacts that left get the other primary.
 *
 * Nothing is told of what nobody sees, like a rule or a better known edge of evidence.
 *
 * Pure: nothing passed in is modified.
 *
 * @param before every touched row, as it is stored under the locks
 */
export function eventsOf(before: readonly RowBefore[], writes: Writes, ids: Ids): NewEvent[] {
  const rows = new Map(before.map((row) => [row.id, row]));
  const gone = new Set([...(writes.deletion?.contactIds ?? []), ...(writes.erasure?.removedIds ?? [])]);
  const after = identitiesAfter(rows, gone, writes, ids);
  const targets = targetsOf(after);
  const told = toldBy(writes, ids);
  return [
    ...partings(rows, gone, after, targets, writes, told),
    ...[...targets].flatMap(([primaryId, parts]) => splitsOf(primaryId, parts, after, told)),
    ...[...after.values()].flatMap((identity) => gainsOf(identity, targets, gone, writes, ids, told)),
    ...writes.reviews.map(({ reason }, i): NewEvent => ({
      type: 'review.opened',
      data: { reviewId: ids.reviewIds[i]!, reason, ...told },
    })),
    ...reviewsDecided(writes, ids).map((review): NewEvent => ({
      type: 'review.decided',
      data: { ...review, ...told },
    })),
  ];
}

function identitiesAfter(
  rows: ReadonlyMap<number, RowBefore>,
  gone: ReadonlySet<number>,
  { touched, newcomers }: Writes,
  { real }: Ids,
): Map<number, IdentityAfter> {
  const versions = new Map(touched.map(({ id, version }) => [id, version + 1]));
  const after = new Map<number, IdentityAfter>();
  const at = (primaryId: number): IdentityAfter => {
    const known = after.get(primaryId);
    const identity = known ?? {
      primaryId,
      version: versions.get(primaryId) ?? 1,
      cameFrom: new Map<number, number[]>(),
      newcomers: [],
      isRevised: false,
    };
    after.set(primaryId, identity);
    return identity;
  };
  for (const row of touched) {
    const stored = rows.get(row.id);
    if (stored === undefined || stored.isDeleted || gone.has(row.id)) {
      continue;
    }
    const identity = at(row.linkedId === null ? row.id : real(row.linkedId));
    const from = stored.linkedId ?? row.id;
    const came = identity.cameFrom.get(from);
    if (came === undefined) {
      identity.cameFrom.set(from, [row.id]);
    } else {
      came.push(row.id);
    }
    identity.isRevised ||= isRevised(row);
  }
  for (const newcomer of newcomers) {
    at(real(newcomer.linkedId ?? newcomer.id)).newcomers.push(newcomer);
  }
  return after;
}

function isRevised({ createdAt, identifiers }: TouchedRow): boolean {
  return createdAt !== undefined || identifiers !== undefined;
}

/**
 * By primary until now: the identities that its touched live contacts are in from now on. The first is the one that goes on with
 * the identity: where the primary stays, or else the contact with the lowest id.
 */
function targetsOf(after: ReadonlyMap<number, IdentityAfter>): Map<number, readonly IdentityAfter[]> {
  const parts = new Map<number, IdentityAfter[]>();
  for (const identity of after.values()) {
    for (const from of identity.cameFrom.keys()) {
      parts.set(from, [...(parts.get(from) ?? []), identity]);
    }
  }
  const rank = (from: number, { cameFrom }: IdentityAfter): number => {
    const ids = cameFrom.get(from)!;
    return ids.includes(from) ? -1 : Math.min(...ids);
  };
  return new Map(
    [...parts].map(([from, identities]) => [
      from,
      identities.toSorted((a, b) => rank(from, a) - rank(from, b)),
    ]),
  );
}

/** What is told of contacts that are deleted or erased: one event for each identity that they leave. */
function partings(
  rows: ReadonlyMap<number, RowBefore>,
  gone: ReadonlySet<number>,
  after: ReadonlyMap<number, IdentityAfter>,
  targets: ReadonlyMap<number, readonly IdentityAfter[]>,
  { touched, erasure }: Writes,
  told: Told,
): NewEvent[] {
  const isLess = new Set([...(erasure?.strippedIds ?? []), ...(erasure?.strippedPastIds ?? [])]);
  const leaving = new Map<number, number[]>();
  for (const { id } of touched) {
    const row = rows.get(id);
    if (row !== undefined && (gone.has(id) || isLess.has(id))) {
      const from = row.linkedId ?? id;
      const ids = leaving.get(from) ?? [];
      leaving.set(from, gone.has(id) ? [...ids, id] : ids);
    }
  }
  return [...leaving].map(([from, ids]): NewEvent => {
    const stays = targets.get(from)?.[0] ?? after.get(from) ?? null;
    return {
      type: erasure === null ? 'contact.deleted' : 'identity.erased',
      data: {
        primaryContactId: stays?.primaryId ?? null,
        ...(stays !== null && { version: stays.version }),
        ...(stays?.primaryId !== from && { previousPrimaryContactId: from }),
        ...(ids.length > 0 && { contactIds: ids.toSorted((a, b) => a - b) }),
        ...told,
      },
    };
  });
}

/** What is told of an identity that fell apart: one event for each part that left. */
function splitsOf(
  from: number,
  [stays, ...left]: readonly IdentityAfter[],
  after: ReadonlyMap<number, IdentityAfter>,
  told: Told,
): NewEvent[] {
  return stays === undefined
    ? []
    : left.map((part): NewEvent => ({
        type: 'identity.split',
        data: {
          primaryContactId: stays.primaryId,
          version: stays.version,
          ...(stays.primaryId !== from && { previousPrimaryContactId: from }),
          partedPrimaryContactId: part.primaryId,
          partedVersion: after.get(part.primaryId)!.version,
          partedIds: part.cameFrom.get(from)!.toSorted((a, b) => a - b),
          ...told,
        },
      }));
}

/** What is told of an identity that is new, or gained contacts, or shows something else. */
function gainsOf(
  identity: IdentityAfter,
  targets: ReadonlyMap<number, readonly IdentityAfter[]>,
  gone: ReadonlySet<number>,
  { merges, erasure }: Writes,
  { real, mergeIds }: Ids,
  told: Told,
): NewEvent[] {
  const { primaryId, version, cameFrom, newcomers } = identity;
  const whole = [...cameFrom.keys()].filter((from) => targets.get(from)?.[0] === identity);
  const before =
    whole.find((from) => from === primaryId || cameFrom.get(from)!.includes(primaryId)) ?? whole[0];
  const mergedIds = whole.filter((from) => from !== before);
  const contactIds = newcomers.map(({ id }) => real(id)).toSorted((a, b) => a - b);
  const asked = newcomers.find(({ requestId }) => requestId !== undefined);
  const data = {
    primaryContactId: primaryId,
    version,
    ...(before !== undefined && before !== primaryId && { previousPrimaryContactId: before }),
    ...(contactIds.length > 0 && { contactIds }),
  };
  const cause = { ...told, ...(asked && { requestId: asked.requestId! }) };
  if (mergedIds.length > 0) {
    return mergedIds.map((mergedId, i): NewEvent => {
      const place = merges.findIndex((merge) => merge.cause !== 'kept' && real(merge.mergedId) === mergedId);
      const { requestId } = merges[place] ?? {};
      return {
        type: 'identity.merged',
        data: {
          ...(i === 0 ? data : { primaryContactId: primaryId, version }),
          mergedIds: [mergedId],
          ...cause,
          ...(place >= 0 && { mergeId: mergeIds[place]! }),
          ...(requestId !== undefined && { requestId }),
        },
      };
    });
  }
  if (cameFrom.size === 0) {
    return [{ type: 'identity.created', data: { ...data, ...cause } }];
  }
  // An erasure, a deletion or a split tells by itself who is primary from now on.
  const isTold = erasure !== null || whole.some((from) => targets.get(from)!.length > 1 || gone.has(from));
  const hasNewPrimary = before !== undefined && before !== primaryId && !isTold;
  return contactIds.length > 0 || hasNewPrimary || (identity.isRevised && erasure === null)
    ? [{ type: 'identity.updated', data: { ...data, ...cause } }]
    : [];
}

function reviewsDecided(
  { decidedReview }: Writes,
  { decidedByRules }: Ids,
): Pick<ReviewEvent, 'reviewId' | 'decision'>[] {
  const byRules = decidedByRules.map((reviewId) => ({ reviewId, decision: 'keep-apart' as const }));
  return decidedReview === null
    ? byRules
    : [{ reviewId: decidedReview.id, decision: decidedReview.decision }, ...byRules];
}

/** Why, by which change and for which call; of an undo also the merge that is undone. */
function toldBy(writes: Writes, { changeId }: Ids): Told {
  const { change, deletion, erasure, undoneMergeIds, isImport } = writes;
  const [undoneId] = undoneMergeIds;
  const requestId = change?.requestId ?? deletion?.requestId;
  const isManual = changeId !== null || deletion !== null || erasure !== null;
  return {
    cause: isImport ? 'import' : isManual ? 'manual' : 'identify',
    ...(undoneId !== undefined && undoneMergeIds.length === 1 && { mergeId: undoneId }),
    ...(changeId !== null && { changeId }),
    ...(requestId !== undefined && { requestId }),
  };
}
