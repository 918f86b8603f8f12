import type { Query, Row } from '../../database/session/sql-session.js';
import type {
  Contact as ContactRow,
  Identifier,
  Identity,
  PendingErasure,
  Sighting,
  Snapshot,
} from '../domain/contact.js';
import type { Kinds } from '../domain/kinds.js';
import type { Policy } from '../domain/policy.js';
import { keyOf, KnownReviews, type Pair, type StoredReview } from '../domain/reviews.js';
import { KnownRules } from '../domain/rules.js';
import type { Writes } from '../domain/writes.js';
import * as sql from './contact.statements.js';
import { PENDING_ERASURES } from './erasure.statements.js';
import { distinctKeyColumns, identifiersOf, keyColumns, pairOf, ruleOf } from './identifier-columns.js';
import { reviewsQuery, rulesQuery } from './policy-queries.js';

/** The identities to read: those that share an identifier with the sightings, or those of live contacts. */
export type PlainSelection =
  | { readonly tenantId: number; readonly sightings: readonly Sighting[] }
  | { readonly tenantId: number; readonly contactIds: readonly number[] };

/** Reads what is selected. @param maxRows the most rows; null: all */
export function selectionQuery(
  kinds: Kinds,
  selection: PlainSelection,
  known: readonly Identity[],
  maxRows: number | null,
): Query {
  const ids = known.map(({ primaryId }) => primaryId);
  const versions = known.map(versionOf);
  if ('contactIds' in selection) {
    return [sql.LOAD_BY_CONTACTS, selection.tenantId, selection.contactIds, ids, versions, maxRows];
  }
  const keys = distinctKeyColumns(kinds, selection.sightings);
  return [sql.LOAD, selection.tenantId, ...keys, ids, versions, maxRows];
}

/** The version of the primary, which counts the changes of the whole identity. */
function versionOf({ primaryId, rows }: Identity): number {
  return rows.find(({ id }) => id === primaryId)?.version ?? 0;
}

/** The identities that {@link selectionQuery} read. @param known those that it leaves out if they have not changed */
export function snapshotOf(policy: Policy, rows: readonly Row[], known: readonly Identity[]): Snapshot {
  const { kinds } = policy;
  const unchanged: Identity[] = [];
  const reserved: Identifier[] = [];
  const byRoot = new Map<number, ContactRow[]>();
  for (const row of rows) {
    if (row.root === null) {
      const [kind, value] = row.identifiers as [number, string];
      reserved.push({ kind: kinds.numbered(kind).name, value });
      continue;
    }
    const root = Number(row.root);
    const members = byRoot.get(root);
    if (row.is_known === true) {
      unchanged.push(known.find(({ primaryId }) => primaryId === root)!);
    } else if (members === undefined) {
      byRoot.set(root, [contactOf(kinds, row)]);
    } else {
      members.push(contactOf(kinds, row));
    }
  }
  const read = [...byRoot].map(([primaryId, members]) => ({ primaryId, rows: members }));
  const identities = [...unchanged, ...read];
  return { identities, reserved, rules: new KnownRules(), reviews: KnownReviews.NONE, policy };
}

/** A contact with what a decision rests on: its version, and whether a rule may speak of it. */
export function contactOf(kinds: Kinds, row: Row): ContactRow {
  return {
    id: Number(row.id),
    identifiers: identifiersOf(kinds, row),
    createdAt: Number(row.created_at),
    version: Number(row.version),
    isDeleted: row.is_deleted as boolean,
    isRuled: row.is_ruled === true,
  };
}

/** Reads what a decision asks for, in the order that {@link extended} expects. */
export function queriesForMore(
  kinds: Kinds,
  tenantId: number,
  { unknownRules, unknownReviews }: Writes,
): Query[] {
  return [
    ...(unknownRules.length > 0
      ? [
          rulesQuery(kinds, tenantId, unknownRules),
          [PENDING_ERASURES, tenantId, ...keyColumns(kinds, unknownRules)] as const,
        ]
      : []),
    ...(unknownReviews.length > 0 ? [reviewsQuery(kinds, tenantId, unknownReviews)] : []),
  ];
}

/** The snapshot with what {@link queriesForMore} read. */
export function extended(
  kinds: Kinds,
  snapshot: Snapshot,
  { unknownRules, unknownReviews }: Writes,
  found: readonly (readonly Row[])[],
): Snapshot {
  const rules = unknownRules.length > 0 ? rulesIn(kinds, unknownRules, found[0]!, found[1]) : null;
  const reviews = unknownReviews.length > 0 ? reviewsIn(kinds, unknownReviews, found.at(-1)!) : null;
  return {
    ...snapshot,
    ...(rules && { rules: snapshot.rules.with(rules) }),
    ...(reviews && { reviews: snapshot.reviews.with(reviews) }),
  };
}

/** The rules of the identifiers, and those of them that are being erased. */
export function rulesIn(
  kinds: Kinds,
  askedFor: readonly Identifier[],
  rows: readonly Row[],
  erasures: readonly Row[] = [],
): KnownRules {
  const rules = new Map(rows.map((row) => [Number(row.rule_id), ruleOf(kinds, row)]));
  return new KnownRules(askedFor, [...rules.values()], pendingOf(kinds, erasures));
}

function pendingOf(kinds: Kinds, rows: readonly Row[]): PendingErasure[] {
  const now = performance.now();
  return rows.map((row) => ({
    kind: kinds.numbered(Number(row.kind)).name,
    value: row.value as string,
    erasedAt: Number(row.erased_at),
    isBlocked: row.is_blocked as boolean,
    seenAt: now - Number(row.ago) / 1_000,
  }));
}

function reviewsIn(kinds: Kinds, askedFor: readonly Pair[], rows: readonly Row[]): KnownReviews {
  const byPair = new Map(rows.map((row) => [keyOf(pairOf(kinds, row)), storedReviewOf(row)]));
  return KnownReviews.of(
    askedFor,
    askedFor.map((pair) => byPair.get(keyOf(pair)) ?? null),
  );
}

function storedReviewOf({ id, decision }: Row): StoredReview {
  return { id: Number(id), decision: decision as StoredReview['decision'] };
}
