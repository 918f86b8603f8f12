import type { Statement } from '../../database/session/sql-session.js';

// Statements that read more than the present state of identities. The rules of `contact.statements.ts` apply here too: each
// table reference names the tenant, and a lateral subquery with a limit or an offset can only run once per value.

/** µs since 1970, see `contact.statements.ts`. */
const micros = (column: string): string => `(extract(epoch from ${column}) * 1000000)::bigint`;
const time = (parameter: string): string =>
  `(timestamp 'epoch' + ${parameter}::bigint * interval '1 microsecond') at time zone 'UTC'`;

/** A row of `contact`, with what it attached to and when it was recorded and deleted. */
const CONTACT = `id, email, phone_number, identifiers, version, linked_id, joined_id, joined_assumed,
      ${micros('created_at')} as created_at, ${micros('coalesce(recorded_at, created_at)')} as recorded_at,
      ${micros('deleted_at')} as deleted_at`;

/**
 * $2 id of a contact, $3 a moment → every contact that may have belonged to its identity then, each with the state that it
 * had until a later moment, if any. None if the contact is unknown.
 *
 * A contact links to the primary of that moment either today or in a state that ended later.
 */
export const LOAD_AT: Statement = {
  name: 'contact_load_at',
  text: `with r as materialized (
    select case when p.contact_id is null then coalesce(c.linked_id, c.id) else coalesce(p.linked_id, c.id) end as root
    from (select id, linked_id from contact where tenant_id = $1 and id = $2) c left join lateral (
      select contact_id, linked_id from contact_past where tenant_id = $1 and contact_id = $2 and until > ${time('$3')}
      order by until limit 1) p on true),
  m as materialized (
    select root as id from r
    union
    select c.id from r cross join lateral (
      select id from contact where tenant_id = $1 and linked_id = r.root offset 0) c
    union
    select p.contact_id from r cross join lateral (
      select contact_id from contact_past where tenant_id = $1 and linked_id = r.root and until > ${time('$3')} offset 0) p)
  select c.*, p.* from m cross join lateral (
    select ${CONTACT} from contact where tenant_id = $1 and id = m.id limit 1) c
  left join lateral (
    select ${micros('until')} as past_until, linked_id as past_linked_id, ${micros('created_at')} as past_created_at,
      email as past_email, phone_number as past_phone_number, identifiers as past_identifiers
    from contact_past where tenant_id = $1 and contact_id = m.id and until > ${time('$3')} order by until limit 1) p on true`,
};
