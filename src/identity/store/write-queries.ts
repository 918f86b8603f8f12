import type { Query, Statement } from '../../database/session/sql-session.js';
import type { BlockedPattern } from '../domain/blocklist.js';
import type { Claim, Identifier } from '../domain/contact.js';
import { IdentifierMap } from '../domain/identifier-map.js';
import type { Kinds } from '../domain/kinds.js';
import type { Pair } from '../domain/reviews.js';
import {
  realId,
  type ChangeNote,
  type Merge,
  type Newcomer,
  type TouchedRow,
  type Writes,
} from '../domain/writes.js';
import * as blockedSql from './blocked.statements.js';
import type { NewEvent } from '../domain/events.js';
import * as changeSql from './change.statements.js';
import * as sql from './contact.statements.js';
import { INSERT_EVENTS } from './event.statements.js';
import {
  identifierColumns,
  inKeyOrder,
  inOrderOfBytes,
  keyColumns,
  pairColumns,
} from './identifier-columns.js';
import { partsOf } from './large-writes.js';
import * as reviewSql from './review.statements.js';
import * as ruleSql from './rule.statements.js';

/** What was drawn for a decision when it was written. */
export interface Drawn {
  /** The ids of its newcomers, in order */
  readonly freshIds: readonly number[];
  /** The ids of its merges, in order */
  readonly mergeIds: readonly number[];
  /** The ids of the rules that it made, in order */
  readonly ruleIds: readonly number[];
  /** The ids of the reviews that it opened, in order */
  readonly reviewIds: readonly number[];
  /** Null: it was not made by hand. */
  readonly changeId: number | null;
  /** When it was written, in µs since 1970; 0: nothing was */
  readonly now: number;
}

type RealId = (id: number) => number;

/** Draws the ids that a decision needs, and the time. */
export function drawFor({ newcomers, merges, change, rules, reviews }: Writes): Query {
  return [sql.DRAW, newcomers.length, merges.length, change === null ? 0 : 1, rules.length, reviews.length];
}

/** Removing a contact takes as long as changing so many. */
const ROWS_OF_REMOVED = 25;

/** The most rows of one kind that a decision writes. */
export function rowsOf({ touched, rules, liftedRules, erasure, renaming }: Writes): number {
  return Math.max(
    touched.length,
    renaming?.identifiers.length ?? 0,
    rules.length,
    liftedRules.length,
    erasure?.identifiers.length ?? 0,
    (erasure?.removedIds.length ?? 0) * ROWS_OF_REMOVED,
  );
}

/**
 * Writes a decision, but for its rules and its record, and without what must still be reserved; see
 * {@link reservationQueries}.
 *
 * In the order that the foreign keys require: a newcomer with an early date may be the primary that others link to.
 */
export function writeQueries(kinds: Kinds, tenantId: number, writes: Writes, drawn: Drawn): Query[] {
  const { freshIds, changeId, now } = drawn;
  const real = (id: number): number => realId(id, freshIds);
  const { deletion } = writes;
  return [
    insertContacts(kinds, tenantId, writes.newcomers, real, now),
    ...keepPast(tenantId, writes.touched, changeId, now),
    ...relink(tenantId, writes.touched, real, now),
    ...setIdentifiers(kinds, tenantId, writes.touched),
    ...rejoin(tenantId, writes.touched, real),
    ...insertMerges(kinds, tenantId, writes.merges, drawn),
    ...partsOf(writes.undoneMergeIds).map((ids): Query => [sql.UNDO_MERGES, tenantId, ids, changeId]),
    ...partsOf(deletion?.contactIds ?? []).map((ids): Query => [sql.DELETE_CONTACTS, tenantId, ids, now]),
    ...partsOf(writes.ruledIds).map((ids): Query => [sql.MARK_RULED, tenantId, ids]),
    insertClaims(kinds, tenantId, writes, real),
    ...ofEachKind(kinds, writes.unheldForms).map(([kind, values]): Query => [
      sql.FREE_FORMS,
      tenantId,
      kind,
      values,
    ]),
    insertReservations(kinds, tenantId, writes.reservations),
    ...moveClaims(kinds, tenantId, writes.movedClaims, real),
    ...ofEachKind(kinds, deletion?.freedClaims ?? []).map(([kind, values]): Query => [
      sql.FREE_CLAIMS,
      tenantId,
      kind,
      values,
    ]),
    ...ofEachKind(kinds, deletion?.reservedClaims ?? []).map(([kind, values]): Query => [
      sql.RESERVE_CLAIMS,
      tenantId,
      kind,
      values,
    ]),
  ].filter((query) => query !== null);
}

/**
 * Takes over the reserved identifiers, and locks those that must stay reserved or become free. Each finds a row, unless the
 * identifier is no longer reserved.
 */
export function reservationQueries(
  kinds: Kinds,
  tenantId: number,
  { takenClaims, reservedForms, keptReservations, freedReservations }: Writes,
  freshIds: readonly number[],
): Query[] {
  const taken = takenClaims.map((claim): [Identifier, Query] => [
    claim,
    [sql.TAKE_CLAIM, tenantId, ...keyOf(kinds, claim), realId(claim.contactId, freshIds)],
  ]);
  const kept = [...reservedForms, ...keptReservations, ...freedReservations].map(
    (identifier): [Identifier, Query] => [
      identifier,
      [sql.KEEP_RESERVED, tenantId, ...keyOf(kinds, identifier)],
    ],
  );
  // all writers use the same order, as for claims
  return [...taken, ...kept]
    .toSorted(([a], [b]) => (a.kind + a.value < b.kind + b.value ? -1 : 1))
    .map(([, query]) => query);
}

/** Reads the rules about the identifiers. */
export function rulesQuery(kinds: Kinds, tenantId: number, identifiers: readonly Identifier[]): Query {
  return [ruleSql.RULES_OF, tenantId, ...keyColumns(kinds, identifiers)];
}

/** Makes rules. All rules are made here, so each has the change that made it: who made it, and why. */
export function ruleInsertions(
  kinds: Kinds,
  tenantId: number,
  rules: Writes['rules'],
  { ruleIds, changeId, now }: Drawn,
): Query[] {
  const sides = rules.flatMap(([one, other], i) => [
    { ...one, other, id: ruleIds[i]!, isReverse: null },
    { ...other, other: one, id: ruleIds[i]!, isReverse: true },
  ]);
  return partsOf(inKeyOrder(kinds, sides)).map((part) => [
    ruleSql.INSERT_RULES,
    tenantId,
    part.map(({ id }) => id),
    ...keyColumns(kinds, part),
    ...keyColumns(
      kinds,
      part.map(({ other }) => other),
    ),
    part.map(({ isReverse }) => isReverse),
    changeId,
    now,
  ]);
}

/** Reads the reviews of pairs. */
export function reviewsQuery(kinds: Kinds, tenantId: number, pairs: readonly Pair[]): Query {
  return [reviewSql.REVIEWS_OF, tenantId, ...pairColumns(kinds, pairs)];
}

/** Opens reviews. */
export function reviewInsertions(
  kinds: Kinds,
  tenantId: number,
  reviews: Writes['reviews'],
  { reviewIds, now }: Drawn,
): Query[] {
  const ordered = inOrderOfBytes(reviews, ({ pair }) =>
    inKeyOrder(kinds, pair).flatMap(({ kind, value }) => [kinds.named(kind).number, value]),
  );
  return partsOf(ordered).map((part) => [
    reviewSql.INSERT_REVIEWS,
    tenantId,
    part.map(({ id }) => realId(id, reviewIds)),
    ...pairColumns(
      kinds,
      part.map(({ pair }) => pair),
    ),
    part.map(({ reason }) => reason),
    now,
  ]);
}

/** Decides a review. A row is found, unless it was decided before. */
export function reviewDecision(
  tenantId: number,
  { id, decision }: NonNullable<Writes['decidedReview']>,
  { changeId, now }: Pick<Drawn, 'changeId' | 'now'>,
): Query {
  return [reviewSql.DECIDE_REVIEW, tenantId, id, decision, changeId, now];
}

/** Decides the open reviews of the pairs that get a rule; a row is found for each. All writers use the same order. */
export function reviewDecisionsByRules(
  kinds: Kinds,
  tenantId: number,
  rules: Writes['rules'],
  { changeId, now }: Pick<Drawn, 'changeId' | 'now'>,
): Query[] {
  const [numbers, values, otherNumbers, otherValues] = pairColumns(kinds, rules);
  return rules
    .map((_, i) => [numbers[i]!, values[i]!, otherNumbers[i]!, otherValues[i]!])
    .toSorted((a, b) => (a.join() < b.join() ? -1 : 1))
    .map((pair) => [reviewSql.DECIDE_BY_RULE, tenantId, ...pair, changeId, now]);
}

/** Deletes rules. Two rows are found for each, unless somebody else deleted it. */
export function ruleDeletions(tenantId: number, liftedRules: Writes['liftedRules']): Query[] {
  return partsOf(liftedRules.map(({ id }) => id)).map((ids) => [ruleSql.DELETE_RULES, tenantId, ids]);
}

/**
 * Frees identifiers that nobody has, once the rules about them are deleted. A rule that ends may name one that the decision did not
 * know to be reserved, because it looked at whoever has the other form: that is free too, if it has no other rule.
 */
export function reservationDeletions(
  kinds: Kinds,
  tenantId: number,
  { liftedRules, freedReservations, keptReservations }: Writes,
): Query[] {
  const ends = new IdentifierMap<Identifier>();
  liftedRules.flatMap(({ identifiers }) => identifiers).forEach((each) => ends.set(each, each));
  const known = new IdentifierMap<true>();
  [...freedReservations, ...keptReservations].forEach((each) => known.set(each, true));
  const others = inKeyOrder(
    kinds,
    [...ends.items()].filter((each) => !known.has(each)),
  );
  const at = (statement: Statement, each: Identifier): Query => [statement, tenantId, ...keyOf(kinds, each)];
  return [
    ...freedReservations.map((freed) => at(ruleSql.FREE_RESERVATION, freed)),
    // Locked first, so that what is deleted then is seen with the rules that others have made meanwhile.
    ...others.map((each) => at(sql.KEEP_RESERVED, each)),
    ...others.map((each) => at(ruleSql.FREE_UNRULED, each)),
  ];
}

/** Blocks patterns, and tells all processes that patterns were blocked or are free again. The tenant must have a policy. */
export function blockQueries(
  kinds: Kinds,
  tenantId: number,
  { blocks, unblocked }: Writes,
  { changeId, now }: Drawn,
): Query[] {
  const insertions = blocks.map(({ kind, pattern }): Query => [
    blockedSql.INSERT_BLOCKED,
    tenantId,
    kinds.named(kind).number,
    pattern,
    changeId,
    now,
  ]);
  return blocks.length + unblocked.length === 0
    ? []
    : [...insertions, [blockedSql.RENEW_POLICY, tenantId, now]];
}

/** Ends the block of a pattern. A row is found, unless somebody else has ended it. */
export function unblockQuery(kinds: Kinds, tenantId: number, { id, kind, pattern }: BlockedPattern): Query {
  return [blockedSql.DELETE_BLOCKED, tenantId, id, kinds.named(kind).number, pattern];
}

/** Leaves the events of a decision for the relay. */
export function eventInsertion(tenantId: number, events: readonly NewEvent[], now: number): Query[] {
  return events.length === 0 ? [] : [[INSERT_EVENTS, tenantId, now, JSON.stringify(events)]];
}

/** Records a change by hand, and takes its idempotency key from an older change that is past its time. */
export function changeInsertion(
  tenantId: number,
  { kind, actor, reason, idempotency, isChanged, contactIds }: ChangeNote,
  changeId: number,
  real: RealId,
  now: number,
): Query[] {
  const insertion: Query = [
    changeSql.INSERT_CHANGE,
    tenantId,
    changeId,
    kind,
    now,
    actor,
    reason,
    idempotency?.key ?? null,
    idempotency?.requestHash ?? null,
    isChanged,
    contactIds.map(real),
  ];
  return idempotency === null ? [insertion] : [[changeSql.RELEASE_KEY, tenantId, idempotency.key], insertion];
}

function insertContacts(
  kinds: Kinds,
  tenantId: number,
  newcomers: readonly Newcomer[],
  real: RealId,
  now: number,
): Query | null {
  if (newcomers.length === 0) {
    return null;
  }
  const time = sql.timestampOf(now);
  return [
    sql.INSERT_CONTACTS,
    tenantId,
    newcomers.map(({ id }) => real(id)),
    ...identifierColumns(kinds, newcomers),
    newcomers.map(({ linkedId }) => linkedId && real(linkedId)),
    newcomers.map(({ linkedId }) => (linkedId === null ? 'primary' : 'secondary')),
    newcomers.map(({ joinedId }) => joinedId && real(joinedId)),
    newcomers.map(({ isRuled }) => isRuled || null),
    newcomers.map(({ createdAt }) => (createdAt === undefined ? time : sql.timestampOf(createdAt))),
    newcomers.some(({ createdAt }) => createdAt !== undefined) ? now : null,
    now,
  ];
}

/** The present state of the rows that change. */
function keepPast(
  tenantId: number,
  touched: readonly TouchedRow[],
  changeId: number | null,
  now: number,
): Query[] {
  return partsOf(touched.filter(({ leavesPast }) => leavesPast)).map((rows) => [
    sql.KEEP_PAST,
    tenantId,
    rows.map(({ id }) => id),
    now,
    changeId,
    // An edge that is only assumed was never recorded, so there is nothing to keep of it.
    rows.filter(({ joined }) => joined !== undefined && !joined.isAssumed).map(({ id }) => id),
  ]);
}

function relink(tenantId: number, touched: readonly TouchedRow[], real: RealId, now: number): Query[] {
  return partsOf(touched.toSorted((a, b) => a.id - b.id)).map((rows) => {
    const isDated = rows.some(({ createdAt }) => createdAt !== undefined);
    return [
      sql.RELINK,
      tenantId,
      rows.map(({ id }) => id),
      rows.map(({ linkedId }) => (linkedId === null ? 0 : real(linkedId))),
      isDated ? rows.map(({ createdAt = null }) => createdAt) : [],
      now,
    ];
  });
}

function setIdentifiers(kinds: Kinds, tenantId: number, touched: readonly TouchedRow[]): Query[] {
  const stripped = touched.flatMap(({ id, identifiers }) =>
    identifiers === undefined ? [] : [{ id, identifiers }],
  );
  return partsOf(stripped.toSorted((a, b) => a.id - b.id)).map((rows) => [
    sql.SET_IDENTIFIERS,
    tenantId,
    rows.map(({ id }) => id),
    ...identifierColumns(kinds, rows),
  ]);
}

function rejoin(tenantId: number, touched: readonly TouchedRow[], real: RealId): Query[] {
  const joined = touched.flatMap(({ id, joined: edge }) => (edge === undefined ? [] : [{ id, ...edge }]));
  return partsOf(joined.toSorted((a, b) => a.id - b.id)).map((rows) => [
    sql.REJOIN,
    tenantId,
    rows.map(({ id }) => id),
    rows.map(({ toId }) => (toId === null ? 0 : real(toId))),
    rows.map(({ isAssumed }) => isAssumed),
  ]);
}

function insertMerges(
  kinds: Kinds,
  tenantId: number,
  merges: readonly Merge[],
  { freshIds, mergeIds, changeId, now }: Drawn,
): Query[] {
  const real = (id: number): number => realId(id, freshIds);
  return partsOf(merges.map((merge, i) => ({ ...merge, id: mergeIds[i]! }))).map((part) => [
    sql.INSERT_MERGES,
    tenantId,
    part.map(({ id }) => id),
    part.map(({ survivorId }) => real(survivorId)),
    part.map(({ mergedId }) => real(mergedId)),
    part.map(({ leftId }) => real(leftId)),
    part.map(({ rightId }) => real(rightId)),
    part.map(({ cause }) => cause),
    ...identifierColumns(kinds, part),
    changeId,
    now,
  ]);
}

/** Inserts claims, and for a moment their other forms: that fails if another process claimed or reserved one. */
function insertClaims(
  kinds: Kinds,
  tenantId: number,
  { claims, unheldForms }: Writes,
  real: RealId,
): Query | null {
  if (claims.length + unheldForms.length === 0) {
    return null;
  }
  const ordered = inKeyOrder(kinds, [
    ...claims.map(({ kind, value, contactId }) => ({ kind, value, contactId: real(contactId) })),
    ...unheldForms.map(({ kind, value }) => ({ kind, value, contactId: null })),
  ]);
  return [
    sql.INSERT_CLAIMS,
    tenantId,
    ...keyColumns(kinds, ordered),
    ordered.map(({ contactId }) => contactId),
  ];
}

function insertReservations(
  kinds: Kinds,
  tenantId: number,
  reservations: readonly Identifier[],
): Query | null {
  return reservations.length === 0
    ? null
    : [
        sql.INSERT_CLAIMS,
        tenantId,
        ...keyColumns(kinds, inKeyOrder(kinds, reservations)),
        reservations.map(() => null),
      ];
}

function moveClaims(kinds: Kinds, tenantId: number, claims: readonly Claim[], real: RealId): Query[] {
  const byKind = Map.groupBy(claims, ({ kind }) => kinds.named(kind).number);
  return [...byKind].flatMap(([kind, ofKind]) =>
    partsOf(ofKind).map((part): Query => [
      sql.MOVE_CLAIMS,
      tenantId,
      kind,
      part.map(({ value }) => value),
      JSON.stringify(Object.fromEntries(part.map(({ value, contactId }) => [value, real(contactId)]))),
    ]),
  );
}

/** The values of each kind, in portions for one statement each. */
export function ofEachKind(
  kinds: Kinds,
  identifiers: readonly Identifier[],
): [kind: number, values: readonly string[]][] {
  const byKind = Map.groupBy(identifiers, ({ kind }) => kinds.named(kind).number);
  return [...byKind].flatMap(([kind, ofKind]) =>
    partsOf(ofKind).map((part): [number, string[]] => [kind, part.map(({ value }) => value)]),
  );
}

function keyOf(kinds: Kinds, { kind, value }: Identifier): [number: number, value: string] {
  return [kinds.named(kind).number, value];
}
