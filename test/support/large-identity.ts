import type { TestDatabase } from './database.js';

/** Tells apart the phone numbers of several. */
let count = 0;

/**
 * Adds an identity of so many contacts, each with an email (`name1@hillvalley.edu`, …) and a phone number.
 *
 * @returns the id of its primary, and the phone number of that
 */
export async function addLargeIdentity(
  database: TestDatabase,
  size: number,
  name = 'strickland',
): Promise<{ primaryId: number; phoneNumber: string }> {
  const prefix = 1_000 + count++;
  const [row] = await database.query<{ id: string }>(`select nextval('contact_id_seq') as id`);
  const primaryId = Number(row!.id);
  await database.query(
    `insert into contact (tenant_id, id, email, phone_number, linked_id, link_precedence, created_at, updated_at)
      select 1, case when i = 1 then $1 else nextval('contact_id_seq') end, $2 || i || '@hillvalley.edu',
        ($3::bigint * 10000000 + i)::text, case when i > 1 then $1::bigint end,
        case when i = 1 then 'primary' else 'secondary' end, now() + i * interval '1 ms', now()
      from generate_series(1, $4::int) i`,
    [primaryId, name, prefix, size],
  );
  await database.query(
    `insert into identifier (tenant_id, kind, value, contact_id)
      select 1, 0, email, id from contact where id = $1 or linked_id = $1
      union all select 1, 1, phone_number, id from contact where id = $1 or linked_id = $1`,
    [primaryId],
  );
  return { primaryId, phoneNumber: String(prefix * 10_000_000 + 1) };
}

/** Lets identities grow without end. A service that knows another policy keeps it for some seconds, so it comes first. */
export async function allowAnySize(database: Pick<TestDatabase, 'query'>): Promise<void> {
  await database.query(
    `insert into tenant_policy (tenant_id, version, generation, max_contacts, updated_at) values (1, 1, 1, null, now())`,
  );
}
