import { EntityRepository } from '@mikro-orm/postgresql';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import { openSession } from '../../database/session/open-session.js';
import type { Query, Row, SqlSession, Statement, Transaction } from '../../database/session/sql-session.js';
import type { ConflictCause } from '../identity.metrics.js';
import { Conflict, IdempotencyKeyInFlightError } from '../identity.errors.js';
import * as changeSql from './change.statements.js';
import * as sql from './contact.statements.js';
import * as ruleSql from './rule.statements.js';
import * as readingSql from './reading.statements.js';
import type {
  Claim,
  Contact as ContactRow,
  Identifier,
  Identity,
  Sighting,
  Snapshot,
} from '../domain/contact.js';
import { STANDARD_KINDS } from '../domain/kinds.js';
import { KnownRules, withRules, type Rule } from '../domain/rules.js';
import {
  realId,
  type ChangeNote,
  type Merge,
  type Newcomer,
  type TouchedRow,
  type Writes,
} from '../domain/writes.js';
import type { Contact } from './entities/contact.js';
import { loadEvidence, pastOf } from './evidence-rows.js';
import { inSteps, partsOf } from './large-writes.js';
import {
  distinctKeyColumns,
  identifierColumns,
  identifiersOf,
  keyColumns,
  ruleOf,
} from './identifier-columns.js';

/**
 * The identities to read: those that share an identifier with the sightings, those of live contacts, or those of any contacts
 * with their evidence.
 */
export type Selection = PlainSelection | EvidenceSelection;

export type PlainSelection =
  | { readonly tenantId: number; readonly sightings: readonly Sighting[] }
  | { readonly tenantId: number; readonly contactIds: readonly number[] };

interface EvidenceSelection {
  readonly tenantId: number;
  /** Contacts, deleted ones too. */
  readonly evidenceOf: readonly number[];
  /** The identities that share an identifier with these are read too, without their evidence. */
  readonly sightings: readonly Sighting[];
  /** From when on past dates of the contacts are read, in µs since 1970; null: none. */
  readonly pastSince: number | null;
}

/** What was drawn for a decision when it was written. */
export interface Drawn {
  /** The ids of its newcomers, in order */
  readonly freshIds: readonly number[];
  /** The ids of its merges, in order */
  readonly mergeIds: readonly number[];
  /** The ids of the rules that it made, in order */
  readonly ruleIds: readonly number[];
  /** When it was written, in µs since 1970; 0: nothing was */
  readonly now: number;
  /** Null: it was not made by hand. */
  readonly changeId: number | null;
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
  /** The kinds of identifiers that are stored. */
  kinds = STANDARD_KINDS;
  private session: Promise<SqlSession> | null = null;

  /**
   * Reads the selected identities with all their rows, in one snapshot. Unknown or deleted contacts are not among them. Also
   * reads which identifiers of the sightings are reserved.
   *
   * @param known identities as they were read before; unchanged ones are returned as they are, and only their primary is
   *   read
   */
  async load(selection: Selection, known: readonly Identity[] = []): Promise<Snapshot> {
    if (!('evidenceOf' in selection)) {
      return this.snapshotOf(await this.read(selection, known, null), known);
    }
    const session = await this.open();
    return session.transaction(async (transaction) => {
      await transaction.send([readingSql.ONE_SNAPSHOT]);
      return this.evidentSnapshot(transaction, selection);
    }, selection.tenantId);
  }

  /** Like {@link load}; null if that would be more rows than `maxRows`, which may be infinite. */
  async loadAtMost(
    maxRows: number,
    selection: PlainSelection,
    known: readonly Identity[] = [],
  ): Promise<Snapshot | null> {
    const rows = await this.read(selection, known, Number.isFinite(maxRows) ? maxRows + 1 : null);
    return rows.length > maxRows ? null : this.snapshotOf(rows, known);
  }

  /** Reads the rules about the identifiers. */
  async loadRules(tenantId: number, identifiers: readonly Identifier[]): Promise<KnownRules> {
    const session = await this.open();
    return this.rulesOf(identifiers, await session.query(this.rulesQuery(tenantId, identifiers), tenantId));
  }

  /** The change that was made under an idempotency key in the last 24 hours; null if there is none. */
  async findChange(tenantId: number, key: string): Promise<RecordedChange | null> {
    const session = await this.open();
    const [row] = await session.query([changeSql.FIND_CHANGE, tenantId, key], tenantId);
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
    const session = await this.open();
    const [row] = await session.query([ruleSql.RULES_AFTER, tenantId, id - 1, 1], tenantId);
    const rule = row === undefined ? null : ruleOf(this.kinds, row);
    return rule?.id === id ? rule : null;
  }

  /** The rules that a change made and that are still there, the oldest first. */
  async rulesOfChange(tenantId: number, changeId: number): Promise<Rule[]> {
    const session = await this.open();
    const rows = await session.query([ruleSql.RULES_OF_CHANGE, tenantId, changeId], tenantId);
    return rows.map((row) => ruleOf(this.kinds, row));
  }

  /**
   * Writes a decision, unless another writer has changed or holds a row that it rests on, or has claimed one of its
   * identifiers.
   *
   * @returns a conflict if nothing was written: load and decide again
   * @throws {IdempotencyKeyInFlightError} if its idempotency key was used in the meantime
   */
  async apply(tenantId: number, writes: Writes): Promise<Drawn | Conflict> {
    const session = await this.open();
    return this.unlessConflict(() =>
      session.transaction(async (begun) => {
        const { touched } = writes;
        const transaction = inSteps(begun, touched.length);
        const draw = drawFor(writes);
        if (touched.length === 0) {
          const [drawnAtOnce] = await transaction.send(draw);
          return this.commit(transaction, tenantId, writes, [], drawnAtOnce);
        }
        const locks = partsOf(touched).map((part): Query => {
          const [ids, versions] = [part.map(({ id }) => id), part.map(({ version }) => version)];
          return [sql.LOCK_UNCHANGED, tenantId, ids, versions];
        });
        const results = await transaction.send(...locks, draw);
        const locked = results.slice(0, -1).flat();
        return locked.length < touched.length
          ? new Conflict('changed', without(touched, locked))
          : this.commit(transaction, tenantId, writes, locked, results.at(-1));
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
    const session = await this.open();
    return this.unlessConflict(() =>
      session.transaction(async (begun) => {
        const lock: Query = [sql.LOCK, tenantId, lockIds];
        const [locked = [], rows = []] = await ('evidenceOf' in selection
          ? begun.send(lock)
          : begun.send(lock, this.selectionQuery(selection, known, null)));
        const lockedIds = new Set(lockIds);
        let snapshot =
          'evidenceOf' in selection
            ? await this.evidentSnapshot(begun, selection)
            : this.snapshotOf(rows, known);
        // It was read in several statements, so that another writer may have come between if it is not locked.
        const unlocked = (snapshot.evidence?.identities ?? [])
          .map(({ primaryId }) => primaryId)
          .filter((id) => !lockedIds.has(id));
        if (unlocked.length > 0) {
          return new Conflict('not_held', unlocked);
        }
        let writes = decide(snapshot);
        while (writes.unknownRules.length > 0) {
          const [ruleRows = []] = await begun.send(this.rulesQuery(tenantId, writes.unknownRules));
          const found = this.rulesOf(writes.unknownRules, ruleRows);
          snapshot = withRules(snapshot, found);
          writes = decide(snapshot);
        }
        if (!isHeld(snapshot.identities, writes, lockedIds)) {
          return new Conflict('not_held');
        }
        const late = writes.touched.map(({ id }) => id).filter((id) => !lockedIds.has(id));
        const transaction = inSteps(begun, writes.touched.length);
        const locks = partsOf(late).map((ids): Query => [sql.LOCK_FREE, tenantId, ids]);
        const results = await transaction.send(...locks, drawFor(writes));
        const held = results.slice(0, -1).flat();
        return held.length < late.length
          ? new Conflict('not_held')
          : this.commit(transaction, tenantId, writes, [...locked, ...held], results.at(-1));
      }, tenantId),
    );
  }

  /** Runs `work`. Also a conflict: another writer claimed the same identifier first, or PostgreSQL ended a deadlock. */
  private async unlessConflict(work: () => Promise<Drawn | Conflict>): Promise<Drawn | Conflict> {
    const outcome = await work().catch((error: unknown) => {
      if (isOfKey(error)) {
        throw new IdempotencyKeyInFlightError();
      }
      const cause = conflictOf(error);
      if (cause === null) {
        throw error;
      }
      return new Conflict(cause);
    });
    if (outcome instanceof Conflict) {
      this.onConflict(outcome.cause);
    }
    return outcome;
  }

  /**
   * Writes everything under the locks that the transaction holds, and commits.
   *
   * @param locked the rows that are locked, with the time of their last change
   * @param drawnRows the result of DRAW, which must have run after the locks were taken
   * @returns a conflict if another writer took a reserved identifier, or made or lifted a rule about it
   */
  private async commit(
    transaction: Transaction,
    tenantId: number,
    writes: Writes,
    locked: readonly Row[],
    drawnRows: readonly Row[] | undefined,
  ): Promise<Drawn | Conflict> {
    const [row = {}] = drawnRows ?? [];
    const [changeId = null] = idsOf(row.change_ids);
    const freshIds = idsOf(row.ids);
    // Newcomers stay younger than what they join, and changes of a row keep their order, even if this clock is behind the one
    // that dated it.
    const lastChange = locked.reduce((latest, { updated_at: at }) => Math.max(latest, Number(at)), 0);
    const now = Math.max(Number(row.now), writes.youngestTouched + 1, lastChange + 1);
    const drawn: Drawn = {
      freshIds,
      mergeIds: idsOf(row.merge_ids),
      ruleIds: idsOf(row.rule_ids),
      changeId,
      now,
    };
    let queries = this.writeQueries(tenantId, writes, drawn);
    const { takenClaims, keptReservations, freedReservations, liftedRules, change } = writes;
    if (takenClaims.length + keptReservations.length + freedReservations.length > 0) {
      await transaction.send(...queries);
      queries = [];
      if (!(await this.areReserved(transaction, tenantId, writes, freshIds))) {
        return new Conflict('claimed');
      }
    }
    if (liftedRules.length > 0) {
      const deletions = this.deleteRules(tenantId, writes);
      const results = await transaction.send(...queries, ...deletions);
      queries = [];
      if (results.slice(-deletions.length).some((deleted) => deleted.length === 0)) {
        return new Conflict('claimed');
      }
    }
    await transaction.commit(
      ...queries,
      ...writes.rules.map((rule, i) => this.insertRule(tenantId, rule, drawn.ruleIds[i]!, drawn)),
      // last, after all that others may wait for: so that who waits for a key is waited for by nobody
      ...(change === null || changeId === null
        ? []
        : insertChange(tenantId, change, changeId, (id) => realId(id, freshIds), now)),
    );
    return drawn;
  }

  /**
   * Takes over reserved identifiers, and locks those that must stay reserved or become free. False: one is no longer reserved,
   * or one that is taken over or becomes free has another rule than was known.
   */
  private async areReserved(
    transaction: Transaction,
    tenantId: number,
    { takenClaims, keptReservations, freedReservations, takenRuleIds, liftedRules }: Writes,
    freshIds: readonly number[],
  ): Promise<boolean> {
    const queries = [
      ...takenClaims.map((claim) => ({
        identifier: claim,
        query: this.claimQuery(sql.TAKE_CLAIM, tenantId, claim, freshIds),
      })),
      ...[...keptReservations, ...freedReservations].map((identifier) => ({
        identifier,
        query: this.identifierQuery(sql.KEEP_RESERVED, tenantId, identifier),
      })),
    ]
      // all writers use the same order, as for claims
      .toSorted(({ identifier: a }, { identifier: b }) => (a.kind + a.value < b.kind + b.value ? -1 : 1))
      .map(({ query }) => query);
    const leaving = [...takenClaims, ...freedReservations];
    const results = await transaction.send(...queries, this.rulesQuery(tenantId, leaving));
    const found = new Set(results.at(-1)!.map((row) => Number(row.rule_id)));
    const expected = new Set([...takenRuleIds, ...liftedRules.map(({ id }) => id)]);
    return (
      results.slice(0, -1).every((rows) => rows.length > 0) &&
      takenRuleIds.every((id) => found.has(id)) &&
      [...found].every((id) => expected.has(id))
    );
  }

  /** In the order that the foreign keys require: a newcomer with an early date may be the primary that others link to. */
  private writeQueries(tenantId: number, writes: Writes, drawn: Drawn): Query[] {
    const { freshIds, changeId, now } = drawn;
    const real = (id: number): number => realId(id, freshIds);
    const { deletion } = writes;
    return [
      this.insertContacts(tenantId, writes.newcomers, real, now),
      ...keepPast(tenantId, writes.touched, changeId, now),
      ...relink(tenantId, writes.touched, real, now),
      ...this.strip(tenantId, writes.touched),
      ...rejoin(tenantId, writes.touched, real),
      this.insertMerges(tenantId, writes.merges, drawn),
      ...partsOf(writes.undoneMergeIds).map((ids): Query => [sql.UNDO_MERGES, tenantId, ids, changeId]),
      ...partsOf(deletion?.contactIds ?? []).map((ids): Query => [sql.DELETE_CONTACTS, tenantId, ids, now]),
      writes.ruledIds.length === 0 ? null : ([sql.MARK_RULED, tenantId, writes.ruledIds] as const),
      this.insertClaims(tenantId, writes.claims, real),
      this.insertReservations(tenantId, writes.reservations),
      ...writes.movedClaims.map((claim) => this.claimQuery(sql.MOVE_CLAIM, tenantId, claim, freshIds)),
      ...this.freeClaims(tenantId, deletion?.freedClaims ?? []),
      ...(deletion?.reservedClaims ?? []).map((freed) =>
        this.identifierQuery(sql.RESERVE_CLAIM, tenantId, freed),
      ),
    ].filter((query) => query !== null);
  }

  private strip(tenantId: number, touched: readonly TouchedRow[]): Query[] {
    const stripped = touched.flatMap(({ id, identifiers }) =>
      identifiers === undefined ? [] : [{ id, identifiers }],
    );
    return partsOf(stripped.toSorted((a, b) => a.id - b.id)).map((rows) => [
      sql.SET_IDENTIFIERS,
      tenantId,
      rows.map(({ id }) => id),
      ...identifierColumns(this.kinds, rows),
    ]);
  }

  private insertClaims(tenantId: number, claims: readonly Claim[], real: RealId): Query | null {
    return claims.length === 0
      ? null
      : [
          sql.INSERT_CLAIMS,
          tenantId,
          ...keyColumns(this.kinds, claims),
          claims.map(({ contactId }) => real(contactId)),
        ];
  }

  private freeClaims(tenantId: number, claims: readonly Identifier[]): Query[] {
    const byKind = Map.groupBy(claims, ({ kind }) => this.kinds.named(kind).number);
    return [...byKind].flatMap(([number, ofKind]) =>
      partsOf(ofKind).map((part): Query => [
        sql.FREE_CLAIMS,
        tenantId,
        number,
        part.map(({ value }) => value),
      ]),
    );
  }

  private insertReservations(tenantId: number, reservations: readonly Identifier[]): Query | null {
    return reservations.length === 0
      ? null
      : [sql.INSERT_CLAIMS, tenantId, ...keyColumns(this.kinds, reservations), reservations.map(() => null)];
  }

  /** Every rule is written here, so each has the change that made it: who made it, and why. */
  private insertRule(
    tenantId: number,
    rule: readonly [Identifier, Identifier],
    id: number,
    { changeId, now }: Drawn,
  ): Query {
    return [ruleSql.INSERT_RULE, tenantId, id, ...rule.flatMap((side) => this.keyOf(side)), changeId, now];
  }

  /** Both sides of the rules, then the identifiers that become free. */
  private deleteRules(tenantId: number, { liftedRules, freedReservations }: Writes): Query[] {
    return [
      ...liftedRules.flatMap(({ id, identifiers }) =>
        [identifiers, identifiers.toReversed()].map((sides): Query => [
          ruleSql.DELETE_RULE,
          tenantId,
          id,
          ...sides.flatMap((side) => this.keyOf(side)),
        ]),
      ),
      ...freedReservations.map((freed) => this.identifierQuery(ruleSql.FREE_RESERVATION, tenantId, freed)),
    ];
  }

  private keyOf({ kind, value }: Identifier): [number: number, value: string] {
    return [this.kinds.named(kind).number, value];
  }

  private rulesQuery(tenantId: number, identifiers: readonly Identifier[]): Query {
    return [ruleSql.RULES_OF, tenantId, ...keyColumns(this.kinds, identifiers)];
  }

  private rulesOf(askedFor: readonly Identifier[], rows: readonly Row[]): KnownRules {
    const rules = new Map(rows.map((row) => [Number(row.rule_id), ruleOf(this.kinds, row)]));
    return new KnownRules(askedFor, [...rules.values()]);
  }

  private identifierQuery(statement: Statement, tenantId: number, { kind, value }: Identifier): Query {
    return [statement, tenantId, ...this.keyOf({ kind, value })];
  }

  private claimQuery(
    statement: Statement,
    tenantId: number,
    { kind, value, contactId }: Claim,
    freshIds: readonly number[],
  ): Query {
    return [statement, tenantId, ...this.keyOf({ kind, value }), realId(contactId, freshIds)];
  }

  private insertContacts(
    tenantId: number,
    newcomers: readonly Newcomer[],
    real: RealId,
    now: number,
  ): Query | null {
    return newcomers.length === 0
      ? null
      : [
          sql.INSERT_CONTACTS,
          tenantId,
          newcomers.map(({ id }) => real(id)),
          ...identifierColumns(this.kinds, newcomers),
          newcomers.map(({ linkedId }) => linkedId && real(linkedId)),
          newcomers.map(({ joinedId }) => joinedId && real(joinedId)),
          newcomers.map(({ isRuled }) => isRuled || null),
          newcomers.map(({ createdAt = null }) => createdAt),
          now,
        ];
  }

  private insertMerges(
    tenantId: number,
    merges: readonly Merge[],
    { freshIds, mergeIds, changeId, now }: Drawn,
  ): Query | null {
    const real = (id: number): number => realId(id, freshIds);
    return merges.length === 0
      ? null
      : [
          sql.INSERT_MERGES,
          tenantId,
          mergeIds,
          merges.map(({ survivorId }) => real(survivorId)),
          merges.map(({ mergedId }) => real(mergedId)),
          merges.map(({ leftId }) => real(leftId)),
          merges.map(({ rightId }) => real(rightId)),
          merges.map(({ cause }) => cause),
          ...identifierColumns(this.kinds, merges),
          changeId,
          now,
        ];
  }

  /**
   * The snapshot with the evidence. It takes several statements: the transaction must see one snapshot, or hold the locks of
   * what its decision rests on.
   */
  private async evidentSnapshot(
    transaction: Transaction,
    { tenantId, evidenceOf, sightings, pastSince }: EvidenceSelection,
  ): Promise<Snapshot> {
    const { identities, merges } = await loadEvidence(transaction, this.kinds, tenantId, evidenceOf);
    const contactIds = identities.flatMap(({ contacts }) => contacts.map(({ id }) => id));
    const [dates = [], rows = []] = await transaction.send(
      [readingSql.LOAD_DATES, tenantId, pastSince === null ? [] : contactIds, pastSince ?? 0],
      this.selectionQuery({ tenantId, sightings }, [], null),
    );
    const named = this.snapshotOf(rows, []);
    const evident = new Set(identities.map(({ primaryId }) => primaryId));
    return {
      ...named,
      identities: [
        ...identities.map(({ primaryId, contacts }) => ({ primaryId, rows: contacts })),
        ...named.identities.filter(({ primaryId }) => !evident.has(primaryId)),
      ],
      evidence: { identities, merges, past: dates.map((row) => pastOf(this.kinds, row)) },
    };
  }

  private async read(
    selection: PlainSelection,
    known: readonly Identity[],
    maxRows: number | null,
  ): Promise<Row[]> {
    const session = await this.open();
    return session.query(this.selectionQuery(selection, known, maxRows), selection.tenantId);
  }

  private selectionQuery(
    selection: PlainSelection,
    known: readonly Identity[],
    maxRows: number | null,
  ): Query {
    const ids = known.map(({ primaryId }) => primaryId);
    const versions = known.map(versionOf);
    if ('contactIds' in selection) {
      return [sql.LOAD_BY_CONTACTS, selection.tenantId, selection.contactIds, ids, versions, maxRows];
    }
    const keys = distinctKeyColumns(this.kinds, selection.sightings);
    return [sql.LOAD, selection.tenantId, ...keys, ids, versions, maxRows];
  }

  private snapshotOf(rows: readonly Row[], known: readonly Identity[]): Snapshot {
    const unchanged: Identity[] = [];
    const reserved: Identifier[] = [];
    const byRoot = new Map<number, ContactRow[]>();
    for (const row of rows) {
      if (row.root === null) {
        const [kind, value] = row.identifiers as [number, string];
        reserved.push({ kind: this.kinds.numbered(kind).name, value });
        continue;
      }
      const root = Number(row.root);
      const members = byRoot.get(root);
      if (row.is_known === true) {
        unchanged.push(known.find(({ primaryId }) => primaryId === root)!);
      } else if (members === undefined) {
        byRoot.set(root, [this.contactOf(row)]);
      } else {
        members.push(this.contactOf(row));
      }
    }
    const read = [...byRoot].map(([primaryId, members]) => ({ primaryId, rows: members }));
    return { identities: [...unchanged, ...read], reserved, rules: new KnownRules() };
  }

  private contactOf(row: Row): ContactRow {
    return {
      id: Number(row.id),
      identifiers: identifiersOf(this.kinds, row),
      createdAt: Number(row.created_at),
      version: Number(row.version),
      isDeleted: row.is_deleted as boolean,
      isRuled: row.is_ruled === true,
    };
  }

  private open(): Promise<SqlSession> {
    this.session ??= openSession(this.getEntityManager());
    return this.session;
  }
}

function without(touched: readonly TouchedRow[], rows: readonly Row[]): number[] {
  const found = new Set(rows.map(({ id }) => Number(id)));
  return touched.map(({ id }) => id).filter((id) => !found.has(id));
}

/** The version of the primary, which counts the changes of the whole identity. */
function versionOf({ primaryId, rows }: Identity): number {
  return rows.find(({ id }) => id === primaryId)?.version ?? 0;
}

/** Whether the primaries of all identities that the decision rests on are among the locked rows. */
function isHeld(identities: readonly Identity[], { touched }: Writes, locked: ReadonlySet<number>): boolean {
  const touchedIds = new Set(touched.map(({ id }) => id));
  return identities.every(
    ({ primaryId, rows }) => locked.has(primaryId) || !rows.some(({ id }) => touchedIds.has(id)),
  );
}

function drawFor({ newcomers, merges, change, rules }: Writes): Query {
  return [sql.DRAW, newcomers.length, merges.length, change === null ? 0 : 1, rules.length];
}

function idsOf(drawn: unknown): number[] {
  return (drawn as unknown[]).map(Number).toSorted((a, b) => a - b);
}

type RealId = (id: number) => number;

/** The present state of the rows that change. */
function keepPast(
  tenantId: number,
  touched: readonly TouchedRow[],
  changeId: number | null,
  now: number,
): Query[] {
  // An edge that is only assumed was never recorded, so there is nothing to keep of it.
  const isRejoined = ({ joined }: TouchedRow): boolean => joined !== undefined && !joined.isAssumed;
  return partsOf(touched.filter(({ leavesPast }) => leavesPast)).map((rows) => [
    sql.KEEP_PAST,
    tenantId,
    rows.map(({ id }) => id),
    now,
    changeId,
    rows.filter(isRejoined).map(({ id }) => id),
  ]);
}

function insertChange(
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

/** Unique violation, serialization failure, deadlock, and a lock that took too long. */
const CONFLICTS: Readonly<Record<string, ConflictCause>> = {
  23505: 'claimed',
  40001: 'serialization',
  '40P01': 'deadlock',
  '55P03': 'lock_timeout',
};

/** Whether another change has the same idempotency key. */
function isOfKey(error: unknown): boolean {
  return String((error as { message?: unknown }).message).includes(changeSql.KEY_CONSTRAINT);
}

function conflictOf(error: unknown): ConflictCause | null {
  const { code, message } = (error instanceof DatabaseUnavailableError ? (error.cause ?? error) : error) as {
    code?: unknown;
    message?: unknown;
  };
  // Distributed engines wrap a unique violation in another error. Only its text shows it.
  return CONFLICTS[String(code)] ?? (String(message).includes('duplicate key') ? 'claimed' : null);
}
