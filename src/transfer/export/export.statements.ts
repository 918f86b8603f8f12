import type { Statement } from '../../database/session/sql-session.js';

/** One snapshot for all pages: what is written meanwhile shows nowhere. */
export const SNAPSHOT: Statement = {
  name: 'export_snapshot',
  text: 'set transaction isolation level repeatable read read only',
};

/** It is idle for as long as the target takes no more, and holds no row. */
export const UNHURRIED: Statement = {
  name: 'export_unhurried',
  text: 'set local idle_in_transaction_session_timeout = 0',
};

/**
 * $2 the last primary seen, $3 how many identities → the live contacts of the identities behind it, in order of primary
 * and age. Two indexed branches, as an `or` of both would scan; nothing is sorted but the page.
 */
export const PAGE: Statement = {
  name: 'export_page',
  text: `with p as materialized (
    select id, email, phone_number, created_at from contact
    where tenant_id = $1 and id > $2 and linked_id is null and deleted_at is null
    order by id limit $3),
  c as (
    select p.id as root, p.* from p
    union all
    select p.id as root, c.* from p cross join lateral (
      select id, email, phone_number, created_at from contact
      where tenant_id = $1 and linked_id = p.id and deleted_at is null offset 0) c)
  select root, id, email, phone_number, (extract(epoch from created_at) * 1000000)::bigint as created_at
  from c order by root, c.created_at, id`,
};
