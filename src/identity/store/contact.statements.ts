import type { Statement } from '../../database/session/sql-session.js';

// Every table reference names the tenant ($1), no statement changes a table twice, and nothing is used that
// distributed PostgreSQL engines lack: advisory locks, triggers, deferrable constraints, `on conflict`.
//
// A plan is made once per connection, often while the tables are empty, and kept while they grow. PostgreSQL would plan an
// ordinary join for the few rows of that moment: read all rows of the tenant and compare. A lateral subquery with a limit or
// an offset can only run once per value, by the index on the whole key. A table that is changed can't be in a lateral
// subquery: its rows are chosen by their own key alone, and never joined.
//
// Several rows are inserted by one row of VALUES whose `unnest` gives one row after the other. A select from the arrays would be
// a COPY on Citus, which row level security refuses, and takes longer here. Citus needs `unnest` to be all that a column gets.

// Times are sent as µs since 1970: JavaScript's dates lose the microseconds that decide the order of contacts.

/** The time that a parameter sends. */
export const timeOf = (parameter: string): string =>
  `(timestamp 'epoch' + ${parameter}::bigint * interval '1 microsecond') at time zone 'UTC'`;

/** A time as it is sent, also in RETURNING, where Citus takes nothing that depends on the time zone of the session. */
export const microsOf = (time: string): string =>
  `(extract(epoch from ${time} at time zone 'UTC') * 1000000)::bigint`;

/** As `microsOf`, in a tenth less time, for the statements that every call runs. */
const loadedMicrosOf = (time: string): string => `(extract(epoch from ${time}) * 1000000)::bigint`;

/** A time in an array. @param micros since 1970, in the years 0 to 9999 */
export function timestampOf(micros: number): string {
  const ms = Math.floor(micros / 1000);
  const rest = String(micros - ms * 1000).padStart(3, '0');
  return `${new Date(ms).toISOString().slice(0, -1)}${rest}Z`;
}

/**
 * All rows of the identities in `r`. The caller already has some of them, named by id and version of their primary; if the
 * version is the same, only the marked primary is returned. Two branches with an index, because an `or` would scan.
 */
const rowsOfRoots = (ids: string, versions: string): string => `,
  p as materialized (
    select r.root, c.*, k.id is not null as is_known
    from r cross join lateral (
      select id, email, phone_number, identifiers, created_at, version, deleted_at, is_ruled from contact
      where tenant_id = $1 and id = r.root limit 1) c
    left join unnest(${ids}::bigint[], ${versions}::int[]) k(id, version) on k.id = c.id and k.version = c.version)
  select root, id, email, phone_number, identifiers, ${loadedMicrosOf('created_at')} as created_at, version, deleted_at is not null as is_deleted,
      is_ruled, is_known
    from p
  union all
  select p.root, c.id, c.email, c.phone_number, c.identifiers, ${loadedMicrosOf('c.created_at')},
      c.version, c.deleted_at is not null, c.is_ruled, false
    from p cross join lateral (
      select id, email, phone_number, identifiers, created_at, version, deleted_at, is_ruled from contact
      where tenant_id = $1 and linked_id = p.root offset 0) c
    where not p.is_known`;

/**
 * $2 kinds, $3 their values, $4 known primaries, $5 their versions, $6 the most rows (null: all) → every row of every identity
 * that has one of the identifiers, from one snapshot; for known and unchanged identities only the primary. A reserved
 * identifier is a row without root, whose `identifiers` are its kind and value.
 */
export const LOAD: Statement = {
  name: 'contact_load',
  text: `with b as materialized (
    select v.kind, v.value, i.contact_id from unnest($2::smallint[], $3::text[]) v(kind, value) cross join lateral (
      select contact_id from identifier where tenant_id = $1 and kind = v.kind and value = v.value limit 1) i),
  r as materialized (
    select distinct coalesce(c.linked_id, c.id) as root
    from (select distinct contact_id from b where contact_id is not null) d cross join lateral (
      select id, linked_id from contact where tenant_id = $1 and id = d.contact_id limit 1) c)
  ${rowsOfRoots('$4', '$5')}
  union all
  select null, null, null, null, jsonb_build_array(kind, value), null, null, null, null, null
    from b where contact_id is null
  limit $6::bigint`,
};

/**
 * $2 ids of contacts, $3 to $5 as $4 to $6 above → every row of their identities; none of those that are unknown or
 * deleted.
 */
export const LOAD_BY_CONTACTS: Statement = {
  name: 'contact_load_by_contacts',
  text: `with r as materialized (
    select distinct coalesce(c.linked_id, c.id) as root from unnest($2::bigint[]) u(id) cross join lateral (
      select id, linked_id from contact
      where tenant_id = $1 and id = u.id and deleted_at is null limit 1) c)
  ${rowsOfRoots('$3', '$4')}
  limit $5::bigint`,
};

/** A row as it is until then. The time of its last change is in µs since 1970: the next change must be later. */
const LOCKED = `id, linked_id, deleted_at is not null as is_deleted, ${microsOf('updated_at')} as updated_at`;

/**
 * $2 ids, $3 versions → locks and returns the rows that still have their version and that nobody holds. Waits for none: the
 * holder of a row is about to change it, so its version would be different after the wait.
 */
export const LOCK_UNCHANGED: Statement = {
  name: 'contact_lock_unchanged',
  text: `select c.* from unnest($2::bigint[], $3::int[]) u(id, version) cross join lateral (
    select ${LOCKED} from contact where tenant_id = $1 and id = u.id and version = u.version limit 1
    for no key update skip locked) c`,
};

/** $2 ids → locks the rows, whatever their version, and waits for their holders; always in the same order. */
export const LOCK: Statement = {
  name: 'contact_lock',
  text: `select c.* from (select id from unnest($2::bigint[]) u(id) order by id) u cross join lateral (
    select ${LOCKED} from contact where tenant_id = $1 and id = u.id limit 1 for no key update) c`,
};

/** $2 ids → locks and returns the rows that nobody else holds. Waits for none, so the order does not matter. */
export const LOCK_FREE: Statement = {
  name: 'contact_lock_free',
  text: `select c.* from unnest($2::bigint[]) u(id) cross join lateral (
    select ${LOCKED} from contact where tenant_id = $1 and id = u.id limit 1 for no key update skip locked) c`,
};

/** → the time of the database. */
export const CLOCK: Statement = {
  name: 'clock',
  text: `select ${microsOf('clock_timestamp()')} as now`,
};

/**
 * $1 to $5 counts → so many new ids of contacts, merges, changes, rules and reviews, and the time of the database in µs since
 * 1970.
 */
export const DRAW: Statement = {
  name: 'contact_draw',
  text: `select ${microsOf('clock_timestamp()')} as now,
    array(select nextval('contact_id_seq') from generate_series(1, $1::int)) as ids,
    array(select nextval('identity_merge_id_seq') from generate_series(1, $2::int)) as merge_ids,
    array(select nextval('change_id_seq') from generate_series(1, $3::int)) as change_ids,
    array(select nextval('rule_id_seq') from generate_series(1, $4::int)) as rule_ids,
    array(select nextval('review_id_seq') from generate_series(1, $5::int)) as review_ids`,
};

/**
 * $2 ids, $3 time, $4 change (null: none), $5 those of the ids that are about to be attached to another contact → records the
 * present state, until that time, of rows that are about to change.
 */
export const KEEP_PAST: Statement = {
  name: 'contact_past_insert',
  text: `insert into contact_past
      (tenant_id, contact_id, until, linked_id, created_at, email, phone_number, identifiers, change_id, joined_id)
    select tenant_id, id, ${timeOf('$3')}, linked_id, created_at, email, phone_number, identifiers, $4::bigint,
      case when id = any($5::bigint[]) then coalesce(joined_id, 0) end
    from contact where tenant_id = $1 and id = any($2::bigint[])`,
};

/**
 * The element of an array for a row whose id is in $2, which is ascending. A binary search, so that an identity of many
 * thousand contacts is written as fast as many small ones.
 */
const ofRow = (array: string, type = 'bigint'): string =>
  `(${array}::${type}[])[width_bucket(id, $2::bigint[])]`;

/**
 * $2 ids, ascending, $3 links (0: primary), $4 dates (null: unchanged; empty array: all unchanged), $5 time → links the rows and
 * counts their version up. `recorded_at` of a row whose date changes does not change.
 */
export const RELINK: Statement = {
  name: 'contact_relink',
  text: `update contact set version = version + 1, linked_id = nullif(${ofRow('$3')}, 0), updated_at = ${timeOf('$5')},
      link_precedence = case when ${ofRow('$3')} = 0 then 'primary' else 'secondary' end,
      created_at = coalesce(${timeOf(ofRow('$4'))}, created_at),
      recorded_at = case when ${ofRow('$4')} is null then recorded_at else coalesce(recorded_at, created_at) end
    where tenant_id = $1 and id = any($2::bigint[])`,
};

/**
 * $2 ids, ascending, $3 emails, $4 phone numbers, $5 other identifiers as JSON → the rows carry only these. `nullif`, because a bare
 * element of an array crashes Citus 13.2.
 */
export const SET_IDENTIFIERS: Statement = {
  name: 'contact_set_identifiers',
  text: `update contact set email = nullif(${ofRow('$3', 'text')}, ''), phone_number = nullif(${ofRow('$4', 'text')}, ''),
      identifiers = ${ofRow('$5', 'text')}::jsonb
    where tenant_id = $1 and id = any($2::bigint[])`,
};

/** $2 ids, ascending, $3 the contacts that they are attached to from now on (0: none), $4 whether that is assumed */
export const REJOIN: Statement = {
  name: 'contact_rejoin',
  text: `update contact set joined_id = nullif(${ofRow('$3')}, 0), joined_assumed = nullif(${ofRow('$4', 'boolean')}, false)
    where tenant_id = $1 and id = any($2::bigint[])`,
};

/** $2 ids of merges, $3 the change that undoes them */
export const UNDO_MERGES: Statement = {
  name: 'identity_merge_undo',
  text: 'update identity_merge set undone_by = $3::bigint where tenant_id = $1 and id = any($2::bigint[]) and undone_by is null',
};

/**
 * $2 ids, $3 emails, $4 phone numbers, $5 other identifiers as JSON, $6 links (null: primary), $7 precedences, $8 the contacts
 * they attached to (null: none), $9 whether they have a rule (null: no), $10 dates as `timestampOf` writes them, $11 when they were
 * recorded (null: at their dates), $12 time
 *
 * A date is an element of an array with the precision of the column, because a conversion of what `unnest` gives is one thing more
 * than it.
 */
export const INSERT_CONTACTS: Statement = {
  name: 'contact_insert',
  text: `insert into contact (tenant_id, id, email, phone_number, identifiers, linked_id, link_precedence, joined_id,
      is_ruled, created_at, recorded_at, updated_at)
    values ($1, unnest($2::bigint[]), unnest($3::text[]), unnest($4::text[]), unnest($5::jsonb[]), unnest($6::bigint[]),
      unnest($7::text[]), unnest($8::bigint[]), unnest($9::boolean[]),
      ($10::timestamptz(6)[])[generate_subscripts($2::bigint[], 1)], ${timeOf('$11')}, ${timeOf('$12')})`,
};

/**
 * $2 ids, $3 survivors, $4 merged, $5 and $6 both ends, $7 causes, $8 emails, $9 phone numbers, $10 other identifiers as
 * JSON, $11 change (null: none), $12 time
 */
export const INSERT_MERGES: Statement = {
  name: 'identity_merge_insert',
  text: `insert into identity_merge (tenant_id, id, survivor_id, merged_id, left_contact_id, right_contact_id, cause, email,
      phone_number, identifiers, change_id, created_at)
    values ($1, unnest($2::bigint[]), unnest($3::bigint[]), unnest($4::bigint[]), unnest($5::bigint[]),
      unnest($6::bigint[]), unnest($7::text[]), unnest($8::text[]), unnest($9::text[]), unnest($10::jsonb[]), $11::bigint,
      ${timeOf('$12')})`,
};

/**
 * $2 kinds, $3 values, $4 contacts (null: reserved). A plain insert: it must fail if another process claimed a value first. All
 * writers send the same order, see `inOrderOfBytes`, so two writers never wait for each other.
 */
export const INSERT_CLAIMS: Statement = {
  name: 'identifier_insert',
  text: `insert into identifier (tenant_id, kind, value, contact_id)
    values ($1, unnest($2::smallint[]), unnest($3::text[]), unnest($4::bigint[]))`,
};

/** $2 kind, $3 values → what was inserted by the same transaction, without a contact, is gone again. */
export const FREE_FORMS: Statement = {
  name: 'identifier_free_forms',
  text: `delete from identifier
    where tenant_id = $1 and kind = $2 and value = any($3::text[]) and contact_id is null`,
};

/** $2 kind, $3 value, $4 contact → a row if the identifier was reserved, and the contact holds it now. */
export const TAKE_CLAIM: Statement = {
  name: 'identifier_take',
  text: `update identifier set contact_id = $4
    where tenant_id = $1 and kind = $2 and value = $3 and contact_id is null returning value`,
};

/** $2 ids, $3 time */
export const DELETE_CONTACTS: Statement = {
  name: 'contact_delete',
  text: `update contact set deleted_at = ${timeOf('$3')} where tenant_id = $1 and id = any($2::bigint[])`,
};

/** $2 kind, $3 values, $4 by value, as JSON, the contact that gets the claim */
export const MOVE_CLAIMS: Statement = {
  name: 'identifier_move',
  text: `update identifier set contact_id = ($4::jsonb ->> value)::bigint
    where tenant_id = $1 and kind = $2 and value = any($3::text[])`,
};

/** $2 kind, $3 values */
export const FREE_CLAIMS: Statement = {
  name: 'identifier_free',
  text: 'delete from identifier where tenant_id = $1 and kind = $2 and value = any($3::text[])',
};

/** $2 kind, $3 values → the identifiers become reserved: nobody has them any more. */
export const RESERVE_CLAIMS: Statement = {
  name: 'identifier_reserve',
  text: 'update identifier set contact_id = null where tenant_id = $1 and kind = $2 and value = any($3::text[])',
};

/** $2 kind, $3 value → a row if the identifier is reserved; it stays reserved until the transaction ends. */
export const KEEP_RESERVED: Statement = {
  name: 'identifier_keep_reserved',
  text: `select value from identifier
    where tenant_id = $1 and kind = $2 and value = $3 and contact_id is null for no key update`,
};

/** $2 ids of contacts whose identifiers have a rule from now on. */
export const MARK_RULED: Statement = {
  name: 'contact_mark_ruled',
  text: 'update contact set is_ruled = true where tenant_id = $1 and id = any($2::bigint[])',
};
