import type { Statement } from '../../database/session/sql-session.js';
import { microsOf, timeOf } from './contact.statements.js';

/** How long an idempotency key is good for; then it may be used for something else. */
const KEY_LIFETIME = `interval '24 hours'`;

/** $2 idempotency key → the change that was made under it within its time, and the merges that the change made, in no order. */
export const FIND_CHANGE: Statement = {
  name: 'change_find',
  text: `select c.id, c.request_hash, c.is_changed, c.contact_ids,
      array(select id from identity_merge where tenant_id = $1 and change_id = c.id) as merge_ids
    from change c where c.tenant_id = $1 and c.idempotency_key = $2 and c.at > now() - ${KEY_LIFETIME}`,
};

/** $2 idempotency key → takes it from a change that is older than its time. */
export const RELEASE_KEY: Statement = {
  name: 'change_release_key',
  text: `update change set idempotency_key = null, request_hash = null
    where tenant_id = $1 and idempotency_key = $2 and at <= now() - ${KEY_LIFETIME}`,
};

/**
 * $2 id, $3 kind, $4 time, $5 actor, $6 reason, $7 idempotency key, $8 hash of what was asked with it, $9 whether anything
 * is changed, $10 contacts
 */
export const INSERT_CHANGE: Statement = {
  name: 'change_insert',
  text: `insert into change (tenant_id, id, kind, at, actor, reason, idempotency_key, request_hash, is_changed, contact_ids)
    values ($1, $2, $3, ${timeOf('$4')}, $5, $6, $7, $8, $9, $10::bigint[])`,
};

/**
 * $2 time and $3 id of the last change seen, $4 from when on, $5 kind, $6 actor or the id of its key, $7 contact (null: any), $8 how
 * many, $9 how many are read at most, $10 how many contacts of each → the changes before, the latest first, and how many read in
 * a last row, which is the oldest one read.
 */
export const CHANGES_BEFORE: Statement = {
  name: 'change_before',
  text: `with w as materialized (
    select id, at, kind, actor, reason, contact_ids, key_ids, is_changed from change
    where tenant_id = $1 and at >= ${timeOf('$4')} and at <= ${timeOf('$2')} and (at < ${timeOf('$2')} or id < $3::bigint)
    order by at desc, id desc limit $9::int),
  f as materialized (
    select id, at, kind, actor, reason, contact_ids, key_ids from w
    where is_changed and ($5::text is null or kind = $5) and ($6::text is null or actor = $6 or split_part(actor, ' ', 1) = $6)
      and ($7::bigint is null or contact_ids @> array[$7::bigint])
    order by at desc, id desc limit $8::int)
  select null::int as read, f.id, ${microsOf('f.at')} as at, f.kind, f.actor, f.reason, f.contact_ids[1:$10::int] as contact_ids,
      cardinality(f.contact_ids) as contacts, f.key_ids,
      array(select id from identity_merge where tenant_id = $1 and change_id = f.id) as merge_ids
    from f
  union all
  select e.read, e.id, ${microsOf('e.at')}, null, null, null, null, null, null, null from (
    select count(*) over ()::int as read, id, at from w order by at, id limit 1) e
  order by read nulls first, at desc, id desc`,
};

/** What a second change under the same key violates. */
export const KEY_CONSTRAINT = 'change_idempotency_key_unique';
