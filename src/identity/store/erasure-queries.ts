import type { Query, Row, Transaction } from '../../database/session/sql-session.js';
import type { Identifier } from '../domain/contact.js';
import { IdentifierMap } from '../domain/identifier-map.js';
import { EMAIL, PHONE_NUMBER, type Kinds } from '../domain/kinds.js';
import type { ErasedParts, ErasureNote } from '../domain/writes.js';
import * as sql from './erasure.statements.js';
import { inKeyOrder, keyColumns, namedIn } from './identifier-columns.js';
import { partsOf } from './large-writes.js';
import { DELETE_RULES } from './rule.statements.js';
import { ofEachKind, type Drawn } from './write-queries.js';

/** For each contact PostgreSQL looks for what refers to it: half a millisecond. */
const REMOVED_AT_ONCE = 100;
/** How long erased identifiers stay reserved: longer than anything that was under way can take. */
export const HELD_MICROS = 60_000_000;
const DAY_MICROS = 86_400_000_000;

/**
 * Removes what an erasure names, under the locks of the transaction, all but the contacts themselves; see {@link lastOf}.
 *
 * @returns false if an identifier is reserved no more: somebody has taken it
 */
export async function removeErased(
  transaction: Transaction,
  kinds: Kinds,
  tenantId: number,
  parts: ErasedParts,
  { changeId, now }: Drawn,
): Promise<boolean> {
  const erasureId = idOf(parts, changeId);
  const { identifiers, keptReservations, reservations } = parts;
  const columns = erasedColumns(kinds, identifiers);
  const kept = ofEachKind(kinds, keptReservations).map(([kind, values]): Query => [
    sql.KEEP_ERASED,
    tenantId,
    kind,
    values,
    erasureId,
  ]);
  const results = await transaction.send(
    ...partsOf(parts.strippedPastIds).map((ids): Query => [sql.STRIP_PAST, tenantId, ids, ...columns]),
    ...partsOf(parts.removedIds).map((ids): Query => [sql.REMOVE_PAST, tenantId, ids]),
    ...partsOf(parts.removedMergeIds).map((ids): Query => [sql.REMOVE_MERGES, tenantId, ids]),
    ...partsOf(parts.strippedMergeIds).map((ids): Query => [sql.STRIP_MERGES, tenantId, ids, ...columns]),
    ...ofEachKind(kinds, parts.claims).map(([kind, values]): Query => [
      sql.RESERVE_ERASED,
      tenantId,
      kind,
      values,
      erasureId,
    ]),
    ...partsOf(inKeyOrder(kinds, reservations)).map((part): Query => [
      sql.INSERT_ERASED,
      tenantId,
      ...keyColumns(kinds, part),
      erasureId,
    ]),
    ...kept,
  );
  if (kept.length > 0 && results.slice(-kept.length).flat().length < keptReservations.length) {
    return false;
  }
  const [reviews = []] = await transaction.send([
    sql.REVIEWS_OF_ERASED,
    tenantId,
    ...keyColumns(kinds, identifiers),
  ]);
  if (reviews.length > 0) {
    await transaction.send([sql.REMOVE_REVIEWS, tenantId, reviews.map(({ id }) => Number(id))]);
  }
  const ruleChangeIds = await removeRules(transaction, kinds, tenantId, identifiers);
  if (typeof parts.record !== 'number') {
    const { hashes, keyHash } = parts.record;
    const { erasedAt, blockedUntil } = timesOf(parts.record, now);
    await leaveTombstones(transaction, tenantId, [keyHash], erasedAt, erasedAt);
    await leaveTombstones(transaction, tenantId, hashes, erasedAt, blockedUntil);
  }
  const named = [...parts.removedIds, ...parts.strippedIds];
  await transaction.send([sql.FORGET_CHANGES, tenantId, named, ruleChangeIds]);
  return true;
}

/** What is written last: the contacts go, and the erasure is recorded. */
export function lastOf(tenantId: number, parts: ErasedParts, { changeId, now }: Drawn): Query[] {
  const { record, removedIds, strippedIds } = parts;
  return [
    [sql.BY_RANGES],
    ...Array.from({ length: Math.ceil(removedIds.length / REMOVED_AT_ONCE) }, (_, i): Query => [
      sql.REMOVE_CONTACTS,
      tenantId,
      removedIds.slice(i * REMOVED_AT_ONCE, (i + 1) * REMOVED_AT_ONCE),
    ]),
    ...(typeof record === 'number'
      ? []
      : ([
          [
            sql.INSERT_ERASURE,
            tenantId,
            idOf(parts, changeId),
            record.scope,
            removedIds.length + strippedIds.length,
            record.hashes.length,
            removedIds,
            record.hashes.map(sql.bytesOf),
            timesOf(record, now).blockedUntil,
            timesOf(record, now).erasedAt,
            now + HELD_MICROS,
          ],
        ] as const)),
  ];
}

function timesOf(
  { first, blockedForDays }: ErasureNote,
  now: number,
): { readonly erasedAt: number; readonly blockedUntil: number } {
  return first ?? { erasedAt: now, blockedUntil: now + blockedForDays * DAY_MICROS };
}

/** Leaves tombstones, or renews those that are there. @param erasedAt and `blockedUntil` in µs since 1970 */
async function leaveTombstones(
  transaction: Transaction,
  tenantId: number,
  hashes: readonly string[],
  erasedAt: number,
  blockedUntil: number,
): Promise<void> {
  for (const part of partsOf(hashes)) {
    const [there = []] = await transaction.send([
      sql.RENEW_TOMBSTONES,
      tenantId,
      part.map(sql.bytesOf),
      erasedAt,
      blockedUntil,
    ]);
    const known = new Set(there.map(({ hash }) => hash));
    const news = part.filter((hash) => !known.has(hash));
    if (news.length > 0) {
      await transaction.send([
        sql.INSERT_TOMBSTONES,
        tenantId,
        news.map(sql.bytesOf),
        erasedAt,
        blockedUntil,
      ]);
    }
  }
}

/** The parameters of statements that look for identifiers: emails, phone numbers, and others as `number:value`. */
export function erasedColumns(
  kinds: Kinds,
  identifiers: readonly Identifier[],
): [emails: string[], phoneNumbers: string[], others: string[]] {
  const ofKind = (name: string): string[] =>
    identifiers.filter(({ kind }) => kind === name).map(({ value }) => value);
  return [
    ofKind(EMAIL.name),
    ofKind(PHONE_NUMBER.name),
    identifiers
      .filter(({ kind }) => kind !== EMAIL.name && kind !== PHONE_NUMBER.name)
      .map(({ kind, value }) => `${kinds.named(kind).number}:${value}`),
  ];
}

/**
 * Deletes the rules about the identifiers. The other identifier of a rule is free again if nobody has it and no other rule
 * speaks of it.
 *
 * @returns the changes that made them
 */
async function removeRules(
  transaction: Transaction,
  kinds: Kinds,
  tenantId: number,
  identifiers: readonly Identifier[],
): Promise<number[]> {
  const [rules = []] = await transaction.send([
    sql.RULES_OF_ERASED,
    tenantId,
    ...keyColumns(kinds, identifiers),
  ]);
  if (rules.length === 0) {
    return [];
  }
  const ids = [...new Set(rules.map(({ rule_id: id }) => Number(id)))];
  await transaction.send(...partsOf(ids).map((part): Query => [DELETE_RULES, tenantId, part]));
  await transaction.send(
    ...(await freeUnruled(transaction, kinds, tenantId, othersOf(kinds, rules, identifiers), null)),
  );
  return rules.flatMap(({ change_id: id }) => (id === null ? [] : [Number(id)]));
}

/**
 * Frees reserved identifiers, but none that a rule speaks of. Nobody can make a rule about them until the transaction ends.
 *
 * @param erasureId the erasure that reserves them; null: none
 * @returns what frees them
 */
export async function freeUnruled(
  transaction: Transaction,
  kinds: Kinds,
  tenantId: number,
  identifiers: readonly Identifier[],
  erasureId: number | null,
): Promise<Query[]> {
  await transaction.send(
    ...ofEachKind(kinds, identifiers).map(([kind, values]): Query => [
      sql.HOLD_RESERVED,
      tenantId,
      kind,
      values,
    ]),
  );
  // Only now it is seen whether somebody made a rule in the meantime.
  const [rules = []] = await transaction.send([
    sql.RULES_OF_ERASED,
    tenantId,
    ...keyColumns(kinds, identifiers),
  ]);
  const ruled = namedIn(kinds, rules);
  const unruled = identifiers.filter((identifier) => !ruled.has(identifier));
  return ofEachKind(kinds, unruled).map(([kind, values]): Query => [
    sql.FREE_RESERVED,
    tenantId,
    kind,
    values,
    erasureId,
  ]);
}

function othersOf(kinds: Kinds, rules: readonly Row[], identifiers: readonly Identifier[]): Identifier[] {
  const erased = new IdentifierMap<true>();
  identifiers.forEach((identifier) => erased.set(identifier, true));
  const others = new IdentifierMap<Identifier>();
  for (const row of rules) {
    const other = { kind: kinds.numbered(Number(row.other_kind)).name, value: row.other_value as string };
    if (!erased.has(other)) {
      others.set(other, other);
    }
  }
  return [...others.items()];
}

function idOf({ record }: ErasedParts, changeId: number | null): number {
  const id = typeof record === 'number' ? record : changeId;
  if (id === null) {
    throw new Error('an erasure is made without a change');
  }
  return id;
}
