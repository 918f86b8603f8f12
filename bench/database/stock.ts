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
const INSERTS: Readonly<Record<Store, string>> = {
  service: `with stock as materialized (${CONTACTS}),
    contacts as (
      insert into contact (tenant_id, id, email, phone_number, linked_id, link_precedence, created_at, updated_at)
      select 1, id, email, phone, null, 'primary', created_at, created_at from stock)
    insert into identifier (tenant_id, kind, value, contact_id)
    select 1, 0, email, id from stock union all select 1, 1, phone, id from stock`,
  baseline: `insert into baseline.contact (id, email, phone_number, link_precedence, created_at, updated_at)
    select id, email, phone, 'primary', created_at, created_at from (${CONTACTS}) stock`,
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
): Promise<Stock> {
  if (count === 0) {
    return { firstId: 0, firstOrdinal, count };
  }
  const { rows } = await client.query<{ id: string }>(`select nextval('${SEQUENCE[store]}') as id`);
  const firstId = Number(rows[0]!.id);
  await client.query(`select setval('${SEQUENCE[store]}', $1)`, [firstId + count - 1]);
  await client.query(INSERTS[store], [firstId, firstOrdinal, count]);
  return { firstId, firstOrdinal, count };
}
