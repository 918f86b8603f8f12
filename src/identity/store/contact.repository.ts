import { EntityRepository } from '@mikro-orm/postgresql';
import { openSession } from '../../database/session/open-session.js';
import type { Query, Row, Transaction } from '../../database/session/sql-session.js';
import type { Identifier, Identity, Snapshot } from '../domain/contact.js';
import type { RowBefore } from '../domain/events.js';
import { UnknownKindError, type Kinds } from '../domain/kinds.js';
import { DEFAULT_POLICY, type Policy } from '../domain/policy.js';
import type { ReviewDecision } from '../domain/reviews.js';
import type { KnownRules, Rule } from '../domain/rules.js';
import { asksForMore, type TouchedRow, type Writes } from '../domain/writes.js';
import { Conflict } from '../identity.errors.js';
import type { ConflictCause } from '../identity.metrics.js';
import { conflictOf } from './conflicts.js';
import * as sql from './contact.statements.js';
import { DecisionCommit } from './decision-commit.js';
import type { Contact } from './entities/contact.js';
import { evidentSnapshot, type EvidenceSelection } from './evident-snapshot.js';
import { ruleOf } from './identifier-columns.js';
import { inSteps, partsOf } from './large-writes.js';
import { rulesQuery } from './policy-queries.js';
import { ONE_SNAPSHOT } from './reading.statements.js';
import * as ruleSql from './rule.statements.js';
import {
  extended,
  queriesForMore,
  rulesIn,
  selectionQuery,
  snapshotOf,
  type PlainSelection,
} from './snapshot-rows.js';
import { drawFor, drawnFor, rowsOf, type Drawn } from './write-queries.js';

/**
 * The identities to read: those that share an identifier with the sightings, those of live contacts, or those of any contacts
 * with their evidence.
 */
export type Selection = PlainSelection | EvidenceSelection;

/** Reads what decisions rest on, and writes decisions. Its statements are in `contact.statements.ts`. */
export class ContactRepository extends EntityRepository<Contact> {
  /** Called with the cause each time a decision could not be written. */
  onConflict: (cause: ConflictCause) => void = () => undefined;
  /** Called when reviews were decided, also by themselves. */
  onReviewsDecided: (decision: ReviewDecision, count: number) => void = () => undefined;
  /** Whether each decision leaves its events. */
  leavesEvents = true;
  /** Called when a decision was committed that left events. */
  onEvents: (tenantId: number) => void = () => undefined;
  /** The policy of a tenant, with its kinds of identifiers. */
  policyOf: (tenantId: number) => Policy | Promise<Policy> = () => DEFAULT_POLICY;
  /** Called when a contact has an identifier of a kind that the policy does not have yet. */
  onUnknownKind: (tenantId: number) => Promise<void> = () => Promise.resolve();
  private readonly session = openSession(this.getEntityManager());

  /**
   * Reads the selected identities with all their rows, in one snapshot. Unknown or deleted contacts are not among them. Also
   * reads which identifiers of the sightings are reserved.
   *
   * @param known identities as they were read before; unchanged ones are returned as they are, and only their primary is
   *   read
   */
  async load(selection: Selection, known: readonly Identity[] = []): Promise<Snapshot> {
    return (await this.loadAtMost(Infinity, selection, known))!;
  }

  /** Like {@link load}; null if that would be more rows than `maxRows`, which may be infinite. */
  async loadAtMost(
    maxRows: number,
    selection: Selection,
    known: readonly Identity[] = [],
  ): Promise<Snapshot | null> {
    if ('evidenceOf' in selection) {
      const limit = Number.isFinite(maxRows) ? maxRows : null;
      return this.inOneSnapshot(selection.tenantId, (transaction, policy) =>
        evidentSnapshot(transaction, policy, selection, limit),
      );
    }
    return this.withPolicy(selection.tenantId, async (policy) => {
      const limit = Number.isFinite(maxRows) ? maxRows + 1 : null;
      const query = selectionQuery(policy.kinds, selection, known, limit);
      const rows = await this.session.query(query, selection.tenantId);
      return rows.length > maxRows ? null : snapshotOf(policy, rows, known);
    });
  }

  /** The snapshot, and what a decision on it asks for: rules and reviews. */
  async withMore(tenantId: number, snapshot: Snapshot, writes: Writes): Promise<Snapshot> {
    return this.withPolicy(tenantId, async ({ kinds }) => {
      const rows: Row[][] = [];
      for (const query of queriesForMore(kinds, tenantId, writes)) {
        rows.push(await this.session.query(query, tenantId));
      }
      return extended(kinds, snapshot, writes, rows);
    });
  }

  /** Reads the rules about the identifiers. */
  async loadRules(tenantId: number, identifiers: readonly Identifier[]): Promise<KnownRules> {
    return this.withPolicy(tenantId, async ({ kinds }) => {
      const rows = await this.session.query(rulesQuery(kinds, tenantId, identifiers), tenantId);
      return rulesIn(kinds, identifiers, rows);
    });
  }

  /** Works with the policy of a tenant. If a contact has an identifier of a kind that was declared since, works again. */
  async withPolicy<T>(tenantId: number, work: (policy: Policy) => Promise<T>): Promise<T> {
    try {
      return await work(await this.policyOf(tenantId));
    } catch (error) {
      if (!(error instanceof UnknownKindError)) {
        throw error;
      }
      await this.onUnknownKind(tenantId);
      return work(await this.policyOf(tenantId));
    }
  }

  /** Like {@link withPolicy}, in a transaction that reads one snapshot and is rolled back. */
  async inOneSnapshot<T>(
    tenantId: number,
    work: (transaction: Transaction, policy: Policy) => Promise<T>,
  ): Promise<T> {
    return this.withPolicy(tenantId, (policy) =>
      this.session.transaction(async (transaction) => {
        await transaction.send([ONE_SNAPSHOT]);
        return work(transaction, policy);
      }, tenantId),
    );
  }

  /** A rule; null if there is none with this id. */
  async findRule(tenantId: number, id: number): Promise<Rule | null> {
    const [row] = await this.session.query([ruleSql.RULES_AFTER, tenantId, id - 1, 1], tenantId);
    return row === undefined || Number(row.rule_id) !== id
      ? null
      : this.withPolicy(tenantId, ({ kinds }) => Promise.resolve(ruleOf(kinds, row)));
  }

  /** The rules that a change made and that are still there, the oldest first. */
  async rulesOfChange(tenantId: number, changeId: number): Promise<Rule[]> {
    const rows = await this.session.query([ruleSql.RULES_OF_CHANGE, tenantId, changeId], tenantId);
    return this.withPolicy(tenantId, ({ kinds }) => Promise.resolve(rows.map((row) => ruleOf(kinds, row))));
  }

  /**
   * Writes a decision, unless another writer has changed or holds a row that it rests on, or has claimed one of its
   * identifiers.
   *
   * @returns a conflict if nothing was written: load and decide again
   * @throws {IdempotencyKeyInFlightError} if its idempotency key was used in the meantime
   */
  async apply(tenantId: number, writes: Writes): Promise<Drawn | Conflict> {
    const { kinds } = await this.policyOf(tenantId);
    return this.unlessConflict(tenantId, () =>
      this.session.transaction(async (begun) => {
        const { touched } = writes;
        const transaction = inSteps(begun, rowsOf(writes));
        const draw = drawFor(writes);
        if (touched.length === 0) {
          const [drawn] = await transaction.send(draw);
          return this.commit(transaction, kinds, tenantId, writes, [], drawn);
        }
        const locks = partsOf(touched).map((part): Query => {
          const [ids, versions] = [part.map(({ id }) => id), part.map(({ version }) => version)];
          return [sql.LOCK_UNCHANGED, tenantId, ids, versions];
        });
        const results = await transaction.send(...locks, draw);
        const locked = results.slice(0, -1).flat();
        return locked.length < touched.length
          ? new Conflict('changed', without(touched, locked))
          : this.commit(transaction, kinds, tenantId, writes, locked, results.at(-1));
      }, tenantId),
    );
  }

  /**
   * Like `apply`, but locks rows first and decides on what it reads under the locks, for a decision that has lost several
   * races.
   *
   * Locking the primary locks the identity, because nobody adds to it, merges it or deletes from it without that lock. So the
   * decision gets its turn, even if the identity grew while it waited. It does not wait for rows that came in since: their
   * holders may wait for the primary, and both would wait forever.
   *
   * @param lockIds the rows that earlier decisions rested on; if the new decision rests on another identity, or on a row that
   *   another writer holds, that is a conflict
   * @param known as in `load`
   */
  async applyLocked(
    selection: Selection,
    lockIds: readonly number[],
    decide: (snapshot: Snapshot) => Writes,
    known: readonly Identity[] = [],
  ): Promise<Drawn | Conflict> {
    const { tenantId } = selection;
    const attempt = (policy: Policy): Promise<Drawn | Conflict> =>
      this.session.transaction(async (begun) => {
        const lock: Query = [sql.LOCK, tenantId, lockIds];
        const [locked = [], rows = []] = await ('evidenceOf' in selection
          ? begun.send(lock)
          : begun.send(lock, selectionQuery(policy.kinds, selection, known, null)));
        const lockedIds = new Set(lockIds);
        let snapshot =
          'evidenceOf' in selection
            ? (await evidentSnapshot(begun, policy, selection, null))!
            : snapshotOf(policy, rows, known);
        // It was read in several statements, so that another writer may have come between if it is not locked.
        const unlocked = (snapshot.evidence?.identities ?? [])
          .map(({ primaryId }) => primaryId)
          .filter((id) => !lockedIds.has(id));
        if (unlocked.length > 0) {
          return new Conflict('not_held', unlocked);
        }
        let writes = decide(snapshot);
        while (asksForMore(writes)) {
          const found = await begun.send(...queriesForMore(policy.kinds, tenantId, writes));
          snapshot = extended(policy.kinds, snapshot, writes, found);
          writes = decide(snapshot);
        }
        if (!isHeld(snapshot.identities, writes, lockedIds)) {
          return new Conflict('not_held');
        }
        const late = writes.touched.map(({ id }) => id).filter((id) => !lockedIds.has(id));
        const transaction = inSteps(begun, rowsOf(writes));
        const locks = partsOf(late).map((ids): Query => [sql.LOCK_FREE, tenantId, ids]);
        const results = await transaction.send(...locks, drawFor(writes));
        const held = results.slice(0, -1).flat();
        return held.length < late.length
          ? new Conflict('not_held')
          : this.commit(transaction, policy.kinds, tenantId, writes, [...locked, ...held], results.at(-1));
      }, tenantId);
    return this.unlessConflict(tenantId, () => this.withPolicy(tenantId, attempt));
  }

  /** Runs `work`, and tells of a conflict, or that events were left. */
  private async unlessConflict(
    tenantId: number,
    work: () => Promise<Drawn | Conflict>,
  ): Promise<Drawn | Conflict> {
    const outcome = await work().catch(conflictOf);
    if (outcome instanceof Conflict) {
      this.onConflict(outcome.cause);
    } else if (this.leavesEvents) {
      this.onEvents(tenantId);
    }
    return outcome;
  }

  /**
   * Writes everything under the locks that the transaction holds, and commits.
   *
   * @param drawnRows the result of DRAW, which must have run after the locks were taken
   */
  private async commit(
    transaction: Transaction,
    kinds: Kinds,
    tenantId: number,
    writes: Writes,
    locked: readonly Row[],
    drawnRows: readonly Row[] | undefined,
  ): Promise<Drawn | Conflict> {
    const drawn = drawnFor(writes, locked, drawnRows);
    const before = this.leavesEvents ? locked.map(rowBefore) : null;
    const decidedByRules = await new DecisionCommit(transaction, kinds, tenantId, writes, drawn).run(before);
    if (decidedByRules instanceof Conflict) {
      return decidedByRules;
    }
    if (decidedByRules.length > 0) {
      this.onReviewsDecided('keep-apart', decidedByRules.length);
    }
    if (writes.decidedReview !== null) {
      this.onReviewsDecided(writes.decidedReview.decision, 1);
    }
    return drawn;
  }
}

function without(touched: readonly TouchedRow[], rows: readonly Row[]): number[] {
  const found = new Set(rows.map(({ id }) => Number(id)));
  return touched.map(({ id }) => id).filter((id) => !found.has(id));
}

/** Whether the primaries of all identities that the decision rests on are among the locked rows. */
function isHeld(identities: readonly Identity[], { touched }: Writes, locked: ReadonlySet<number>): boolean {
  const touchedIds = new Set(touched.map(({ id }) => id));
  return identities.every(
    ({ primaryId, rows }) => locked.has(primaryId) || !rows.some(({ id }) => touchedIds.has(id)),
  );
}

function rowBefore({ id, linked_id: linkedId, is_deleted: isDeleted }: Row): RowBefore {
  return {
    id: Number(id),
    linkedId: linkedId === null ? null : Number(linkedId),
    isDeleted: isDeleted === true,
  };
}
