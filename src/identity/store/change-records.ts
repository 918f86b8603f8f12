import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable } from '@nestjs/common';
import { openSession } from '../../database/session/open-session.js';
import type { Row } from '../../database/session/sql-session.js';
import { retryUnavailable } from '../../database/session/unavailable.js';
import type { MadeChange } from '../domain/history.js';
import type { ChangeKind } from '../domain/writes.js';
import * as sql from './change.statements.js';
import type { ContactRepository } from './contact.repository.js';
import { Contact } from './entities/contact.js';
import { idsOf } from './write-queries.js';

/** A page reads no more changes than this to find those that are asked for. */
export const READ_MAX = 5_000;
/** An erasure or a deletion names every contact of an identity. */
export const NAMED_CONTACTS_MAX = 100;
/** After every change there will be. */
const END: ChangeKey = { at: Number.MAX_SAFE_INTEGER, id: 0 };

/** Where a change stands among all others. `at` is in µs since 1970. */
export interface ChangeKey {
  readonly at: number;
  readonly id: number;
}

/** What changes are asked for; null: any. */
export interface ChangeFilter {
  readonly kind: ChangeKind | null;
  /** Who made it, or the id of the key that it was made with. */
  readonly actor: string | null;
  /** A contact that the change names. */
  readonly contactId: number | null;
  /** In µs since 1970; a change at this moment too. */
  readonly from: number | null;
  /** In µs since 1970; a change at this moment not. */
  readonly to: number | null;
}

/** A change by hand, as it is listed. */
export interface ListedChange extends MadeChange {
  /** How many contacts it names; `contactIds` has {@link NAMED_CONTACTS_MAX} of them at most. */
  readonly contacts: number;
  /** The merges that it made and that were not erased. */
  readonly mergeIds: readonly number[];
  /** The API keys that it is about. */
  readonly keyIds: readonly string[];
}

/** A change that was made under an idempotency key. */
export interface RecordedChange {
  readonly id: number;
  readonly requestHash: string;
  readonly isChanged: boolean;
  readonly contactIds: readonly number[];
  readonly mergeIds: readonly number[];
}

/** Some changes, and where to go on; null: there are no more. */
export interface ChangePage {
  readonly changes: readonly ListedChange[];
  readonly next: ChangeKey | null;
}

/** Reads who changed what by hand, and what was changed under an idempotency key. */
@Injectable()
export class ChangeRecords {
  private readonly session = openSession(this.contacts.getEntityManager());

  constructor(@InjectRepository(Contact) private readonly contacts: ContactRepository) {}

  /** The change that was made under an idempotency key in the last 24 hours; null if there is none. */
  async findByIdempotencyKey(tenantId: number, key: string): Promise<RecordedChange | null> {
    const [row] = await this.session.query([sql.FIND_CHANGE, tenantId, key], tenantId);
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

  /**
   * The changes of a tenant, the latest first. Of many changes it reads a part, so that a page costs the same however rare is what
   * is asked for: a page may then have fewer changes than `limit`, or none, and still a next one.
   *
   * @param after the last change that was seen; null: none
   */
  async list(
    tenantId: number,
    { kind, actor, contactId, from, to }: ChangeFilter,
    after: ChangeKey | null,
    limit: number,
  ): Promise<ChangePage> {
    const start = [after ?? END, { at: to ?? END.at, id: 0 }].reduce((a, b) => (isBefore(a, b) ? a : b));
    const rows = await retryUnavailable(() =>
      this.session.query(
        [
          sql.CHANGES_BEFORE,
          tenantId,
          start.at,
          start.id,
          from ?? 0,
          kind,
          actor,
          contactId,
          limit,
          READ_MAX,
          NAMED_CONTACTS_MAX,
        ],
        tenantId,
      ),
    );
    const changes = rows.filter(({ read }) => read === null).map(listedOf);
    const end = rows.find(({ read }) => read !== null);
    if (changes.length === limit) {
      return { changes, next: keyOf(changes.at(-1)!) };
    }
    return {
      changes,
      next: end !== undefined && Number(end.read) === READ_MAX ? keyOf(listedKey(end)) : null,
    };
  }
}

function isBefore(a: ChangeKey, b: ChangeKey): boolean {
  return a.at < b.at || (a.at === b.at && a.id < b.id);
}

function keyOf({ at, id }: ChangeKey): ChangeKey {
  return { at, id };
}

function listedKey(row: Row): ChangeKey {
  return { at: Number(row.at), id: Number(row.id) };
}

function listedOf(row: Row): ListedChange {
  return {
    ...listedKey(row),
    kind: row.kind as string,
    actor: row.actor as string,
    reason: row.reason as string | null,
    contactIds: (row.contact_ids as unknown[]).map(Number),
    contacts: Number(row.contacts),
    mergeIds: idsOf(row.merge_ids),
    keyIds: (row.key_ids ?? []) as string[],
  };
}
