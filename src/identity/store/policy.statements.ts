import type { Statement } from '../../database/session/sql-session.js';
import { timeOf } from './contact.statements.js';

/** What is counted of a contact: its value of a kind, or itself. */
const countedOf = (kind: string): string =>
  `case ${kind}::int when -1 then id::text when 0 then email when 1 then phone_number else identifiers ->> ${kind}::int::text end`;

/** → a row if the tenant has another policy than the default one. */
export const LOAD_POLICY: Statement = {
  name: 'tenant_policy_load',
  text: 'select version, generation, max_contacts from tenant_policy where tenant_id = $1',
};

/** → the kinds of identifiers that a tenant has declared, and the standard ones that it has changed. */
export const LOAD_KINDS: Statement = {
  name: 'identifier_kind_load',
  text: `select number, name, normaliser, max_length, priority, one_per_identity, max_per_identity, is_retired
    from identifier_kind where tenant_id = $1 order by number`,
};

/** → the patterns of the values that link nobody. */
export const LOAD_BLOCKED: Statement = {
  name: 'blocked_value_load',
  text: 'select id, kind, pattern from blocked_value where tenant_id = $1 order by id',
};

/** $2 the version that was read, $3 most contacts of an identity (null: any number), $4 time → a row if that version is stored. */
export const REVISE_POLICY: Statement = {
  name: 'tenant_policy_revise',
  text: `update tenant_policy set version = version + 1, generation = generation + 1, max_contacts = $3::int,
      updated_at = ${timeOf('$4')}
    where tenant_id = $1 and version = $2::int returning version`,
};

/** $2 most contacts of an identity (null: any number), $3 time → the first change of the default policy. */
export const BEGIN_POLICY: Statement = {
  name: 'tenant_policy_begin',
  text: `insert into tenant_policy (tenant_id, version, generation, max_contacts, updated_at)
    values ($1, 1, 1, $2, ${timeOf('$3')})`,
};

/**
 * $2 number, $3 name, $4 normaliser, $5 maximal length, $6 priority, $7 whether an identity has one value of it, $8 most values of
 * an identity (null: any number), $9 whether it is retired
 */
export const INSERT_KIND: Statement = {
  name: 'identifier_kind_insert',
  text: `insert into identifier_kind (tenant_id, number, name, normaliser, max_length, priority, one_per_identity,
      max_per_identity, is_retired)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
};

/**
 * $2 number, $3 name, $4 maximal length, $5 priority, $6, $7 and $8 as $7, $8 and $9 of {@link INSERT_KIND} → a row if it is stored. The
 * name is asked for too, because either of the two keys may be planned by.
 */
export const UPDATE_KIND: Statement = {
  name: 'identifier_kind_update',
  text: `update identifier_kind set max_length = $4, priority = $5, one_per_identity = $6, max_per_identity = $7, is_retired = $8
    where tenant_id = $1 and number = $2 and name = $3 returning number`,
};

/**
 * $2 a primary, $3 how many links to read, $4 kind (-1: contacts), $5 the limit, $6 how many to tell of → in the first row, how many
 * links to the primaries after $2 were read, and the last primary of these; then the primaries whose identities have more live
 * contacts, or different values of the kind, than the limit, the most first, each with how many of these there are. The last
 * primary is left out unless the links ended, because the next ones may be links to it too.
 *
 * An identity of one contact exceeds no limit, so links lead to all that do.
 */
export const COUNT_EXCEEDING: Statement = {
  name: 'policy_count_exceeding',
  text: `with c as materialized (
    select linked_id as id, ${countedOf('$4')} as value, deleted_at is null as is_live from contact
    where tenant_id = $1 and linked_id > $2::bigint order by linked_id limit $3::int),
  g as materialized (select id, count(*) as all_links from c group by id),
  e as materialized (select sum(all_links) as all_links, max(id) as last from g),
  v as (
    select id, value from c where is_live and value is not null
    union
    select p.* from g cross join lateral (
      select id, ${countedOf('$4')} as value from contact
      where tenant_id = $1 and id = g.id and deleted_at is null limit 1) p
    where p.value is not null),
  n as (select id, count(*)::int as counted from v group by id having count(*) > $5::int),
  x as (
    select n.id, n.counted, (count(*) over ())::int as exceeding from n cross join e
    where e.all_links < $3::int or n.id < e.last
    order by n.counted desc, n.id limit $6::int)
  select e.last as id, e.all_links as counted, 0 as exceeding, true as is_end from e
  union all
  select id, counted, exceeding, false from x`,
};
