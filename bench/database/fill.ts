import type { ClientBase } from 'pg';
import { BASELINE_INDEXES, BASELINE_TABLE } from '../servers/baseline-schema.js';
import {
  AREAS,
  BLOCK,
  BLOCK_CONTACTS,
  FIRST_IN_AREA,
  ORDINALS,
  SCATTER,
  type Population,
} from '../customers/population.js';

/** The population in SQL: `contacts` has what each contact carries, in the order of ids. */
const CONTACTS = `
  with contacts as (
    select id, email, phone, linked_id, id = email_of as claims_email, id = phone_of as claims_phone,
      timestamptz '2024-01-01 00:00:00Z' + id * interval '1 second' as created_at
    from (
      select first + at as id, first + email_at as email_of, first + phone_at as phone_of,
        ${email('first + email_at')} as email, ${phone('first + phone_at')} as phone,
        case when primary_at <> at then first + primary_at end as linked_id
      from generate_series(1, $1::bigint, ${BLOCK_CONTACTS}) first
        cross join (values ${BLOCK.map(valuesOf).join(', ')}) member(at, primary_at, email_at, phone_at)
      union all
      select id, $1 + 1, id, ${email('$1 + 1')}, ${phone('id')}, case when id > $1 + 1 then $1 + 1 end
      from generate_series($1 + 1, $1 + $2::bigint) id
    ) person)`;

const INSERT_CONTACTS = `${CONTACTS}
  insert into contact (tenant_id, id, email, phone_number, linked_id, link_precedence, created_at, updated_at)
  select tenant_id, id, email, phone, linked_id, case when linked_id is null then 'primary' else 'secondary' end,
    created_at, created_at
  from contacts cross join generate_series(1, $3::int) tenant_id`;
const INSERT_IDENTIFIERS = `${CONTACTS}
  insert into identifier (tenant_id, kind, value, contact_id)
  select tenant_id, 0, email, id from contacts cross join generate_series(1, $3::int) tenant_id where claims_email
  union all
  select tenant_id, 1, phone, id from contacts cross join generate_series(1, $3::int) tenant_id where claims_phone`;
/** The hot email and the large identity outgrow what a tenant allows unless it says otherwise. */
const INSERT_POLICY = `insert into tenant_policy (tenant_id, version, generation, max_contacts, updated_at)
  select tenant_id, 1, 1, null, now() from generate_series(1, $1::int) tenant_id`;
const INSERT_BASELINE = `
  insert into baseline.contact (id, email, phone_number, linked_id, link_precedence, created_at, updated_at)
  select id, email, phone_number, linked_id, link_precedence, created_at, updated_at from contact`;

/**
 * Fills an empty, migrated database with a population: rows that the service could have written itself.
 *
 * @param withBaseline whether the baseline gets a table of the same rows
 * @param tenants each gets the whole population, with the same ids
 */
export async function fill(
  client: ClientBase,
  population: Population,
  withBaseline: boolean,
  tenants = 1,
): Promise<void> {
  const { contacts, bigContacts } = population;
  // The rows are right by construction, and checking 3 foreign keys a row would take longer than writing them. Only a
  // superuser may skip that; anybody else waits.
  await client.query(`set session_replication_role = replica`).catch(() => undefined);
  await client.query(INSERT_CONTACTS, [contacts, bigContacts, tenants]);
  await client.query(INSERT_IDENTIFIERS, [contacts, bigContacts, tenants]);
  await client.query(INSERT_POLICY, [tenants]);
  await client.query(`select setval('contact_id_seq', $1)`, [contacts + bigContacts]);
  // An insert's load of index pages and hint bits must not fall on the first slices.
  await client.query('vacuum (analyze) contact');
  await client.query('vacuum (analyze) identifier');
  if (withBaseline) {
    await client.query(BASELINE_TABLE);
    await client.query(INSERT_BASELINE);
    await client.query(`select setval('baseline.contact_id_seq', $1)`, [contacts + bigContacts]);
    await client.query(BASELINE_INDEXES);
    await client.query('vacuum (analyze) baseline.contact');
  }
  await client.query('set session_replication_role = default').catch(() => undefined);
  await client.query('checkpoint').catch(() => undefined);
}

/** The email of an ordinal as the load has it, in SQL. */
export function email(ordinal: string): string {
  return `'customer.' || lpad(${scattered(ordinal)}::text, 9, '0') || '@example.com'`;
}

/** The phone number of an ordinal, in SQL. */
export function phone(ordinal: string): string {
  const number = scattered(ordinal);
  return `'+1' || (array[${AREAS.join(',')}])[1 + ${number} % ${AREAS.length}] || (${FIRST_IN_AREA} + ${number} / ${AREAS.length})`;
}

function scattered(ordinal: string): string {
  return `(((${ordinal})::bigint * ${SCATTER}) & ${ORDINALS - 1})`;
}

function valuesOf({ at, primaryAt, emailAt, phoneAt }: (typeof BLOCK)[number]): string {
  return `(${at}, ${primaryAt}, ${emailAt}, ${phoneAt})`;
}
