import type { TestDatabase } from './database.js';
import type { IdentifyBody } from './wire.js';

/** The region with which {@link addOldForms} has other normal forms. */
export const REGION = 'DE';

/** A number as people dial it, and with the region its normal form. */
export const dialled = (i: number): string => `0171${String(i).padStart(7, '0')}`;
export const international = (i: number): string => `+49${dialled(i).slice(1)}`;

/**
 * Adds people as a service without a region stored them: each with an email and a number as it is dialled; every third one with
 * another identity, too, which has the international form.
 *
 * @returns what they would have been with the region, as sightings
 */
export async function addOldForms(database: TestDatabase, people: number): Promise<IdentifyBody[]> {
  const rows = Array.from({ length: people }, (_, i) => [
    { email: `person${i}@hillvalley.edu`, phoneNumber: dialled(i), normal: international(i) },
    ...(i % 3 === 0
      ? [{ email: `again${i}@hillvalley.edu`, phoneNumber: international(i), normal: international(i) }]
      : []),
  ]).flat();
  await database.query(
    `with u as (
      select nextval('contact_id_seq') as id, u.* from unnest($1::text[], $2::text[]) u(email, phone_number)),
    c as (
      insert into contact (tenant_id, id, email, phone_number, link_precedence, created_at, updated_at)
      select 1, id, email, phone_number, 'primary', now() + id * interval '1 ms', now() from u)
    insert into identifier (tenant_id, kind, value, contact_id)
      select 1, 0, email, id from u union all select 1, 1, phone_number, id from u`,
    [rows.map(({ email }) => email), rows.map(({ phoneNumber }) => phoneNumber)],
  );
  return rows.map(({ email, normal }) => ({ email, phoneNumber: normal }));
}
