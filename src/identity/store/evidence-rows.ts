import type { Row, Transaction } from '../../database/session/sql-session.js';
import type { Evidence, RecordedIdentity, RecordedMerge } from '../domain/explain.js';
import type { Kinds } from '../domain/kinds.js';
import type { PastState, RecordedContact } from '../domain/past.js';
import { mapInTurns } from '../turns.js';
import { identifiersOf } from './identifier-columns.js';
import * as sql from './reading.statements.js';

/**
 * Reads why the identities of some contacts, deleted ones too, are one each. Ids of no contact are left out.
 *
 * @param maxRows null: any number
 * @returns null if they have more contacts than `maxRows`
 */
export async function loadEvidence(
  transaction: Transaction,
  kinds: Kinds,
  tenantId: number,
  contactIds: readonly number[],
  maxRows: number | null,
): Promise<Evidence | null> {
  const limit = maxRows && maxRows + 1;
  const [rows = []] = await transaction.send([sql.LOAD_RECORDS, tenantId, contactIds, limit]);
  if (maxRows !== null && rows.length > maxRows) {
    return null;
  }
  const identities: RecordedIdentity[] = [];
  for (const [primaryId, members] of Map.groupBy(rows, ({ root }) => Number(root))) {
    identities.push({ primaryId, contacts: await mapInTurns(members, (row) => contactOf(kinds, row)) });
  }
  const ids = rows.map(({ id }) => id);
  return { identities, merges: await loadMerges(transaction, kinds, tenantId, ids, 0, null) };
}

/**
 * Reads the merges that have one of the contacts as an end, by age.
 *
 * @param after the last merge that was seen, or 0
 * @param limit null: all
 */
export async function loadMerges(
  transaction: Transaction,
  kinds: Kinds,
  tenantId: number,
  contactIds: readonly unknown[],
  after: number,
  limit: number | null,
): Promise<RecordedMerge[]> {
  const [rows = []] = await transaction.send([sql.LOAD_MERGES, tenantId, contactIds, after, limit]);
  return mapInTurns(rows, (row) => mergeOf(kinds, row));
}

/** A merge with its sighting, from a row of `LOAD_MERGES` or `FIND_MERGE`. */
export function mergeOf(kinds: Kinds, row: Row): RecordedMerge {
  return {
    id: Number(row.id),
    at: Number(row.created_at),
    survivorId: Number(row.survivor_id),
    mergedId: Number(row.merged_id),
    leftId: Number(row.left_contact_id),
    rightId: Number(row.right_contact_id),
    cause: row.cause as string,
    identifiers: identifiersOf(kinds, row),
    isAssumed: row.ends_assumed === true,
    changeId: numberOrNull(row.change_id),
    undone: row.undone_by === null ? null : { changeId: Number(row.undone_by), at: Number(row.undone_at) },
  };
}

/** A contact, deleted or not, with all that is recorded of it. Times are in µs since 1970. */
export function contactOf(kinds: Kinds, row: Row): RecordedContact {
  return {
    id: Number(row.id),
    identifiers: identifiersOf(kinds, row),
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

/** A past state from the columns that begin with `past_`. */
export function pastOf(kinds: Kinds, row: Row): PastState {
  return {
    contactId: Number(row.id),
    until: Number(row.past_until),
    linkedId: numberOrNull(row.past_linked_id),
    createdAt: Number(row.past_created_at),
    identifiers: identifiersOf(kinds, {
      email: row.past_email,
      phone_number: row.past_phone_number,
      identifiers: row.past_identifiers,
    }),
  };
}

function numberOrNull(value: unknown): number | null {
  return value === null ? null : Number(value);
}
