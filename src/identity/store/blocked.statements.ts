import type { Statement } from '../../database/session/sql-session.js';
import { microsOf, timeOf } from './contact.statements.js';

// The values that may not link, and who carries them. The rules of `contact.statements.ts` apply.

const TOLD = `id, kind, pattern, ${microsOf('created_at')} as created_at`;

/** $2 the last pattern seen, $3 how many → the next patterns, in order. */
export const BLOCKED_AFTER: Statement = {
  name: 'blocked_value_after',
  text: `select ${TOLD} from blocked_value where tenant_id = $1 and id > $2::bigint order by id limit $3::int`,
};

/** $2 kinds, $3 patterns → those of them that are blocked. */
export const FIND_BLOCKED: Statement = {
  name: 'blocked_value_find',
  text: `select b.* from unnest($2::smallint[], $3::text[]) v(kind, pattern) cross join lateral (
    select ${TOLD} from blocked_value
    where tenant_id = $1 and kind = v.kind and pattern = v.pattern
    order by kind, pattern limit 1) b`,
};

/** $2 kind, $3 pattern, $4 change, $5 time. A plain insert: it must fail if another process has blocked the pattern first. */
export const INSERT_BLOCKED: Statement = {
  name: 'blocked_value_insert',
  text: `insert into blocked_value (tenant_id, id, kind, pattern, change_id, created_at)
    values ($1, nextval('blocked_value_id_seq'), $2, $3, $4, ${timeOf('$5')})`,
};

/** What a second insert of a pattern violates. */
export const PATTERN_CONSTRAINT = 'blocked_value_pattern_unique';

/** $2 id, $3 kind, $4 pattern → a row if the pattern was there. Named twice, so that each plan reads by a whole key. */
export const DELETE_BLOCKED: Statement = {
  name: 'blocked_value_delete',
  text: `delete from blocked_value where tenant_id = $1 and id = $2 and kind = $3 and pattern = $4 returning id`,
};

/** $2 time → all processes read the policy again. Changes nothing if the tenant has the default policy: see below. */
export const RENEW_POLICY: Statement = {
  name: 'tenant_policy_renew',
  text: `update tenant_policy set generation = generation + 1, updated_at = ${timeOf('$2')} where tenant_id = $1`,
};

/** $2 most contacts of an identity → the default policy has a row. A plain insert: it fails if there is one. */
export const START_POLICY: Statement = {
  name: 'tenant_policy_start',
  text: `insert into tenant_policy (tenant_id, version, generation, max_contacts, updated_at)
    values ($1, 0, 0, $2, now())`,
};

/**
 * $2 kind, $3 first value, $4 the value before which to end, $5 the last value seen, $6 how many to read, $7 patterns of `like`
 * → those of the next identifiers that match one, in order, each with the contact that has it (null: it is reserved); and a row
 * with the last value that was read and how many were read.
 */
export const MATCHING_AFTER: Statement = {
  name: 'blocked_matching_after',
  text: `with i as materialized (
    select value, contact_id from identifier
    where tenant_id = $1 and kind = $2::smallint and value >= $3 and value < $4 and value > $5
    order by value limit $6::int)
  select value, contact_id, null::bigint as read from i where value like any($7::text[])
  union all
  select max(value), null, count(*) from i`,
};

/** $2 contacts → each with the primary of its identity, and the version of that. */
export const PRIMARIES_OF: Statement = {
  name: 'blocked_primaries',
  text: `select u.id, p.id as root, p.version from unnest($2::bigint[]) u(id) cross join lateral (
      select coalesce(linked_id, id) as root from contact where tenant_id = $1 and id = u.id limit 1) c
    cross join lateral (
      select id, version from contact where tenant_id = $1 and id = c.root limit 1) p`,
};

/** $2 primaries, $3 kind, $4 values → how many live contacts of their identities carry one of the values. */
export const COUNT_CARRIERS: Statement = {
  name: 'blocked_count_carriers',
  text: `with c as (
    select c.* from unnest($2::bigint[]) u(id) cross join lateral (
      select email, phone_number, identifiers, deleted_at from contact where tenant_id = $1 and id = u.id limit 1) c
    union all
    select c.* from unnest($2::bigint[]) u(id) cross join lateral (
      select email, phone_number, identifiers, deleted_at from contact
      where tenant_id = $1 and linked_id = u.id offset 0) c)
  select count(*) as contacts from c where deleted_at is null
    and case $3::int when 0 then email when 1 then phone_number else identifiers ->> $3::int::text end = any($4::text[])`,
};
