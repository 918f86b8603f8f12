import type { MikroORM } from '@mikro-orm/core';
import { openSession } from '../../database/session/open-session.js';
import type { Row, SqlSession, Statement, Transaction } from '../../database/session/sql-session.js';
import { missingEvidence, type EvidentContact } from '../domain/evidence.js';
import type { Kinds } from '../domain/kinds.js';
import { LOCK_UNCHANGED, microsOf } from './contact.statements.js';
import { kindsOf } from './policy-records.js';
import { LOAD_KINDS } from './policy.statements.js';
import { contactOf } from './snapshot-rows.js';

/** Merges or identities per transaction. */
const PAGE_SIZE = 1_000;
const NAME = 'evidence';
const UNIQUE_VIOLATION = '23505';

/**
 * Fills in the evidence that earlier builds did not record: the ends of merges, and what contacts attached to. Both are marked
 * as assumed.
 *
 * Does nothing if it was done before. Any number of processes may do it at once. If it was interrupted, it starts again and finds
 * the rest. The service may run at the same time: identities that are being changed are left out, and their evidence is
 * reconstructed when it is read.
 *
 * @returns how many contacts and merges were filled in
 */
export async function backfillEvidence(orm: MikroORM): Promise<number> {
  const session = openSession(orm.em);
  if ((await session.query([DONE, NAME], null)).length > 0) {
    return 0;
  }
  let count = 0;
  for (const { id } of await session.query([TENANTS], null)) {
    const tenantId = Number(id);
    count += await eachPage(session, tenantId, fillMerges);
    count += await eachPage(session, tenantId, fillContacts);
  }
  await setDone(session);
  return count;
}

/** Several runners may end at the same moment. The primary key refuses the row of all but one, and it is done all the same. */
async function setDone(session: SqlSession): Promise<void> {
  try {
    await session.query([SET_DONE, NAME], null);
  } catch (error) {
    if ((error as { code?: unknown }).code !== UNIQUE_VIOLATION) {
      throw error;
    }
  }
}

/** Works on the page of rows after `after`. Returns how many it filled in and the last id, or null at the end. */
type PageWork = (
  transaction: Transaction,
  tenantId: number,
  after: number,
) => Promise<{ count: number; last: number } | null>;

async function eachPage(session: SqlSession, tenantId: number, work: PageWork): Promise<number> {
  let count = 0;
  for (let after = 0; ;) {
    const page = await session.transaction(async (transaction) => {
      const done = await work(transaction, tenantId, after);
      await transaction.commit();
      return done;
    }, tenantId);
    if (page === null) {
      return count;
    }
    count += page.count;
    after = page.last;
  }
}

const fillMerges: PageWork = async (transaction, tenantId, after) => {
  const [ids = []] = await transaction.send([MERGES_AFTER, tenantId, after, PAGE_SIZE]);
  if (ids.length === 0) {
    return null;
  }
  const [filled = []] = await transaction.send([FILL_MERGES, tenantId, ids.map(({ id }) => id)]);
  return { count: filled.length, last: Number(ids.at(-1)!.id) };
};

const fillContacts: PageWork = async (transaction, tenantId, after) => {
  // The kinds are read last, so that none is missing that a contact has.
  const [rows = [], kindRows = []] = await transaction.send(
    [IDENTITIES_AFTER, tenantId, after, PAGE_SIZE],
    [LOAD_KINDS, tenantId],
  );
  if (rows.length === 0) {
    return null;
  }
  const kinds = kindsOf(kindRows);
  const [edges = []] = await transaction.send([MERGES_OF, tenantId, rows.map(({ id }) => id)]);
  const rightsOf = Map.groupBy(edges, ({ left_contact_id: left }) => Number(left));
  const missing: { primary: Row; attached: Map<number, number> }[] = [];
  for (const [primaryId, members] of Map.groupBy(rows, ({ root }) => Number(root))) {
    const merges = members.flatMap(({ id }) =>
      (rightsOf.get(Number(id)) ?? []).map((edge) => ({
        leftId: Number(id),
        rightId: Number(edge.right_contact_id),
      })),
    );
    const attached = missingEvidence(
      primaryId,
      members.map((row) => evidentContactOf(kinds, row)),
      merges,
    );
    if (attached.size > 0) {
      missing.push({ primary: members.find(({ id }) => Number(id) === primaryId)!, attached });
    }
  }
  const count = await attachHeld(transaction, tenantId, missing);
  return { count, last: Math.max(...rows.map(({ root }) => Number(root))) };
};

/** Writes the results for identities that have not changed since and that nobody holds. */
async function attachHeld(
  transaction: Transaction,
  tenantId: number,
  missing: readonly { primary: Row; attached: Map<number, number> }[],
): Promise<number> {
  if (missing.length === 0) {
    return 0;
  }
  const primaries = missing.map(({ primary }) => primary);
  const [held = []] = await transaction.send([
    LOCK_UNCHANGED,
    tenantId,
    primaries.map(({ id }) => id),
    primaries.map(({ version }) => version),
  ]);
  const heldIds = new Set(held.map(({ id }) => Number(id)));
  const edges = missing
    .filter(({ primary }) => heldIds.has(Number(primary.id)))
    .flatMap(({ attached }) => [...attached])
    .toSorted(([a], [b]) => a - b);
  await transaction.send([ATTACH, tenantId, edges.map(([id]) => id), edges.map(([, joinedId]) => joinedId)]);
  return edges.length;
}

function evidentContactOf(kinds: Kinds, row: Row): EvidentContact {
  return { ...contactOf(kinds, row), joinedId: row.joined_id === null ? null : Number(row.joined_id) };
}

export const DONE: Statement = { name: 'backfill_done', text: 'select from backfill where name = $1' };

export const SET_DONE: Statement = {
  name: 'backfill_set_done',
  text: `insert into backfill (name, done_at) select $1, now() where not exists (select from backfill where name = $1)`,
};

export const TENANTS: Statement = { name: 'backfill_tenants', text: 'select id from tenant order by id' };

/** $2 the last merge seen, $3 how many → the ids of the next ones. */
export const MERGES_AFTER: Statement = {
  name: 'backfill_merges_after',
  text: 'select id from identity_merge where tenant_id = $1 and id > $2 order by id limit $3',
};

/** $2 ids → those without ends, which are given the primaries that it merged. */
export const FILL_MERGES: Statement = {
  name: 'backfill_merges',
  text: `update identity_merge set left_contact_id = survivor_id, right_contact_id = merged_id, ends_assumed = true,
      cause = 'sighting'
    where tenant_id = $1 and id = any($2::bigint[]) and left_contact_id is null returning id`,
};

/** $2 the last primary seen, $3 how many → all rows of the next identities, by their primary. */
export const IDENTITIES_AFTER: Statement = {
  name: 'backfill_identities_after',
  text: `with p as materialized (
    select id from contact where tenant_id = $1 and id > $2 and linked_id is null order by id limit $3)
  select p.id as root, c.* from p cross join lateral (
      select id, email, phone_number, identifiers, version, joined_id, deleted_at is not null as is_deleted,
        ${microsOf('created_at')} as created_at
      from contact where tenant_id = $1 and id = p.id limit 1) c
  union all
  select p.id as root, c.* from p cross join lateral (
      select id, email, phone_number, identifiers, version, joined_id, deleted_at is not null as is_deleted,
        ${microsOf('created_at')} as created_at
      from contact where tenant_id = $1 and linked_id = p.id offset 0) c`,
};

/** $2 contacts → the ends of the merges in force whose first end is one of them. */
export const MERGES_OF: Statement = {
  name: 'backfill_merges_of',
  text: `select m.* from unnest($2::bigint[]) u(id) cross join lateral (
      select left_contact_id, right_contact_id from identity_merge
      where tenant_id = $1 and left_contact_id = u.id and undone_by is null offset 0) m`,
};

/** $2 contacts, ascending, $3 what they are taken to have attached to. `nullif` as in `SET_IDENTIFIERS`. */
export const ATTACH: Statement = {
  name: 'backfill_contacts',
  text: `update contact set joined_id = nullif(($3::bigint[])[width_bucket(id, $2::bigint[])], 0), joined_assumed = true
    where tenant_id = $1 and id = any($2::bigint[]) and joined_id is null`,
};
