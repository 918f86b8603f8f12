import type { Query, Row, Transaction } from '../../database/session/sql-session.js';
import type { Identifier } from '../domain/contact.js';
import { eventsOf, type RowBefore } from '../domain/events.js';
import { IdentifierMap } from '../domain/identifier-map.js';
import type { Kinds } from '../domain/kinds.js';
import { realId, type Writes } from '../domain/writes.js';
import { Conflict, NotFoundError } from '../identity.errors.js';
import { lastOf, removeErased } from './erasure-queries.js';
import { namedIn } from './identifier-columns.js';
import {
  blockQueries,
  reviewDecision,
  reviewDecisionsByRules,
  reviewInsertions,
  ruleDeletions,
  ruleInsertions,
  rulesQuery,
  unblockQuery,
} from './policy-queries.js';
import { rename } from './rename.js';
import {
  changeInsertion,
  eventInsertion,
  reservationDeletions,
  reservationQueries,
  writeQueries,
  type Drawn,
} from './write-queries.js';

/**
 * Writes one decision under the locks that its transaction holds, and commits.
 *
 * What a step need not see the result of waits for the next step that does, so most decisions take one round trip.
 */
export class DecisionCommit {
  private waiting: Query[];

  constructor(
    private readonly transaction: Transaction,
    private readonly kinds: Kinds,
    private readonly tenantId: number,
    private readonly writes: Writes,
    private readonly drawn: Drawn,
  ) {
    this.waiting = writeQueries(kinds, tenantId, writes, drawn);
  }

  /**
   * Writes and commits.
   *
   * @param before the rows that are locked; null: no events are left
   * @returns the open reviews that its rules decided; a conflict if another writer took a reserved identifier, made or lifted a
   *   rule about it, or decided the review
   */
  async run(before: readonly RowBefore[] | null): Promise<readonly number[] | Conflict> {
    const { deletion, renaming, liftedRules, erasure, unblocked, decidedReview } = this.writes;
    const { takenClaims, reservedForms, keptReservations, freedReservations } = this.writes;
    const reserving = deletion?.reservedClaims ?? [];
    // An erasure removes rules without touching who has the other identifier.
    if (reserving.length > 0 && !this.areRuled(reserving, await this.rulesAbout(reserving))) {
      return new Conflict('claimed');
    }
    const reservations = [takenClaims, reservedForms, keptReservations, freedReservations];
    if (reservations.some(({ length }) => length > 0) && !(await this.holdReservations())) {
      return new Conflict('claimed');
    }
    if (renaming !== null) {
      await this.ask();
      if (!(await rename(this.transaction, this.kinds, this.tenantId, renaming))) {
        return new Conflict('claimed');
      }
    }
    if (liftedRules.length > 0 && !(await this.liftRules())) {
      return new Conflict('claimed');
    }
    if (erasure !== null) {
      await this.ask();
      if (!(await removeErased(this.transaction, this.kinds, this.tenantId, erasure, this.drawn))) {
        return new Conflict('claimed');
      }
      this.waiting.push(...lastOf(this.tenantId, erasure, this.drawn));
    }
    for (const blocked of unblocked) {
      const [[row] = []] = await this.ask(unblockQuery(this.kinds, this.tenantId, blocked));
      if (row === undefined) {
        throw new NotFoundError('blocked value', blocked.id);
      }
    }
    if (decidedReview !== null) {
      const [[row] = []] = await this.ask(reviewDecision(this.tenantId, decidedReview, this.drawn));
      if (row === undefined) {
        return new Conflict('claimed');
      }
    }
    return this.commit(before);
  }

  /** Commits with the rules of a decision, what they decide, the reviews that it opens, its events and its record. */
  private async commit(before: readonly RowBefore[] | null): Promise<readonly number[]> {
    const { kinds, tenantId, writes, drawn } = this;
    const { freshIds, mergeIds, reviewIds, changeId, now } = drawn;
    const real = (id: number): number => realId(id, freshIds);
    this.waiting.push(...ruleInsertions(kinds, tenantId, writes.rules, drawn));
    const byRules = reviewDecisionsByRules(kinds, tenantId, writes.rules, drawn);
    const decided = byRules.length === 0 ? [] : await this.ask(...byRules);
    const decidedByRules = decided.flat().map(({ id }) => Number(id));
    const events =
      before === null
        ? []
        : eventsOf(before, writes, { real, mergeIds, reviewIds, changeId, decidedByRules });
    const { reviews, change } = writes;
    await this.transaction.commit(
      ...this.waiting,
      ...reviewInsertions(kinds, tenantId, reviews, drawn),
      ...blockQueries(kinds, tenantId, writes, drawn),
      ...eventInsertion(tenantId, events, now),
      // last, after all that others may wait for: so that who waits for a key is waited for by nobody
      ...(change === null || changeId === null ? [] : changeInsertion(tenantId, change, changeId, real, now)),
    );
    return decidedByRules;
  }

  /**
   * Takes over reserved identifiers, and locks those that must stay reserved or become free.
   *
   * @returns false if one is no longer reserved; if one that is taken over, also by its other form, or becomes free has another rule
   *   than was known; or if one that stays reserved would have no rule
   */
  private async holdReservations(): Promise<boolean> {
    const { takenClaims, reservedForms, freedReservations, keptReservations } = this.writes;
    const { takenRuleIds, liftedRules, rules } = this.writes;
    const queries = reservationQueries(this.kinds, this.tenantId, this.writes, this.drawn.freshIds);
    const leaving = [...takenClaims, ...reservedForms, ...freedReservations];
    const named = new IdentifierMap<true>();
    rules.flat().forEach((identifier) => named.set(identifier, true));
    const staying = keptReservations.filter((identifier) => !named.has(identifier));
    const results = await this.ask(
      ...queries,
      rulesQuery(this.kinds, this.tenantId, leaving),
      rulesQuery(this.kinds, this.tenantId, staying),
    );
    const [ofLeaving, ofStaying] = results.slice(-2) as [Row[], Row[]];
    const found = new Set(ofLeaving.map((row) => Number(row.rule_id)));
    const lifted = new Set(liftedRules.map(({ id }) => id));
    const isLifted = (row: Row): boolean => lifted.has(Number(row.rule_id));
    return (
      results.slice(0, -2).every((rows) => rows.length > 0) &&
      takenRuleIds.every((id) => found.has(id)) &&
      [...found].every((id) => takenRuleIds.includes(id) || lifted.has(id)) &&
      this.areRuled(
        staying,
        ofStaying.filter((row) => !isLifted(row)),
      )
    );
  }

  /** Deletes rules, and frees what only they reserved. False: somebody else has deleted one. */
  private async liftRules(): Promise<boolean> {
    const { liftedRules } = this.writes;
    const deleted = await this.ask(...ruleDeletions(this.tenantId, liftedRules));
    this.waiting.push(...reservationDeletions(this.kinds, this.tenantId, this.writes));
    // each rule is two rows
    return deleted.flat().length === 2 * liftedRules.length;
  }

  private async rulesAbout(identifiers: readonly Identifier[]): Promise<Row[]> {
    const [rows = []] = await this.ask(rulesQuery(this.kinds, this.tenantId, identifiers));
    return rows;
  }

  /** Whether each of the identifiers has a rule among these. */
  private areRuled(identifiers: readonly Identifier[], rules: readonly Row[]): boolean {
    const ruled = namedIn(this.kinds, rules);
    return identifiers.every((identifier) => ruled.has(identifier));
  }

  /** Sends what waits, then `asked`, in one round trip. @returns the results of `asked` */
  private async ask(...asked: Query[]): Promise<Row[][]> {
    const before = this.waiting.length;
    const results = await this.transaction.send(...this.waiting, ...asked);
    this.waiting = [];
    return results.slice(before);
  }
}
