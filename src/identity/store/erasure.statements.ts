import type { Statement } from '../../database/session/sql-session.js';
import { microsOf, timeOf } from './contact.statements.js';

// Statements that remove personal data for good. The rules of `contact.statements.ts` apply here too.

/** The columns with identifiers, without those of $3 (emails), $4 (phone numbers) and $5 (others, as `number:value`). */
const WITHOUT_ERASED = `email = case when email = any($3::text[]) then null else email end,
      phone_number = case when phone_number = any($4::text[]) then null else phone_number end,
      identifiers = (select jsonb_object_agg(key, value) from jsonb_each_text(identifiers)
        where not (key || ':' || value = any($5::text[])))`;

/** Whether a row has one of $3 (emails), $4 (phone numbers) and $5 (others, as `number:value`). */
const HAS_ERASED = `(email = any($3::text[]) or phone_number = any($4::text[])
        or (identifiers is not null and exists (select from jsonb_each_text(identifiers) where key || ':' || value = any($5::text[]))))`;

/** A hash as PostgreSQL reads bytes. @param hash as hexadecimal text */
export const bytesOf = (hash: string): string => String.raw`\x${hash}`;

/** For the checks of foreign keys: the claims of a contact are found by a block range index, and by nothing else. */
export const BY_RANGES: Statement = {
  name: 'erasure_by_ranges',
  text: `select set_config('enable_bitmapscan', 'on', true), set_config('enable_indexscan', 'off', true),
    set_config('enable_indexonlyscan', 'off', true)`,
};

/** $2 contacts */
export const REMOVE_PAST: Statement = {
  name: 'contact_past_remove',
  text: `delete from contact_past where tenant_id = $1 and contact_id = any($2::bigint[]) and until > ${timeOf('0')}`,
};

/** $2 contacts, $3 to $5 identifiers → their past states lose these. */
export const STRIP_PAST: Statement = {
  name: 'contact_past_strip',
  text: `update contact_past set ${WITHOUT_ERASED}
    where tenant_id = $1 and contact_id = any($2::bigint[]) and until > ${timeOf('0')} and ${HAS_ERASED}`,
};

/** $2 merges */
export const REMOVE_MERGES: Statement = {
  name: 'identity_merge_remove',
  text: 'delete from identity_merge where tenant_id = $1 and id = any($2::bigint[])',
};

/** $2 merges, $3 to $5 identifiers → they lose these. */
export const STRIP_MERGES: Statement = {
  name: 'identity_merge_strip',
  text: `update identity_merge set ${WITHOUT_ERASED} where tenant_id = $1 and id = any($2::bigint[])`,
};

/** $2 contacts, to which nothing may refer any more. */
export const REMOVE_CONTACTS: Statement = {
  name: 'contact_remove',
  text: 'delete from contact where tenant_id = $1 and id = any($2::bigint[])',
};

/** $2 kind, $3 values, $4 erasure → the identifiers that contacts had are reserved: nobody has them any more. */
export const RESERVE_ERASED: Statement = {
  name: 'identifier_reserve_erased',
  text: `update identifier set contact_id = null, erasure_id = $4::bigint
    where tenant_id = $1 and kind = $2 and value = any($3::text[])`,
};

/** $2 kind, $3 values, $4 erasure → those that were reserved already. */
export const KEEP_ERASED: Statement = {
  name: 'identifier_keep_erased',
  text: `update identifier set erasure_id = $4::bigint
    where tenant_id = $1 and kind = $2 and value = any($3::text[]) and contact_id is null returning value`,
};

/** $2 kinds, $3 values, $4 erasure. A plain insert, in the order of all claims. */
export const INSERT_ERASED: Statement = {
  name: 'identifier_insert_erased',
  text: `insert into identifier (tenant_id, kind, value, contact_id, erasure_id)
    values ($1, unnest($2::smallint[]), unnest($3::text[]), null, $4::bigint)`,
};

/** $2 kinds, $3 values → the rules about these identifiers, from their side, with the change that made each. */
export const RULES_OF_ERASED: Statement = {
  name: 'do_not_link_of_erased',
  text: `select v.kind, v.value, d.* from unnest($2::smallint[], $3::text[]) v(kind, value) cross join lateral (
      select rule_id, other_kind, other_value, change_id from do_not_link
      where tenant_id = $1 and kind = v.kind and value = v.value
      order by other_kind, other_value offset 0) d`,
};

/** $2 kinds, $3 values → the reviews that are about one of these identifiers. */
export const REVIEWS_OF_ERASED: Statement = {
  name: 'review_of_erased',
  text: `select r.id from unnest($2::smallint[], $3::text[]) v(kind, value) cross join lateral (
      select id from review where tenant_id = $1 and kind >= 0 and kind = v.kind and value = v.value
      order by other_kind, other_value offset 0) r
    union
    select r.id from unnest($2::smallint[], $3::text[]) v(kind, value) cross join lateral (
      select id from review
      where tenant_id = $1 and other_kind >= 0 and other_kind = v.kind and other_value = v.value offset 0) r`,
};

/** $2 reviews → these, by age. Bounds and an order, so that no plan reads all reviews by another key. */
export const REVIEWS_BY_ID: Statement = {
  name: 'review_by_id',
  text: `select r.* from unnest($2::bigint[]) u(id) cross join lateral (
      select id, kind, value, other_kind, other_value, reason, ${microsOf('created_at')} as created_at, decision,
        ${microsOf('decided_at')} as decided_at
      from review where tenant_id = $1 and id >= u.id and id <= u.id order by id offset 0) r
    order by r.id`,
};

/** $2 contacts → the changes that name one of them, by age. All of a tenant are read, as in {@link FORGET_CHANGES}. */
export const CHANGES_OF: Statement = {
  name: 'change_of_contacts',
  text: `select id, kind, ${microsOf('at')} as at, actor, reason, contact_ids from change
    where tenant_id = $1 and id > 0 and contact_ids && $2::bigint[] and is_changed order by id`,
};

/** $2 reviews */
export const REMOVE_REVIEWS: Statement = {
  name: 'review_remove',
  text: 'delete from review where tenant_id = $1 and id = any($2::bigint[])',
};

/**
 * $2 kind, $3 values → waits until nobody makes a rule about them or leaves them reserved, and lets nobody begin. Those that
 * somebody has are held, too: a deletion under way may be about to reserve them for a rule that is going.
 */
export const HOLD_RESERVED: Statement = {
  name: 'identifier_hold_reserved',
  text: `select value from identifier
    where tenant_id = $1 and kind = $2 and value = any($3::text[]) order by value for update`,
};

/** $2 kind, $3 values, $4 the erasure that reserves them (null: none) → they are free again. Nobody may have them. */
export const FREE_RESERVED: Statement = {
  name: 'identifier_free_reserved',
  text: `delete from identifier
    where tenant_id = $1 and kind = $2 and value = any($3::text[]) and contact_id is null
      and erasure_id is not distinct from $4::bigint`,
};

/**
 * $2 contacts, $3 changes → the changes that name one of the contacts, and these, lose what callers wrote. A change is made by
 * hand, so there are few: all of a tenant are read.
 */
export const FORGET_CHANGES: Statement = {
  name: 'change_forget',
  text: `update change set reason = null, idempotency_key = null, request_hash = null
    where tenant_id = $1 and id > 0 and (contact_ids && $2::bigint[] or id = any($3::bigint[]))
      and coalesce(reason, idempotency_key, request_hash) is not null`,
};

/** $2 hashes as `bytesOf` writes them, $3 when they were erased, $4 until when they are blocked → those that were there already. */
export const RENEW_TOMBSTONES: Statement = {
  name: 'erased_value_renew',
  text: `update erased_value
    set erased_at = greatest(erased_at, ${timeOf('$3')}), blocked_until = greatest(blocked_until, ${timeOf('$4')})
    where tenant_id = $1 and hash = any($2::text[]::bytea[])
    returning encode(hash, 'hex') as hash`,
};

/** As {@link RENEW_TOMBSTONES}, for hashes that are not there. */
export const INSERT_TOMBSTONES: Statement = {
  name: 'erased_value_insert',
  text: `insert into erased_value (tenant_id, hash, erased_at, blocked_until)
    values ($1, unnest($2::text[]::bytea[]), ${timeOf('$3')}, ${timeOf('$4')})`,
};

/**
 * $2 id, $3 scope, $4 and $5 how many contacts and identifiers, $6 contacts, $7 hashes as `bytesOf` writes them, $8 blocked
 * until, $9 time, $10 from when on somebody may take it up
 */
export const INSERT_ERASURE: Statement = {
  name: 'erasure_insert',
  text: `insert into erasure
      (tenant_id, id, status, scope, contacts, identifiers, contact_ids, hashes, blocked_until, created_at, due_at)
    values ($1, $2, 'running', $3, $4, $5, $6::bigint[], $7::text[]::bytea[], ${timeOf('$8')}, ${timeOf('$9')},
      ${timeOf('$10')})`,
};

const TOLD = `id, status, scope, contacts, identifiers, ${microsOf('created_at')} as created_at,
    ${microsOf('done_at')} as done_at`;

/** $2 the last erasure seen, $3 how many → the next ones, with what repeats them. */
export const ERASURES_AFTER: Statement = {
  name: 'erasure_after',
  text: `select ${TOLD}, contact_ids, array(select encode(h, 'hex') from unnest(hashes) h) as hashes,
      ${microsOf('blocked_until')} as blocked_until
    from erasure where tenant_id = $1 and id > $2::bigint order by id limit $3::int`,
};

/** $2 the last contact seen, $3 how many → the next contacts, with all that identifies them. */
export const CONTACTS_AFTER: Statement = {
  name: 'erasure_contacts_after',
  text: `select id, email, phone_number, identifiers, ${microsOf('coalesce(recorded_at, created_at)')} as recorded_at
    from contact where tenant_id = $1 and id > $2::bigint order by id limit $3::int`,
};

/** $2 the last contact seen, $3 how many, $4 the end of its last state seen → the next past states. */
export const PAST_AFTER: Statement = {
  name: 'erasure_past_after',
  text: `select contact_id as id, ${microsOf('until')} as recorded_at, email, phone_number, identifiers from contact_past
    where tenant_id = $1 and (contact_id, until) > ($2::bigint, ${timeOf('$4')})
    order by contact_id, until limit $3::int`,
};

/** $2 the last merge seen, $3 how many → the next merges. */
export const MERGES_AFTER: Statement = {
  name: 'erasure_merges_after',
  text: `select id, email, phone_number, identifiers, ${microsOf('created_at')} as recorded_at
    from identity_merge where tenant_id = $1 and id > $2::bigint order by id limit $3::int`,
};

/** $2 the last rule seen, $3 how many → the next rules. */
export const RULES_AFTER: Statement = {
  name: 'erasure_rules_after',
  text: `select rule_id as id, kind, value, other_kind, other_value, ${microsOf('created_at')} as recorded_at from do_not_link
    where tenant_id = $1 and rule_id > $2::bigint and is_reverse is null order by rule_id limit $3::int`,
};

/** $2 the last review seen, $3 how many → the next reviews. */
export const REVIEWS_AFTER: Statement = {
  name: 'erasure_reviews_after',
  text: `select id, kind, value, other_kind, other_value, ${microsOf('created_at')} as recorded_at from review
    where tenant_id = $1 and id > $2::bigint order by id limit $3::int`,
};

/** $2 id → the erasure. */
export const FIND_ERASURE: Statement = {
  name: 'erasure_find',
  text: `select ${TOLD} from erasure where tenant_id = $1 and id = $2`,
};

/** → the erasures of a tenant that are not done. */
export const RUNNING_ERASURES: Statement = {
  name: 'erasure_running',
  text: `select id from erasure where tenant_id = $1 and id > 0 and status = 'running' order by id`,
};

/** $2 id, $3 for how long nobody else takes it up, in ms → a row if it is due. */
export const TAKE_UP: Statement = {
  name: 'erasure_take_up',
  text: `update erasure set due_at = now() + $3::int * interval '1 millisecond'
    where tenant_id = $1 and id = $2 and status = 'running' and due_at <= now()
    returning ${microsOf('created_at')} as created_at`,
};

/**
 * $2 kinds, $3 values → those that an erasure reserves, with when that was in µs since 1970, how many µs ago, and whether calls are
 * refused.
 */
export const PENDING_ERASURES: Statement = {
  name: 'identifier_pending_erasures',
  // In a dry run `identifier` is a temporary table, which Citus joins with its own only if it was read before.
  text: `with i as materialized (
      select v.kind, v.value, f.erasure_id from unnest($2::smallint[], $3::text[]) v(kind, value) cross join lateral (
        select erasure_id from identifier
        where tenant_id = $1 and kind = v.kind and value = v.value and contact_id is null limit 1) f)
    select i.kind, i.value, e.* from i cross join lateral (
      select ${microsOf('created_at')} as erased_at, blocked_until > clock_timestamp() as is_blocked,
        (extract(epoch from clock_timestamp() - created_at) * 1000000)::bigint as ago
      from erasure where tenant_id = $1 and id = i.erasure_id limit 1) e`,
};

/** → a row if the tenant has erased anything. */
export const ANY_ERASURE: Statement = {
  name: 'erasure_any',
  text: 'select id from erasure where tenant_id = $1 and id > 0 limit 1',
};

/** $2 hashes as hexadecimal text → those that are tombstones, with until when they are blocked. */
export const TOMBSTONES_OF: Statement = {
  name: 'erased_value_of',
  text: `select u.hash, e.* from unnest($2::text[]) u(hash) cross join lateral (
      select ${microsOf('blocked_until')} as blocked_until from erased_value
      where tenant_id = $1 and hash = decode(u.hash, 'hex') limit 1) e`,
};

/** → the hashes that live calls are refused by, and until when. */
export const BLOCKED_HASHES: Statement = {
  name: 'erasure_blocked',
  text: `select array(select encode(h, 'hex') from unnest(hashes) h) as hashes, ${microsOf('blocked_until')} as blocked_until
    from erasure where tenant_id = $1 and id > 0 and blocked_until > created_at and blocked_until > now()`,
};

/** $2 erasure → the identifiers that it reserved. */
export const ERASED_IDENTIFIERS: Statement = {
  name: 'identifier_of_erasure',
  text: `select kind, value, contact_id from identifier where tenant_id = $1 and erasure_id = $2::bigint`,
};

/** $2 erasure → the rest is marked no more: it was taken, or a rule speaks of it. */
export const RELEASE_ERASED: Statement = {
  name: 'identifier_release_erased',
  text: `update identifier set erasure_id = null where tenant_id = $1 and erasure_id = $2::bigint`,
};

/** $2 erasure */
export const FINISH_ERASURE: Statement = {
  name: 'erasure_finish',
  text: `update erasure set status = 'done', done_at = now()
    where tenant_id = $1 and id = $2 and status = 'running'`,
};

/** $2 the last contact seen, $3 to $5 identifiers, $6 how many → the next contacts, and whether each has one of these. */
export const CONTACTS_WITH: Statement = {
  name: 'erasure_contacts_with',
  text: `with s as materialized (
    select id, email, phone_number, identifiers, recorded_at, created_at from contact
    where tenant_id = $1 and id > $2::bigint order by id limit $6::int)
  select max(id) as last, count(*)::int as read,
    array_agg(id) filter (where ${HAS_ERASED} and ${microsOf('coalesce(recorded_at, created_at)')} <= $7::bigint) as found
  from s`,
};

/** As {@link CONTACTS_WITH}, for past states: $2 the last contact seen, $8 the end of its last state seen. */
export const PAST_WITH: Statement = {
  name: 'erasure_past_with',
  text: `with s as materialized (
    select contact_id, until, email, phone_number, identifiers from contact_past
    where tenant_id = $1 and (contact_id, until) > ($2::bigint, ${timeOf('$8')})
    order by contact_id, until limit $6::int),
  l as materialized (select contact_id, until from s order by contact_id desc, until desc limit 1)
  select (select contact_id from l) as last, (select ${microsOf('until')} from l) as last_until, count(*)::int as read,
    array_agg(distinct contact_id) filter (where ${HAS_ERASED} and ${microsOf('until')} <= $7::bigint) as found
  from s`,
};

/** As {@link CONTACTS_WITH}, for merges. */
export const MERGES_WITH: Statement = {
  name: 'erasure_merges_with',
  text: `with s as materialized (
    select id, email, phone_number, identifiers, created_at from identity_merge
    where tenant_id = $1 and id > $2::bigint order by id limit $6::int)
  select max(id) as last, count(*)::int as read,
    array_agg(id) filter (where ${HAS_ERASED} and ${microsOf('created_at')} <= $7::bigint) as found
  from s`,
};
