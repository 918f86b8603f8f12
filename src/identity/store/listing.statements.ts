import type { Statement } from '../../database/session/sql-session.js';
import { microsOf } from './contact.statements.js';

// Statements behind lists of identities. Each reads at most a number of rows that its caller chooses. The rules of
// `contact.statements.ts` apply here too.

/** $2 the last primary seen, $3 how many → the next primaries of identities with live contacts. */
export const PRIMARIES_AFTER: Statement = {
  name: 'listing_primaries',
  text: `select id from contact where tenant_id = $1 and id > $2::bigint and linked_id is null and deleted_at is null
    order by id limit $3::int`,
};

/** $2 primaries, $3 the most contacts of each, besides itself → the primaries that are live, and rows that link to them. */
export const LISTED: Statement = {
  name: 'listing_contacts',
  text: `with p as materialized (
    select c.* from unnest($2::bigint[]) u(id) cross join lateral (
      select id, email, phone_number, identifiers, created_at from contact
      where tenant_id = $1 and id = u.id and linked_id is null and deleted_at is null limit 1) c),
  m as (
    select id as root, id, email, phone_number, identifiers, created_at, false as is_deleted from p
    union all
    select p.id as root, c.* from p cross join lateral (
      select id, email, phone_number, identifiers, created_at, deleted_at is not null as is_deleted from contact
      where tenant_id = $1 and linked_id = p.id limit $3::int) c)
  select root, id, email, phone_number, identifiers, is_deleted, ${microsOf('created_at')} as created_at
  from m`,
};

/**
 * $2 kind, $3 first value, $4 the value before which to end, $5 the last value seen, $6 how many → the next identifiers, each
 * with the contact that has it and the primary of that; null if the identifier is reserved.
 */
export const IDENTIFIERS_AFTER: Statement = {
  name: 'listing_identifiers',
  text: `with i as materialized (
    select value, contact_id from identifier
    where tenant_id = $1 and kind = $2::smallint and value >= $3 and value < $4 and value > $5 order by value limit $6::int)
  select i.value, i.contact_id, c.root from i left join lateral (
    select coalesce(linked_id, id) as root from contact where tenant_id = $1 and id = i.contact_id limit 1) c on true
  order by i.value`,
};

/** $2 a contact → what it carries. */
export const CARRIED: Statement = {
  name: 'listing_carried',
  text: 'select email, phone_number, identifiers from contact where tenant_id = $1 and id = $2::bigint limit 1',
};

/**
 * $2 primary, $3 kind, $4 first value, $5 the value before which to end → a row if a contact that links to the primary carries
 * such a value.
 */
export const CARRIES_BETWEEN: Statement = {
  name: 'listing_carries_between',
  text: `select id from contact
    where tenant_id = $1 and linked_id = $2::bigint and deleted_at is null
      and case $3::int when 0 then email when 1 then phone_number else identifiers ->> $3::int::text end collate "C" >= $4
      and case $3::int when 0 then email when 1 then phone_number else identifiers ->> $3::int::text end collate "C" < $5
    limit 1`,
};

/**
 * $2 a primary, $3 how many links to read, $4 and $5 the least and the most to tell of → in the first row, how many were read
 * and the last primary of these; then the primaries with more than $4 live contacts that link to them, the largest first. The
 * last primary is left out unless the links ended, because the next ones may be links to it too.
 */
export const COUNT_LINKS: Statement = {
  name: 'listing_count_links',
  text: `with g as materialized (
    select linked_id as id, count(*) as all_links, (count(*) filter (where is_live))::int as links from (
      select linked_id, deleted_at is null as is_live from contact
      where tenant_id = $1 and linked_id > $2::bigint order by linked_id limit $3::int) c
    group by linked_id),
  e as materialized (select sum(all_links) as all_links, max(id) as last from g)
  select e.last as id, e.all_links as links, true as is_end from e
  union all
  (select g.id, g.links, false from g cross join e
    where g.links > $4::int and (e.all_links < $3::int or g.id < e.last)
    order by g.links desc, g.id limit $5::int)`,
};
