import type { ClientBase } from 'pg';
import type { Stock } from '../customers/workload.js';
import { email, phone } from './fill.js';

/** Whose tables a slice writes to. */
export type Store = 'service' | 'baseline';

const SEQUENCE: Readonly<Record<Store, string>> = {
  service: 'contact_id_seq',
  baseline: 'baseline.contact_id_seq',
};
const CONTACTS = `select $1::bigint + n as id, ${email('$2::bigint + n')} as email, ${phone('$2::bigint + n')} as phone,
  clock_timestamp() + n * interval '1 microsecond' as created_at from generate_series(0, $3::bigint - 1) n`;
/** One table each: a cluster refuses a statement that changes two. */
const INSERTS: Readonly<Record<Store, readonly string[]>> = {
  service: [
    `insert into contact (tenant_id, id, email, phone_number, linked_id, link_precedence, created_at, updated_at)
      select $4::int, id, email, phone, null, 'primary', created_at, created_at from (${CONTACTS}) stock`,
    `insert into identifier (tenant_id, kind, value, contact_id)
      select $4::int, 0, email, id from (${CONTACTS}) stock union all select $4::int, 1, phone, id from (${CONTACTS}) stock`,
  ],
  baseline: [
    `insert into baseline.contact (id, email, phone_number, link_precedence, created_at, updated_at)
      select id, email, phone, 'primary', created_at, created_at from (${CONTACTS}) stock`,
  ],
};

/**
 * Adds identities of one contact for a slice to merge and to extend. They are used once: merging the population itself
 * would use it up within seconds, or grow a few identities without end.
 *
 * Nobody else may write meanwhile.
 */
export async function addStock(
  client: ClientBase,
  store: Store,
  firstOrdinal: number,
  count: number,
  tenantId = 1,
): Promise<Stock> {
  if (count === 0) {
    return { firstId: 0, firstOrdinal, count };
  }
  const { rows } = await client.query<{ id: string }>(`select nextval('${SEQUENCE[store]}') as id`);
  const firstId = Number(rows[0]!.id);
  await client.query(`select setval('${SEQUENCE[store]}', $1)`, [firstId + count - 1]);
  for (const insert of INSERTS[store]) {
    await client.query(insert, [firstId, firstOrdinal, count, ...(store === 'service' ? [tenantId] : [])]);
  }
  return { firstId, firstOrdinal, count };
}
