import type { Pool, PoolClient } from 'pg';
import type { Identifiers, IdentityAnswer } from '../customers/population.js';

interface ContactRow {
  readonly id: number;
  readonly email: string | null;
  readonly phone_number: string | null;
  readonly linked_id: number | null;
}

const COLUMNS = 'id, email, phone_number, linked_id';
const FIND = `select ${COLUMNS} from baseline.contact
  where (email = $1 or phone_number = $2) and deleted_at is null`;
const LOAD = `select ${COLUMNS} from baseline.contact
  where (id = any($1) or linked_id = any($1)) and deleted_at is null order by created_at, id`;
const LOCK = 'select id from baseline.contact where id = any($1) order by id for update';
const LINK = `update baseline.contact set linked_id = $1, link_precedence = 'secondary', updated_at = now()
  where id = any($2) or linked_id = any($2)`;
const INSERT = `insert into baseline.contact (email, phone_number, linked_id, link_precedence)
  values ($1, $2, $3, $4) returning ${COLUMNS}`;

/**
 * Links the identifiers of one call and returns the whole identity: find, load all, and where something is new, write
 * in a transaction.
 *
 * The primaries are locked before rows are written, and what was loaded is loaded again: without it, calls with one hot
 * email deadlocked until they timed out. Two calls at the same time may still both find nobody and make the same
 * person twice; the next call with that email merges them.
 */
export async function identify(pool: Pool, sighting: Identifiers): Promise<IdentityAnswer> {
  const { email, phoneNumber } = sighting;
  const { rows: matches } = await pool.query<ContactRow>(FIND, [email, phoneNumber]);
  if (matches.length === 0) {
    return viewOf((await pool.query<ContactRow>(INSERT, [email, phoneNumber, null, 'primary'])).rows);
  }
  const roots = [...new Set(matches.map(({ id, linked_id }) => linked_id ?? id))];
  const { rows: members } = await pool.query<ContactRow>(LOAD, [roots]);
  if (roots.length === 1 && !isNews(sighting, members)) {
    return viewOf(members);
  }
  return inTransaction(pool, (client) => write(client, sighting, roots));
}

async function write(client: PoolClient, sighting: Identifiers, roots: number[]): Promise<IdentityAnswer> {
  await client.query(LOCK, [roots]);
  const { rows: members } = await client.query<ContactRow>(LOAD, [roots]);
  const primary = members[0]!;
  const younger = roots.filter((id) => id !== primary.id);
  if (younger.length > 0) {
    await client.query(LINK, [primary.id, younger]);
  }
  const newcomers = isNews(sighting, members)
    ? await client.query<ContactRow>(INSERT, [
        sighting.email,
        sighting.phoneNumber,
        primary.linked_id ?? primary.id,
        'secondary',
      ])
    : { rows: [] };
  return viewOf([...members, ...newcomers.rows]);
}

function isNews({ email, phoneNumber }: Identifiers, members: readonly ContactRow[]): boolean {
  return (
    (email !== null && !members.some((row) => row.email === email)) ||
    (phoneNumber !== null && !members.some((row) => row.phone_number === phoneNumber))
  );
}

async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

/** @param rows all of an identity, the oldest first */
function viewOf(rows: readonly ContactRow[]): IdentityAnswer {
  const [primary, ...secondaries] = rows;
  return {
    primaryContactId: primary!.id,
    emails: [...new Set(rows.flatMap(({ email }) => email ?? []))],
    phoneNumbers: [...new Set(rows.flatMap(({ phone_number }) => phone_number ?? []))],
    secondaryContactIds: secondaries.map(({ id }) => id),
  };
}
