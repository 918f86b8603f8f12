import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable } from '@nestjs/common';
import { openSession } from '../../database/session/open-session.js';
import type { Row, SqlSession } from '../../database/session/sql-session.js';
import type { PastState, RecordedContact } from '../domain/past.js';
import type { ContactRepository } from './contact.repository.js';
import { Contact } from './entities/contact.js';
import { identifiersOf } from './identifier-columns.js';
import * as sql from './reading.statements.js';

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

  private contactOf(row: Row): RecordedContact {
    return {
      id: Number(row.id),
      identifiers: identifiersOf(this.contacts.kinds, row),
      createdAt: Number(row.created_at),
      version: Number(row.version),
      isDeleted: row.deleted_at !== null,
      isRuled: false,
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

function numberOrNull(value: unknown): number | null {
  return value === null ? null : Number(value);
}
