import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable } from '@nestjs/common';
import { openSession } from '../../database/session/open-session.js';
import type { Row, SqlSession, Transaction } from '../../database/session/sql-session.js';
import type { RecordedMerge } from '../domain/explain.js';
import type { MadeChange } from '../domain/history.js';
import type { Identifier } from '../domain/contact.js';
import { ruledOf } from '../domain/facts.js';
import { IdentifierMap } from '../domain/identifier-map.js';
import type { PastState, RecordedContact } from '../domain/past.js';
import type { Rule } from '../domain/rules.js';
import type { ContactRepository } from './contact.repository.js';
import { Contact } from './entities/contact.js';
import { identifiersOf, keyColumns, ruleOf } from './identifier-columns.js';
import * as sql from './reading.statements.js';
import * as ruleSql from './rule.statements.js';

/** An identity as it is today, with all that is recorded of its contacts. */
export interface RecordedIdentity {
  readonly primaryId: number;
  /** Deleted ones too. */
  readonly contacts: readonly RecordedContact[];
}

/** Identities, and the merges that have one of their contacts as an end, by age. */
export interface Evidence {
  readonly identities: readonly RecordedIdentity[];
  readonly merges: readonly RecordedMerge[];
}

/** The evidence of two contacts, and if their identities are two, the rules between these. */
export interface EvidenceBetween extends Evidence {
  readonly rules: readonly Rule[];
}

/** Reads the records about identities: their past, their evidence, their history. Writes nothing. */
@Injectable()
export class IdentityRecords {
  private session: Promise<SqlSession> | null = null;

  constructor(@InjectRepository(Contact) private readonly contacts: ContactRepository) {}

  /**
   * The contacts that may have belonged to the identity of a contact at a moment, and the states that they had until later.
   *
   * @param at in µs since 1970
   */
  async at(
    tenantId: number,
    contactId: number,
    at: number,
  ): Promise<{ contacts: RecordedContact[]; past: PastState[] }> {
    const session = await this.open();
    const rows = await session.query([sql.LOAD_AT, tenantId, contactId, at], tenantId);
    return {
      contacts: rows.map((row) => this.contactOf(row)),
      past: rows.filter((row) => row.past_until !== null).map((row) => this.pastOf(row)),
    };
  }

  /** Why the identities of some contacts, deleted ones too, are one each. Ids of no contact are left out. */
  async evidence(tenantId: number, contactIds: readonly number[]): Promise<Evidence> {
    return this.inOneSnapshot(tenantId, (transaction) => this.evidenceIn(transaction, tenantId, contactIds));
  }

  /** As {@link evidence}, for two contacts. */
  async between(tenantId: number, contactIds: readonly [number, number]): Promise<EvidenceBetween> {
    return this.inOneSnapshot(tenantId, async (transaction) => {
      const evidence = await this.evidenceIn(transaction, tenantId, contactIds);
      const [one, other] = evidence.identities;
      const areTwo = one !== undefined && other !== undefined;
      return {
        ...evidence,
        rules: areTwo ? await this.rulesBetweenIn(transaction, tenantId, [one, other]) : [],
      };
    });
  }

  /** As {@link evidence}, and the changes by hand that made or undid the merges, or changed or deleted one of the contacts. */
  async history(
    tenantId: number,
    contactId: number,
  ): Promise<Evidence & { readonly changes: readonly MadeChange[] }> {
    return this.inOneSnapshot(tenantId, async (transaction) => {
      const evidence = await this.evidenceIn(transaction, tenantId, [contactId]);
      const contacts = evidence.identities.flatMap((identity) => identity.contacts);
      const changeIds = evidence.merges.flatMap(({ changeId, undone }) => [changeId, undone?.changeId]);
      const [rows = []] = await transaction.send([
        sql.LOAD_CHANGES,
        tenantId,
        contacts.map(({ id }) => id),
        [...new Set(changeIds)].filter((id) => id !== null && id !== undefined),
        [...new Set(contacts.map(({ deletedAt }) => deletedAt))].filter((at) => at !== null),
      ]);
      return { ...evidence, changes: rows.map(changeOf) };
    });
  }

  /**
   * The merges that ever joined a contact of one's identity to another, by age; null if there is no such contact.
   *
   * @param after the last merge that was seen, or 0
   */
  async merges(
    tenantId: number,
    contactId: number,
    after: number,
    limit: number,
  ): Promise<RecordedMerge[] | null> {
    return this.inOneSnapshot(tenantId, async (transaction) => {
      const [contacts = []] = await transaction.send([sql.LOAD_RECORDS, tenantId, [contactId]]);
      const ids = contacts.map(({ id }) => id);
      return ids.length === 0 ? null : this.mergesIn(transaction, tenantId, ids, after, limit);
    });
  }

  /**
   * The rules of a tenant, by age.
   *
   * @param after the last rule that was seen, or 0
   */
  async rules(tenantId: number, after: number, limit: number): Promise<Rule[]> {
    const session = await this.open();
    const rows = await session.query([ruleSql.RULES_AFTER, tenantId, after, limit], tenantId);
    return rows.map((row) => ruleOf(this.contacts.kinds, row));
  }

  /** The rules about what one's identity has, by age, see {@link ownIn}; null if there is no such contact. */
  async rulesOf(tenantId: number, contactId: number, after: number, limit: number): Promise<Rule[] | null> {
    return this.inOneSnapshot(tenantId, async (transaction) => {
      const [rows = []] = await transaction.send([sql.LOAD_RECORDS, tenantId, [contactId]]);
      if (rows.length === 0) {
        return null;
      }
      const contacts = rows.map((row) => this.contactOf(row));
      const own = await this.ownIn(transaction, tenantId, { primaryId: Number(rows[0]!.root), contacts });
      return this.rulesIn(transaction, tenantId, [...own.items()], after, limit);
    });
  }

  /**
   * The identifiers of an identity that a rule may speak of: those that it holds, and those that only a deleted contact of it
   * carries and nobody else has taken since.
   */
  private async ownIn(
    transaction: Transaction,
    tenantId: number,
    { primaryId, contacts }: RecordedIdentity,
  ): Promise<IdentifierMap<Identifier>> {
    const ids = new Set(contacts.map(({ id }) => id));
    const keys = keyColumns(this.contacts.kinds, ruledOf({ primaryId, rows: contacts }));
    const [rows = []] = await transaction.send([ruleSql.HOLDERS_OF, tenantId, ...keys]);
    const own = new IdentifierMap<Identifier>();
    for (const row of rows) {
      if (row.contact_id === null || ids.has(Number(row.contact_id))) {
        const kind = this.contacts.kinds.numbered(Number(row.kind)).name;
        const identifier = { kind, value: row.value as string };
        own.set(identifier, identifier);
      }
    }
    return own;
  }

  /** The rules that name something of each of two identities. */
  private async rulesBetweenIn(
    transaction: Transaction,
    tenantId: number,
    [one, other]: readonly [RecordedIdentity, RecordedIdentity],
  ): Promise<Rule[]> {
    const [ones, others] = [
      await this.ownIn(transaction, tenantId, one),
      await this.ownIn(transaction, tenantId, other),
    ];
    const rules = await this.rulesIn(transaction, tenantId, [...ones.items()], 0, null);
    return rules.filter(
      ({ identifiers: [first, second] }) =>
        (ones.has(first) && others.has(second)) || (ones.has(second) && others.has(first)),
    );
  }

  private async rulesIn(
    transaction: Transaction,
    tenantId: number,
    identifiers: readonly Identifier[],
    after: number,
    limit: number | null,
  ): Promise<Rule[]> {
    const keys = keyColumns(this.contacts.kinds, identifiers);
    const [rows = []] = await transaction.send([ruleSql.RULES_OF_AFTER, tenantId, ...keys, after, limit]);
    return rows.map((row) => ruleOf(this.contacts.kinds, row));
  }

  private async evidenceIn(
    transaction: Transaction,
    tenantId: number,
    contactIds: readonly number[],
  ): Promise<Evidence> {
    const [rows = []] = await transaction.send([sql.LOAD_RECORDS, tenantId, contactIds]);
    const identities = [...Map.groupBy(rows, ({ root }) => Number(root))].map(([primaryId, members]) => ({
      primaryId,
      contacts: members.map((row) => this.contactOf(row)),
    }));
    const ids = rows.map(({ id }) => id);
    return { identities, merges: await this.mergesIn(transaction, tenantId, ids, 0, null) };
  }

  private async mergesIn(
    transaction: Transaction,
    tenantId: number,
    contactIds: readonly unknown[],
    after: number,
    limit: number | null,
  ): Promise<RecordedMerge[]> {
    const [rows = []] = await transaction.send([sql.LOAD_MERGES, tenantId, contactIds, after, limit]);
    return rows.map((row) => this.mergeOf(row));
  }

  /** A transaction that reads, and is rolled back. */
  private async inOneSnapshot<T>(
    tenantId: number,
    work: (transaction: Transaction) => Promise<T>,
  ): Promise<T> {
    const session = await this.open();
    return session.transaction(async (transaction) => {
      await transaction.send([sql.ONE_SNAPSHOT]);
      return work(transaction);
    }, tenantId);
  }

  private mergeOf(row: Row): RecordedMerge {
    return {
      id: Number(row.id),
      at: Number(row.created_at),
      survivorId: Number(row.survivor_id),
      mergedId: Number(row.merged_id),
      leftId: Number(row.left_contact_id),
      rightId: Number(row.right_contact_id),
      cause: row.cause as string,
      identifiers: identifiersOf(this.contacts.kinds, row),
      isAssumed: row.ends_assumed === true,
      changeId: numberOrNull(row.change_id),
      undone: row.undone_by === null ? null : { changeId: Number(row.undone_by), at: Number(row.undone_at) },
    };
  }

  private contactOf(row: Row): RecordedContact {
    return {
      id: Number(row.id),
      identifiers: identifiersOf(this.contacts.kinds, row),
      createdAt: Number(row.created_at),
      version: Number(row.version),
      isDeleted: row.deleted_at !== null,
      isRuled: row.is_ruled === true,
      linkedId: numberOrNull(row.linked_id),
      joinedId: numberOrNull(row.joined_id),
      isAssumed: row.joined_assumed === true,
      recordedAt: Number(row.recorded_at),
      deletedAt: numberOrNull(row.deleted_at),
    };
  }

  private pastOf(row: Row): PastState {
    return {
      contactId: Number(row.id),
      until: Number(row.past_until),
      linkedId: numberOrNull(row.past_linked_id),
      createdAt: Number(row.past_created_at),
      identifiers: identifiersOf(this.contacts.kinds, {
        email: row.past_email,
        phone_number: row.past_phone_number,
        identifiers: row.past_identifiers,
      }),
    };
  }

  private open(): Promise<SqlSession> {
    this.session ??= openSession(this.contacts.getEntityManager());
    return this.session;
  }
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

function numberOrNull(value: unknown): number | null {
  return value === null ? null : Number(value);
}
