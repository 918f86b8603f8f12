import pg from 'pg';
import type { Caller } from '../load/closed-loop.js';

/** What the service has by default. More would let the inserts share more flushes. */
export const PLAIN_CONNECTIONS = 10;

/** One indexed, prepared select per call: the contact that claims an email. */
export function openSelect(url: string): Caller {
  const pool = new pg.Pool({ connectionString: url, max: PLAIN_CONNECTIONS });
  return async ({ sighting: { email, phoneNumber } }) => {
    const { rows } = await pool.query<{ contact_id: string }>({
      name: 'select',
      text: 'select contact_id from identifier where tenant_id = $1 and kind = $2 and value = $3',
      values: email === null ? [1, 1, phoneNumber] : [1, 0, email],
    });
    return { status: rows.length === 1 ? 200 : 404, view: null };
  };
}

/** One prepared insert per call, committed on its own, into a table with the keys, checks and indexes of contacts. */
export async function openInsert(url: string): Promise<Caller> {
  const pool = new pg.Pool({ connectionString: url, max: PLAIN_CONNECTIONS });
  await pool.query('create table if not exists plain_contact (like contact including all)');
  return async ({ sighting: { email, phoneNumber } }) => {
    const { rowCount } = await pool.query({
      name: 'insert',
      text: `insert into plain_contact (tenant_id, id, email, phone_number, link_precedence, created_at, updated_at)
        values ($1, nextval('contact_id_seq'), $2, $3, 'primary', now(), now())`,
      values: [1, email, phoneNumber],
    });
    return { status: rowCount === 1 ? 200 : 500, view: null };
  };
}
