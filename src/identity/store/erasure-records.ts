import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable } from '@nestjs/common';
import { tenantIds } from '../../access/tenants.js';
import { Settings } from '../../config/settings.js';
import { openSession } from '../../database/session/open-session.js';
import type { Query, Row, Statement } from '../../database/session/sql-session.js';
import type { Held, Identifier } from '../domain/contact.js';
import { IdentifierMap } from '../domain/identifier-map.js';
import type { MadeChange } from '../domain/history.js';
import type { RecordedReview } from '../domain/subject.js';
import type { ErasureScope } from '../domain/writes.js';
import { turn } from '../turns.js';
import type { ContactRepository } from './contact.repository.js';
import { Contact } from './entities/contact.js';
import { erasedColumns, freeUnruled } from './erasure-queries.js';
import * as sql from './erasure.statements.js';
import { heldOf, identifiersOf, keyColumns, pairOf } from './identifier-columns.js';
import { partsOf } from './large-writes.js';
import { HOLDERS_OF } from './rule.statements.js';

/** Rows that one statement reads when it looks for what is left: 20 to 40 ms. */
const STEP_ROWS = 20_000;

/** An erasure as it is told. */
export interface RecordedErasure {
  readonly id: number;
  readonly status: 'running' | 'done';
  readonly scope: ErasureScope;
  readonly contacts: number;
  readonly identifiers: number;
  /** In µs since 1970; `doneAt` null: it is not done yet. */
  readonly createdAt: number;
  readonly doneAt: number | null;
}

/** An erasure with all that repeats it on another state of the database. */
export interface RepeatableErasure extends RecordedErasure {
  readonly contactIds: readonly number[];
  readonly hashes: readonly string[];
  /** In µs since 1970. */
  readonly blockedUntil: number;
}

/** Where an identifier was found that only its hash is known of. */
export interface ErasedTrace {
  readonly identifier: Identifier;
  readonly contactIds: Set<number>;
  readonly pastIds: Set<number>;
  readonly mergeIds: Set<number>;
}

/** Where identifiers are left. */
export interface Traces {
  readonly contactIds: readonly number[];
  /** Contacts with past states that have them. */
  readonly pastIds: readonly number[];
  readonly mergeIds: readonly number[];
}

/** Everything that names identifiers; null: it goes with them. */
const PLACES = [
  ['contactIds', sql.CONTACTS_AFTER],
  ['pastIds', sql.PAST_AFTER],
  ['mergeIds', sql.MERGES_AFTER],
  [null, sql.RULES_AFTER],
  [null, sql.REVIEWS_AFTER],
] as const;

/** What is recorded of erasures, and the search for what they left. */
@Injectable()
export class ErasureRecords {
  private readonly session = openSession(this.contacts.getEntityManager());

  constructor(
    @InjectRepository(Contact) private readonly contacts: ContactRepository,
    private readonly settings: Settings,
  ) {}

  /** An erasure; null if there is none with this id. */
  async find(tenantId: number, id: number): Promise<RecordedErasure | null> {
    const [row] = await this.session.query([sql.FIND_ERASURE, tenantId, id], tenantId);
    return row === undefined ? null : toldOf(row);
  }

  /** Whether a tenant has erased anything. */
  async hasAny(tenantId: number): Promise<boolean> {
    return (await this.session.query([sql.ANY_ERASURE, tenantId], tenantId)).length > 0;
  }

  /** By hash, of those that are tombstones: until when they are blocked, in µs since 1970; when they were erased at least. */
  async tombstonesOf(tenantId: number, hashes: readonly string[]): Promise<Map<string, number>> {
    const rows = await this.session.query([sql.TOMBSTONES_OF, tenantId, hashes], tenantId);
    return new Map(rows.map((row) => [row.hash as string, Number(row.blocked_until)]));
  }

  /** The tenants that the connections may work for. */
  tenantIds(): Promise<number[]> {
    return tenantIds(this.session, this.settings);
  }

  /** The erasures of a tenant that are not done. */
  async running(tenantId: number): Promise<number[]> {
    const rows = await this.session.query([sql.RUNNING_ERASURES, tenantId], tenantId);
    return rows.map(({ id }) => Number(id));
  }

  /**
   * Takes an erasure up, so that nobody else does for a while.
   *
   * @returns when it was made, in µs since 1970; null if it is done, not due or taken up already
   */
  async takeUp(tenantId: number, id: number, leaseMs: number): Promise<number | null> {
    const [row] = await this.session.query([sql.TAKE_UP, tenantId, id, leaseMs], tenantId);
    return row === undefined ? null : Number(row.created_at);
  }

  /** The contact that has an identifier, or else its other form; null: nobody has it. */
  async holderOf(tenantId: number, identifier: Identifier): Promise<number | null> {
    return this.contacts.withPolicy(tenantId, async ({ kinds }) => {
      const forms = kinds.withOtherForms([identifier]);
      const rows = await this.session.query([HOLDERS_OF, tenantId, ...keyColumns(kinds, forms)], tenantId);
      const held = rows.map((row) => heldOf(kinds, row)).filter(({ contactId }) => contactId !== null);
      const holder = held.find(({ value }) => value === identifier.value) ?? held[0];
      return holder?.contactId ?? null;
    });
  }

  /** The identifiers that an erasure reserved, and who has them since. */
  async identifiersOf(tenantId: number, id: number): Promise<Held[]> {
    const rows = await this.session.query([sql.ERASED_IDENTIFIERS, tenantId, id], tenantId);
    return this.contacts.withPolicy(tenantId, ({ kinds }) =>
      Promise.resolve(rows.map((row) => heldOf(kinds, row))),
    );
  }

  /** The reviews that are about one of the identifiers, by age. */
  async reviewsOf(tenantId: number, identifiers: readonly Identifier[]): Promise<RecordedReview[]> {
    return this.contacts.withPolicy(tenantId, async ({ kinds }) => {
      const keys = keyColumns(kinds, identifiers);
      const ids = await this.session.query([sql.REVIEWS_OF_ERASED, tenantId, ...keys], tenantId);
      const rows = await this.session.query(
        [sql.REVIEWS_BY_ID, tenantId, ids.map(({ id }) => Number(id))],
        tenantId,
      );
      return rows.map((row) => ({
        id: Number(row.id),
        identifiers: pairOf(kinds, row),
        reason: row.reason as string,
        createdAt: Number(row.created_at),
        decision: row.decision as string | null,
        decidedAt: row.decided_at === null ? null : Number(row.decided_at),
      }));
    });
  }

  /** The changes by hand that name one of the contacts, by age. */
  async changesOf(tenantId: number, contactIds: readonly number[]): Promise<MadeChange[]> {
    const rows = await this.session.query([sql.CHANGES_OF, tenantId, contactIds], tenantId);
    return rows.map((row) => ({
      id: Number(row.id),
      kind: row.kind as string,
      at: Number(row.at),
      actor: row.actor as string,
      reason: row.reason as string | null,
      contactIds: (row.contact_ids as unknown[]).map(Number),
    }));
  }

  /**
   * Looks through all contacts, past states and merges of a tenant, in steps.
   *
   * @param recordedUntil what was recorded later is left out, in µs since 1970
   */
  async tracesOf(
    tenantId: number,
    identifiers: readonly Identifier[],
    recordedUntil: number,
  ): Promise<Traces> {
    const columns = await this.columnsOf(tenantId, identifiers);
    const search = { tenantId, columns, recordedUntil };
    return {
      contactIds: await this.search(sql.CONTACTS_WITH, search),
      pastIds: await this.search(sql.PAST_WITH, search),
      mergeIds: await this.search(sql.MERGES_WITH, search),
    };
  }

  /** Takes identifiers out of the past of contacts, and out of merges. */
  async strip(
    tenantId: number,
    { pastIds, mergeIds }: Traces,
    identifiers: readonly Identifier[],
  ): Promise<void> {
    const columns = await this.columnsOf(tenantId, identifiers);
    const queries = [
      ...partsOf(pastIds).map((ids): Query => [sql.STRIP_PAST, tenantId, ids, ...columns]),
      ...partsOf(mergeIds).map((ids): Query => [sql.STRIP_MERGES, tenantId, ids, ...columns]),
    ];
    for (const query of queries) {
      await this.session.query(query, tenantId);
    }
  }

  /** The erasures behind one that was seen, the oldest first. */
  async after(tenantId: number, id: number, limit: number): Promise<RepeatableErasure[]> {
    const rows = await this.session.query([sql.ERASURES_AFTER, tenantId, id, limit], tenantId);
    return rows.map((row) => ({
      ...toldOf(row),
      contactIds: (row.contact_ids as unknown[]).map(Number),
      hashes: row.hashes as string[],
      blockedUntil: Number(row.blocked_until),
    }));
  }

  /**
   * Looks through all that is stored of a tenant for identifiers that only their hashes are known of, in steps.
   *
   * @param isErased whether an identifier is one of them and was recorded in time, in µs since 1970
   * @param onRows called with the number of rows after each step
   */
  async findErased(
    tenantId: number,
    isErased: (identifier: Identifier, recordedAt: number) => boolean,
    onRows: (rows: number) => void,
  ): Promise<ErasedTrace[]> {
    const traces = new IdentifierMap<ErasedTrace>();
    const { kinds } = await this.contacts.policyOf(tenantId);
    for (const [place, statement] of PLACES) {
      for (let last: Row = { id: 0, recorded_at: 0 }, isMore = true; isMore;) {
        const rows = await this.session.query(
          [statement, tenantId, last.id, STEP_ROWS, ...(place === 'pastIds' ? [last.recorded_at] : [])],
          tenantId,
        );
        for (const row of rows) {
          const named = 'kind' in row ? pairOf(kinds, row) : identifiersOf(kinds, row);
          for (const identifier of named.filter((each) => isErased(each, Number(row.recorded_at)))) {
            const trace = traces.get(identifier) ?? {
              identifier,
              contactIds: new Set(),
              pastIds: new Set(),
              mergeIds: new Set(),
            };
            traces.set(identifier, trace);
            if (place !== null) {
              trace[place].add(Number(row.id));
            }
          }
        }
        onRows(rows.length);
        isMore = rows.length === STEP_ROWS;
        last = rows.at(-1) ?? last;
      }
    }
    return [...traces.items()];
  }

  /** Frees what an erasure reserved, unless somebody took it, and marks it as done. */
  async finish(tenantId: number, id: number): Promise<void> {
    const { kinds } = await this.contacts.policyOf(tenantId);
    const identifiers = await this.identifiersOf(tenantId, id);
    await this.session.transaction(
      async (transaction) =>
        transaction.commit(
          ...(await freeUnruled(transaction, kinds, tenantId, identifiers, id)),
          [sql.RELEASE_ERASED, tenantId, id],
          [sql.FINISH_ERASURE, tenantId, id],
        ),
      tenantId,
    );
  }

  private async columnsOf(
    tenantId: number,
    identifiers: readonly Identifier[],
  ): Promise<ReturnType<typeof erasedColumns>> {
    return this.contacts.withPolicy(tenantId, ({ kinds }) =>
      Promise.resolve(erasedColumns(kinds, identifiers)),
    );
  }

  private async search(
    statement: Statement,
    search: {
      readonly tenantId: number;
      readonly columns: readonly string[][];
      readonly recordedUntil: number;
    },
  ): Promise<number[]> {
    const { tenantId, columns, recordedUntil } = search;
    const isOfPast = statement === sql.PAST_WITH;
    const found: number[] = [];
    for (let last: Row = { last: 0, last_until: 0 }, read = STEP_ROWS; read === STEP_ROWS;) {
      const [row = {}]: Row[] = await this.session.query(
        [
          statement,
          tenantId,
          last.last,
          ...columns,
          STEP_ROWS,
          recordedUntil,
          ...(isOfPast ? [last.last_until] : []),
        ],
        tenantId,
      );
      read = Number(row.read);
      found.push(...((row.found as unknown[] | null) ?? []).map(Number));
      last = row;
      await turn(read);
    }
    return [...new Set(found)];
  }
}

function toldOf(row: Row): RecordedErasure {
  return {
    id: Number(row.id),
    status: row.status as RecordedErasure['status'],
    scope: row.scope as ErasureScope,
    contacts: Number(row.contacts),
    identifiers: Number(row.identifiers),
    createdAt: Number(row.created_at),
    doneAt: row.done_at === null ? null : Number(row.done_at),
  };
}
