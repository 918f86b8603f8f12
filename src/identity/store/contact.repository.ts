import { EntityRepository } from '@mikro-orm/postgresql';
import { openSession } from '../../database/session/open-session.js';
import type { Query, Row, Transaction } from '../../database/session/sql-session.js';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import { IdempotencyKeyInFlightError } from '../change.errors.js';
import type { Held, Identifier, Identity, Sighting, Snapshot } from '../domain/contact.js';
import type { RowBefore } from '../domain/events.js';
import type { Evidence } from '../domain/explain.js';
import { UnknownKindError, type Kinds } from '../domain/kinds.js';
import { DEFAULT_POLICY, type Policy } from '../domain/policy.js';
import type { ReviewDecision } from '../domain/reviews.js';
import type { KnownRules, Rule } from '../domain/rules.js';
import { asksForMore, type TouchedRow, type Writes } from '../domain/writes.js';
import { BlockedMeanwhileError, Conflict } from '../identity.errors.js';
import type { ConflictCause } from '../identity.metrics.js';
import { PATTERN_CONSTRAINT } from './blocked.statements.js';
import * as changeSql from './change.statements.js';
import * as sql from './contact.statements.js';
import { DecisionCommit } from './decision-commit.js';
import type { Contact } from './entities/contact.js';
import { loadEvidenceAtMost, pastOf } from './evidence-rows.js';
import { distinctKeyColumns, heldOf, ruleOf } from './identifier-columns.js';
import { inSteps, partsOf } from './large-writes.js';
import { rulesQuery } from './policy-queries.js';
import * as readingSql from './reading.statements.js';
import * as ruleSql from './rule.statements.js';
import {
  extended,
  queriesForMore,
  rulesIn,
  selectionQuery,
  snapshotOf,
  type PlainSelection,
} from './snapshot-rows.js';
import { drawFor, drawnFor, idsOf, rowsOf, type Drawn } from './write-queries.js';

/**
 * The identities to read: those that share an identifier with the sightings, those of live contacts, or those of any contacts
 * with their evidence.
 */
export type Selection = PlainSelection | EvidenceSelection;

interface EvidenceSelection {
  readonly tenantId: number;
  /** Contacts, deleted ones too. */
  readonly evidenceOf: readonly number[];
  /** The identities that share an identifier with these are read too, without their evidence. */
  readonly sightings: readonly Sighting[];
  /** Identifiers whose holders are read like those of the sightings, once the evidence is known; absent: none. */
  readonly holdersOf?: (evidence: Evidence, kinds: Kinds) => readonly Identifier[];
  /** From when on past dates of the contacts are read, in µs since 1970; null: none. */
  readonly pastSince: number | null;
  /** Whether all past states are read instead, and who has the identifiers that are named; absent: no. */
  readonly isToErase?: boolean;
}

/** A change that was made under an idempotency key. */
export interface RecordedChange {
  readonly id: number;
  readonly requestHash: string;
  readonly isChanged: boolean;
  readonly contactIds: readonly number[];
  readonly mergeIds: readonly number[];
}

/** Every access to contacts and identifiers. Its statements are in `contact.statements.ts`. */
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
    return this.withPolicy(selection.tenantId, async (policy) => {
      if (!('evidenceOf' in selection)) {
        const limit = Number.isFinite(maxRows) ? maxRows + 1 : null;
        const query = selectionQuery(policy.kinds, selection, known, limit);
        const rows = await this.session.query(query, selection.tenantId);
        return rows.length > maxRows ? null : snapshotOf(policy, rows, known);
      }
      return this.session.transaction(async (transaction) => {
        await transaction.send([readingSql.ONE_SNAPSHOT]);
        const limit = Number.isFinite(maxRows) ? maxRows : null;
        return this.evidentSnapshot(transaction, policy, selection, limit);
      }, selection.tenantId);
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

  /** The change that was made under an idempotency key in the last 24 hours; null if there is none. */
  async findChange(tenantId: number, key: string): Promise<RecordedChange | null> {
    const [row] = await this.session.query([changeSql.FIND_CHANGE, tenantId, key], tenantId);
    return row === undefined
      ? null
      : {
          id: Number(row.id),
          requestHash: row.request_hash as string,
          isChanged: row.is_changed as boolean,
          contactIds: (row.contact_ids as unknown[]).map(Number),
          mergeIds: idsOf(row.merge_ids),
        };
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
            ? (await this.evidentSnapshot(begun, policy, selection, null))!
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

  /** Runs `work`, and tells if it left events. Also a conflict: another writer claimed the same identifier first, or PostgreSQL ended a deadlock. */
  private async unlessConflict(
    tenantId: number,
    work: () => Promise<Drawn | Conflict>,
  ): Promise<Drawn | Conflict> {
    const outcome = await work().catch((error: unknown) => {
      if (violates(error, changeSql.KEY_CONSTRAINT)) {
        throw new IdempotencyKeyInFlightError();
      }
      if (violates(error, PATTERN_CONSTRAINT)) {
        throw new BlockedMeanwhileError();
      }
      const cause = conflictOf(error);
      if (cause === null) {
        throw error;
      }
      return new Conflict(cause);
    });
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

  /**
   * The snapshot with the evidence. It takes several statements: the transaction must see one snapshot, or hold the locks of
   * what its decision rests on. Null if there are more contacts than `maxRows` (null: any number), with their evidence or without.
   */
  private async evidentSnapshot(
    transaction: Transaction,
    policy: Policy,
    { tenantId, evidenceOf, sightings: given, holdersOf, pastSince, isToErase }: EvidenceSelection,
    maxRows: number | null,
  ): Promise<Snapshot | null> {
    const evidence = await loadEvidenceAtMost(transaction, policy.kinds, tenantId, evidenceOf, maxRows);
    if (evidence === null) {
      return null;
    }
    const { identities, merges } = evidence;
    const sightings = holdersOf ? [...given, { identifiers: holdersOf(evidence, policy.kinds) }] : given;
    const contactIds = identities.flatMap(({ contacts }) => contacts.map(({ id }) => id));
    const [dates = [], rows = []] = await transaction.send(
      isToErase
        ? [readingSql.LOAD_PAST, tenantId, contactIds]
        : [readingSql.LOAD_DATES, tenantId, pastSince === null ? [] : contactIds, pastSince ?? 0],
      selectionQuery(policy.kinds, { tenantId, sightings }, [], maxRows && maxRows + 1),
    );
    if (maxRows !== null && rows.length > maxRows) {
      return null;
    }
    const named = snapshotOf(policy, rows, []);
    const past = dates.map((row) => pastOf(policy.kinds, row));
    const evident = new Set(identities.map(({ primaryId }) => primaryId));
    return {
      ...named,
      ...(isToErase && {
        held: await heldIn(transaction, policy.kinds, tenantId, [
          ...identities.flatMap(({ contacts }) => contacts),
          ...past,
          ...sightings,
        ]),
      }),
      identities: [
        ...identities.map(({ primaryId, contacts }) => ({ primaryId, rows: contacts })),
        ...named.identities.filter(({ primaryId }) => !evident.has(primaryId)),
      ],
      evidence: { identities, merges, past },
    };
  }
}

/** Who has the identifiers, of those that somebody has or that are reserved. */
async function heldIn(
  transaction: Transaction,
  kinds: Kinds,
  tenantId: number,
  named: readonly Sighting[],
): Promise<Held[]> {
  const [rows = []] = await transaction.send([
    ruleSql.HOLDERS_OF,
    tenantId,
    ...distinctKeyColumns(kinds, named),
  ]);
  return rows.map((row) => heldOf(kinds, row));
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

/** Unique violation, serialization failure, deadlock, and a lock that took too long. */
const CONFLICTS: Readonly<Record<string, ConflictCause>> = {
  23505: 'claimed',
  40001: 'serialization',
  '40P01': 'deadlock',
  '55P03': 'lock_timeout',
};

function violates(error: unknown, constraint: string): boolean {
  return String((error as { message?: unknown }).message).includes(constraint);
}

function conflictOf(error: unknown): ConflictCause | null {
  const { code, message } = (error instanceof DatabaseUnavailableError ? (error.cause ?? error) : error) as {
    code?: unknown;
    message?: unknown;
  };
  // Distributed engines wrap a unique violation in another error. Only its text shows it.
  return CONFLICTS[String(code)] ?? (String(message).includes('duplicate key') ? 'claimed' : null);
}
