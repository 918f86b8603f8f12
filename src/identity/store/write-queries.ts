import type { Query, Row, Statement } from '../../database/session/sql-session.js';
import type { Claim, Identifier } from '../domain/contact.js';
import type { NewEvent } from '../domain/events.js';
import { IdentifierMap } from '../domain/identifier-map.js';
import type { Kinds } from '../domain/kinds.js';
import {
  realId,
  type ChangeNote,
  type Merge,
  type Newcomer,
  type TouchedRow,
  type Writes,
} from '../domain/writes.js';
import * as changeSql from './change.statements.js';
import * as sql from './contact.statements.js';
import { INSERT_EVENTS } from './event.statements.js';
import { identifierColumns, inKeyOrder, keyColumns } from './identifier-columns.js';
import { partsOf } from './large-writes.js';
import { FREE_RESERVATION, FREE_UNRULED } from './rule.statements.js';

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

/**
 * What was drawn, after the locks were taken.
 *
 * @param locked the rows that are locked, with the time of their last change
 */
export function drawnFor(
  { partOf, youngestTouched }: Writes,
  locked: readonly Row[],
  [row = {}]: readonly Row[] = [],
): Drawn {
  const [changeId = partOf] = idsOf(row.change_ids);
  // Newcomers stay younger than what they join, and changes of a row keep their order, even if this clock is behind the one
  // that dated it.
  const lastChange = locked.reduce((latest, { updated_at: at }) => Math.max(latest, Number(at)), 0);
  return {
    freshIds: idsOf(row.ids),
    mergeIds: idsOf(row.merge_ids),
    ruleIds: idsOf(row.rule_ids),
    reviewIds: idsOf(row.review_ids),
    changeId,
    now: Math.max(Number(row.now), youngestTouched + 1, lastChange + 1),
  };
}

/** Ids as they were selected, ascending. */
export function idsOf(selected: unknown): number[] {
  return (selected as unknown[]).map(Number).toSorted((a, b) => a - b);
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
 * Writes a decision, without its rules, its reviews and its record, and without what must still be reserved; see
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
  const taken = takenClaims.map(({ kind, value, contactId }) => ({
    kind,
    value,
    takerId: realId(contactId, freshIds),
  }));
  const kept = [...reservedForms, ...keptReservations, ...freedReservations].map(({ kind, value }) => ({
    kind,
    value,
    takerId: null,
  }));
  return inKeyOrder(kinds, [...taken, ...kept]).map(({ takerId, ...identifier }) =>
    takerId === null
      ? [sql.KEEP_RESERVED, tenantId, ...keyOf(kinds, identifier)]
      : [sql.TAKE_CLAIM, tenantId, ...keyOf(kinds, identifier), takerId],
  );
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
    ...freedReservations.map((freed) => at(FREE_RESERVATION, freed)),
    // Locked first, so that what is deleted then is seen with the rules that others have made meanwhile.
    ...others.map((each) => at(sql.KEEP_RESERVED, each)),
    ...others.map((each) => at(FREE_UNRULED, each)),
  ];
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
