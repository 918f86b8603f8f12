import type { Statement } from '../../database/session/sql-session.js';
import { microsOf, timeOf } from './contact.statements.js';

// Statements that read more than the present state of identities. The rules of `contact.statements.ts` apply here too: each
// table reference names the tenant, and a lateral subquery with a limit or an offset can only run once per value.

/** A row of `contact`, with what it attached to and when it was recorded and deleted. */
const CONTACT = `id, email, phone_number, identifiers, version, is_ruled, linked_id, joined_id, joined_assumed,
      ${microsOf('created_at')} as created_at, ${microsOf('coalesce(recorded_at, created_at)')} as recorded_at,
      ${microsOf('deleted_at')} as deleted_at`;

const MERGE = `id, survivor_id, merged_id, left_contact_id, right_contact_id, cause, email, phone_number, identifiers,
      ends_assumed, change_id, undone_by, ${microsOf('created_at')} as created_at`;

/**
 * $2 id of a contact, $3 a moment, $4 the most rows (null: all) → every contact that may have belonged to its identity then, each
 * with the state that it had until a later moment, if any. None if the contact is unknown.
 *
 * A contact links to the primary of that moment either today or in a state that ended later.
 */
export const LOAD_AT: Statement = {
  name: 'contact_load_at',
  text: `with r as materialized (
    select case when p.contact_id is null then coalesce(c.linked_id, c.id) else coalesce(p.linked_id, c.id) end as root
    from (select id, linked_id from contact where tenant_id = $1 and id = $2) c left join lateral (
      select contact_id, linked_id from contact_past where tenant_id = $1 and contact_id = $2 and until > ${timeOf('$3')}
      order by until limit 1) p on true),
  m as materialized (
    select root as id from r
    union
    select c.id from r cross join lateral (
      select id from contact where tenant_id = $1 and linked_id = r.root offset 0) c
    union
    select p.contact_id from r cross join lateral (
      select contact_id from contact_past where tenant_id = $1 and linked_id = r.root and until > ${timeOf('$3')} offset 0) p)
  select c.*, p.* from m cross join lateral (
    select ${CONTACT} from contact where tenant_id = $1 and id = m.id limit 1) c
  left join lateral (
    select ${microsOf('until')} as past_until, linked_id as past_linked_id, ${microsOf('created_at')} as past_created_at,
      email as past_email, phone_number as past_phone_number, identifiers as past_identifiers
    from contact_past where tenant_id = $1 and contact_id = m.id and until > ${timeOf('$3')} order by until limit 1) p on true
  limit $4::bigint`,
};

/** $2 ids of contacts, deleted ones too, $3 the most rows (null: all) → every row of their identities. */
export const LOAD_RECORDS: Statement = {
  name: 'contact_load_records',
  text: `with r as materialized (
    select distinct coalesce(c.linked_id, c.id) as root from unnest($2::bigint[]) u(id) cross join lateral (
      select id, linked_id from contact where tenant_id = $1 and id = u.id limit 1) c)
  select r.root, c.* from r cross join lateral (
    select ${CONTACT} from contact where tenant_id = $1 and id = r.root limit 1) c
  union all
  select r.root, c.* from r cross join lateral (
    select ${CONTACT} from contact where tenant_id = $1 and linked_id = r.root offset 0) c
  limit $3::bigint`,
};

/** $2 a contact, deleted ones too, $3 the most rows (null: all) → the ids of all contacts of its identity. */
export const LOAD_IDS: Statement = {
  name: 'contact_load_ids',
  text: `with r as materialized (
    select coalesce(linked_id, id) as root from contact where tenant_id = $1 and id = $2::bigint limit 1)
  select root as id from r
  union all
  select c.id from r cross join lateral (
    select id from contact where tenant_id = $1 and linked_id = r.root offset 0) c
  limit $3::bigint`,
};

/**
 * $2 contacts, $3 the last merge seen, $4 how many (null: all) → the merges that have one of the contacts as an end, in order,
 * with the time at which they were undone.
 */
export const LOAD_MERGES: Statement = {
  name: 'identity_merge_load',
  text: `with m as materialized (
    select m.id from unnest($2::bigint[]) u(id) cross join lateral (
      select id from identity_merge where tenant_id = $1 and left_contact_id = u.id offset 0) m
    union
    select m.id from unnest($2::bigint[]) u(id) cross join lateral (
      select id from identity_merge where tenant_id = $1 and right_contact_id = u.id offset 0) m),
  n as materialized (select id from m where id > $3::bigint order by id limit $4::int)
  select m.*, c.undone_at from n cross join lateral (
    select ${MERGE} from identity_merge where tenant_id = $1 and id = n.id limit 1) m
  left join lateral (
    select ${microsOf('at')} as undone_at from change where tenant_id = $1 and id = m.undone_by limit 1) c on true
  order by m.id`,
};

/** $2 id → the merge. */
export const FIND_MERGE: Statement = {
  name: 'identity_merge_find',
  text: `select m.*, c.undone_at from (
    select ${MERGE} from identity_merge where tenant_id = $1 and id = $2) m
  left join lateral (
    select ${microsOf('at')} as undone_at from change where tenant_id = $1 and id = m.undone_by limit 1) c on true`,
};

/** $2 contacts, $3 a moment → their states that ended at that moment or later and that had another date than today. */
export const LOAD_DATES: Statement = {
  name: 'contact_past_dates',
  text: `select c.id, p.* from unnest($2::bigint[]) u(id) cross join lateral (
    select id, created_at from contact where tenant_id = $1 and id = u.id limit 1) c
  cross join lateral (
    select ${microsOf('until')} as past_until, linked_id as past_linked_id, ${microsOf('created_at')} as past_created_at,
      email as past_email, phone_number as past_phone_number, identifiers as past_identifiers
    from contact_past where tenant_id = $1 and contact_id = c.id and until >= ${timeOf('$3')} and created_at <> c.created_at
    order by until offset 0) p`,
};

/** $2 contacts → all their past states. */
export const LOAD_PAST: Statement = {
  name: 'contact_past_load',
  text: `select u.id, p.* from unnest($2::bigint[]) u(id) cross join lateral (
    select ${microsOf('until')} as past_until, linked_id as past_linked_id, ${microsOf('created_at')} as past_created_at,
      email as past_email, phone_number as past_phone_number, identifiers as past_identifiers
    from contact_past where tenant_id = $1 and contact_id = u.id and until > ${timeOf('0')} order by until offset 0) p`,
};

/**
 * $2 contacts, $3 changes, $4 moments → these changes, those that left a state of the contacts behind, and those of the moments
 * that are about one of the contacts.
 *
 * Bounds and an order instead of an equality, and a bound that every time is behind: so that no plan reads all changes of
 * the tenant, or all states of a contact, because the tables held few when it was made.
 */
export const LOAD_CHANGES: Statement = {
  name: 'change_load',
  text: `with n as materialized (
    select id from unnest($3::bigint[]) u(id)
    union
    select p.change_id from unnest($2::bigint[]) u(id) cross join lateral (
      select change_id from contact_past
      where tenant_id = $1 and contact_id = u.id and until > ${timeOf('0')} and change_id is not null offset 0) p
    union
    select c.id from unnest($4::bigint[]) u(at) cross join lateral (
      select id from change where tenant_id = $1 and at >= ${timeOf('u.at')} and at <= ${timeOf('u.at')}
        and contact_ids && $2::bigint[]
      order by at offset 0) c)
  select c.* from n cross join lateral (
    select id, kind, actor, reason, contact_ids, is_changed, ${microsOf('at')} as at
    from change where tenant_id = $1 and id = n.id limit 1) c
  where c.is_changed`,
};

/** $2 contacts → what those that were attached to another contact later were attached to at first; 0: to none. */
export const LOAD_FIRST_JOINS: Statement = {
  name: 'contact_past_first_joins',
  text: `select p.* from unnest($2::bigint[]) u(id) cross join lateral (
    select contact_id, joined_id from contact_past
    where tenant_id = $1 and contact_id = u.id and until > ${timeOf('0')} and joined_id is not null order by until limit 1) p`,
};

/** All that a transaction reads comes from one snapshot, which is taken with its first statement. */
export const ONE_SNAPSHOT: Statement = {
  name: 'reading_snapshot',
  text: 'set transaction isolation level repeatable read read only',
};
