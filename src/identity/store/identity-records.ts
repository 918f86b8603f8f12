import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable } from '@nestjs/common';
import { openSession } from '../../database/session/open-session.js';
import type { Row, Transaction } from '../../database/session/sql-session.js';
import type { Evidence, RecordedIdentity, RecordedMerge } from '../domain/explain.js';
import type { MadeChange } from '../domain/history.js';
import type { Identifier } from '../domain/contact.js';
import { ruledOf } from '../domain/facts.js';
import { IdentifierMap } from '../domain/identifier-map.js';
import type { Kinds } from '../domain/kinds.js';
import type { PastState, RecordedContact } from '../domain/past.js';
import type { Rule } from '../domain/rules.js';
import type { ContactRepository } from './contact.repository.js';
import { Contact } from './entities/contact.js';
import { NotFoundError } from '../identity.errors.js';
import { mapInTurns } from '../turns.js';
import { contactOf, loadEvidence, loadMerges, mergeOf, pastOf } from './evidence-rows.js';
import { keyColumns, ruleOf } from './identifier-columns.js';
import * as sql from './reading.statements.js';
import * as ruleSql from './rule.statements.js';

/** How many contacts may be read; null: any number. */
type MaxRows = number | null;

/** The evidence of two contacts, and if their identities are two, the rules between these. */
export interface EvidenceBetween extends Evidence {
  readonly rules: readonly Rule[];
}

/** Reads the records about identities: their past, their evidence, their history. Writes nothing. */
@Injectable()
export class IdentityRecords {
  private readonly session = openSession(this.contacts.getEntityManager());

  constructor(@InjectRepository(Contact) private readonly contacts: ContactRepository) {}

  /**
   * The contacts that may have belonged to the identity of a contact at a moment, and the states that they had until later.
   *
   * @param at in µs since 1970
   * @returns null if there are more than `maxRows`
   */
  async at(
    tenantId: number,
    contactId: number,
    at: number,
    maxRows: MaxRows,
  ): Promise<{ contacts: RecordedContact[]; past: PastState[] } | null> {
    const limit = maxRows && maxRows + 1;
    const rows = await this.session.query([sql.LOAD_AT, tenantId, contactId, at, limit], tenantId);
    if (maxRows !== null && rows.length > maxRows) {
      return null;
    }
    return this.contacts.withPolicy(tenantId, async ({ kinds }) => ({
      contacts: await mapInTurns(rows, (row) => contactOf(kinds, row)),
      past: await mapInTurns(
        rows.filter((row) => row.past_until !== null),
        (row) => pastOf(kinds, row),
      ),
    }));
  }

  /**
   * Why the identities of some contacts, deleted ones too, are one each, and the kinds of the tenant. Ids of no contact are left out.
   *
   * @returns null if the identities have more than `maxRows` contacts
   */
  async evidence(
    tenantId: number,
    contactIds: readonly number[],
    maxRows: MaxRows,
  ): Promise<(Evidence & { readonly kinds: Kinds }) | null> {
    return this.contacts.inOneSnapshot(tenantId, async (transaction, { kinds }) => {
      const evidence = await loadEvidence(transaction, kinds, tenantId, contactIds, maxRows);
      return evidence && { ...evidence, kinds };
    });
  }

  /** As {@link evidence}, for two contacts. */
  async between(
    tenantId: number,
    contactIds: readonly [number, number],
    maxRows: MaxRows,
  ): Promise<EvidenceBetween | null> {
    return this.contacts.inOneSnapshot(tenantId, async (transaction, { kinds }) => {
      const evidence = await loadEvidence(transaction, kinds, tenantId, contactIds, maxRows);
      if (evidence === null) {
        return null;
      }
      const [one, other] = evidence.identities;
      const areTwo = one !== undefined && other !== undefined;
      return {
        ...evidence,
        rules: areTwo ? await this.rulesBetweenIn(transaction, kinds, tenantId, [one, other]) : [],
      };
    });
  }

  /** As {@link evidence}, and the changes by hand that made or undid the merges, or changed or deleted one of the contacts. */
  async history(
    tenantId: number,
    contactId: number,
    maxRows: MaxRows,
  ): Promise<(Evidence & { readonly changes: readonly MadeChange[] }) | null> {
    return this.contacts.inOneSnapshot(tenantId, async (transaction, { kinds }) => {
      const evidence = await loadEvidence(transaction, kinds, tenantId, [contactId], maxRows);
      if (evidence === null) {
        return null;
      }
      const contacts = evidence.identities.flatMap((identity) => identity.contacts);
      const ids = contacts.map(({ id }) => id);
      const changeIds = evidence.merges.flatMap(({ changeId, undone }) => [changeId, undone?.changeId]);
      const [rows = [], joins = []] = await transaction.send(
        [
          sql.LOAD_CHANGES,
          tenantId,
          ids,
          [...new Set(changeIds)].filter((id) => id !== null && id !== undefined),
          [...new Set(contacts.flatMap(momentsOf))],
        ],
        [sql.LOAD_FIRST_JOINS, tenantId, ids],
      );
      const identities = withFirstJoins(evidence.identities, joins);
      return { ...evidence, identities, changes: rows.map(changeOf) };
    });
  }

  /** A merge, in force or undone; null if there is none with this id. */
  async merge(tenantId: number, mergeId: number): Promise<RecordedMerge | null> {
    const [row] = await this.session.query([sql.FIND_MERGE, tenantId, mergeId], tenantId);
    return row === undefined
      ? null
      : this.contacts.withPolicy(tenantId, ({ kinds }) => Promise.resolve(mergeOf(kinds, row)));
  }

  /**
   * The merges that ever joined a contact of one's identity to another, by age.
   *
   * @param after the last merge that was seen, or 0
   * @returns null if the identity has more than `maxRows` contacts
   * @throws {NotFoundError}
   */
  async merges(
    tenantId: number,
    contactId: number,
    after: number,
    limit: number,
    maxRows: MaxRows,
  ): Promise<RecordedMerge[] | null> {
    return this.contacts.inOneSnapshot(tenantId, async (transaction, { kinds }) => {
      const [rows = []] = await transaction.send([sql.LOAD_IDS, tenantId, contactId, maxRows && maxRows + 1]);
      if (rows.length === 0) {
        throw new NotFoundError('contact', contactId);
      }
      const ids = rows.map(({ id }) => id);
      return maxRows !== null && ids.length > maxRows
        ? null
        : loadMerges(transaction, kinds, tenantId, ids, after, limit);
    });
  }

  /**
   * The rules of a tenant, by age.
   *
   * @param after the last rule that was seen, or 0
   */
  async rules(tenantId: number, after: number, limit: number): Promise<Rule[]> {
    const rows = await this.session.query([ruleSql.RULES_AFTER, tenantId, after, limit], tenantId);
    return this.contacts.withPolicy(tenantId, ({ kinds }) =>
      Promise.resolve(rows.map((row) => ruleOf(kinds, row))),
    );
  }

  /**
   * The rules about what one's identity has, by age, see {@link ownIn}.
   *
   * @returns null if the identity has more than `maxRows` contacts
   * @throws {NotFoundError}
   */
  async rulesOf(
    tenantId: number,
    contactId: number,
    after: number,
    limit: number,
    maxRows: MaxRows,
  ): Promise<Rule[] | null> {
    return this.contacts.inOneSnapshot(tenantId, async (transaction, { kinds }) => {
      const [rows = []] = await transaction.send([
        sql.LOAD_RECORDS,
        tenantId,
        [contactId],
        maxRows && maxRows + 1,
      ]);
      if (rows.length === 0) {
        throw new NotFoundError('contact', contactId);
      }
      if (maxRows !== null && rows.length > maxRows) {
        return null;
      }
      const contacts = await mapInTurns(rows, (row) => contactOf(kinds, row));
      const own = await this.ownIn(transaction, kinds, tenantId, {
        primaryId: Number(rows[0]!.root),
        contacts,
      });
      return this.rulesIn(transaction, kinds, tenantId, [...own.items()], after, limit);
    });
  }

  /**
   * The identifiers of an identity that a rule may speak of: those that it holds, and those that only a deleted contact of it
   * carries and nobody else has taken since.
   */
  private async ownIn(
    transaction: Transaction,
    kinds: Kinds,
    tenantId: number,
    { primaryId, contacts }: RecordedIdentity,
  ): Promise<IdentifierMap<Identifier>> {
    const ids = new Set(contacts.map(({ id }) => id));
    const keys = keyColumns(kinds, ruledOf({ primaryId, rows: contacts }));
    const [rows = []] = await transaction.send([ruleSql.HOLDERS_OF, tenantId, ...keys]);
    const own = new IdentifierMap<Identifier>();
    for (const row of rows) {
      if (row.contact_id === null || ids.has(Number(row.contact_id))) {
        const kind = kinds.numbered(Number(row.kind)).name;
        const identifier = { kind, value: row.value as string };
        own.set(identifier, identifier);
      }
    }
    return own;
  }

  /** The rules that name something of each of two identities. */
  private async rulesBetweenIn(
    transaction: Transaction,
    kinds: Kinds,
    tenantId: number,
    [one, other]: readonly [RecordedIdentity, RecordedIdentity],
  ): Promise<Rule[]> {
    const [ones, others] = [
      await this.ownIn(transaction, kinds, tenantId, one),
      await this.ownIn(transaction, kinds, tenantId, other),
    ];
    const rules = await this.rulesIn(transaction, kinds, tenantId, [...ones.items()], 0, null);
    return rules.filter(
      ({ identifiers: [first, second] }) =>
        (ones.has(first) && others.has(second)) || (ones.has(second) && others.has(first)),
    );
  }

  private async rulesIn(
    transaction: Transaction,
    kinds: Kinds,
    tenantId: number,
    identifiers: readonly Identifier[],
    after: number,
    limit: number | null,
  ): Promise<Rule[]> {
    const keys = keyColumns(kinds, identifiers);
    const [rows = []] = await transaction.send([ruleSql.RULES_OF_AFTER, tenantId, ...keys, after, limit]);
    return rows.map((row) => ruleOf(kinds, row));
  }
}

function withFirstJoins(identities: readonly RecordedIdentity[], joins: readonly Row[]): RecordedIdentity[] {
  const firstJoinedIds = new Map(
    joins.map((row) => [Number(row.contact_id), Number(row.joined_id) || null] as const),
  );
  return identities.map(({ primaryId, contacts }) => ({
    primaryId,
    contacts: contacts.map((contact) => {
      const firstJoinedId = firstJoinedIds.get(contact.id);
      return firstJoinedId === undefined ? contact : { ...contact, firstJoinedId };
    }),
  }));
}

/** When a change by hand may have deleted a contact, or made it: a split makes contacts that attach to none. */
function momentsOf({ joinedId, recordedAt, deletedAt }: RecordedContact): number[] {
  return [joinedId === null ? recordedAt : null, deletedAt].filter((at) => at !== null);
}

function changeOf(row: Row): MadeChange {
  return {
    id: Number(row.id),
    kind: row.kind as string,
    at: Number(row.at),
    actor: row.actor as string,
    reason: row.reason as string | null,
    contactIds: (row.contact_ids as unknown[]).map(Number),
  };
}
