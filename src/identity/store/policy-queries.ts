import type { Query } from '../../database/session/sql-session.js';
import type { BlockedPattern } from '../domain/blocklist.js';
import type { Identifier } from '../domain/contact.js';
import type { Kinds } from '../domain/kinds.js';
import type { Pair } from '../domain/reviews.js';
import { realId, type Writes } from '../domain/writes.js';
import * as blockedSql from './blocked.statements.js';
import { inKeyOrder, inOrderOfBytes, keyColumns, pairColumns } from './identifier-columns.js';
import { partsOf } from './large-writes.js';
import * as reviewSql from './review.statements.js';
import * as ruleSql from './rule.statements.js';
import type { Drawn } from './write-queries.js';

// The rules, reviews and blocked values of a decision.

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
  const pairs = rules.map((_, i) => [numbers[i]!, values[i]!, otherNumbers[i]!, otherValues[i]!]);
  return inOrderOfBytes(pairs, (pair) => pair).map((pair) => [
    reviewSql.DECIDE_BY_RULE,
    tenantId,
    ...pair,
    changeId,
    now,
  ]);
}

/** Deletes rules. Two rows are found for each, unless somebody else deleted it. */
export function ruleDeletions(tenantId: number, liftedRules: Writes['liftedRules']): Query[] {
  return partsOf(liftedRules.map(({ id }) => id)).map((ids) => [ruleSql.DELETE_RULES, tenantId, ids]);
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
