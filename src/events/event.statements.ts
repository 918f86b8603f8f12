import type { Statement } from '../database/session/sql-session.js';
import { microsOf } from '../identity/store/contact.statements.js';

// The rules of `identity/store/contact.statements.ts` apply.

/**
 * Tells this database from a copy of it: the cluster, its timeline, which a recovery changes, and the table, which a restored dump
 * makes anew.
 */
const ORIGIN = `(select system_identifier from pg_control_system()) || '.' ||
    substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) || '.' || 'event_head'::regclass::oid`;
/** Where the role may not ask that, a dump that was restored is still noticed. */
const ORIGIN_OF_TABLE = `'event_head'::regclass::oid::text`;

/** Fails if the role may not ask for the whole origin. */
export const WHOLE_ORIGIN: Statement = { name: 'event_origin', text: `select ${ORIGIN} as origin` };

const HEAD_COLUMNS = 'position, trimmed, epochs, epoch_starts, origin, is_paused';

/** → the head, until the transaction ends of nobody else. */
export const LOCK_HEAD: Statement = {
  name: 'event_head_lock',
  text: `select ${HEAD_COLUMNS}, ${ORIGIN} as origin_now from event_head where tenant_id = $1 for update`,
};
export const LOCK_HEAD_PLAIN: Statement = {
  name: 'event_head_lock_plain',
  text: `select ${HEAD_COLUMNS}, ${ORIGIN_OF_TABLE} as origin_now from event_head where tenant_id = $1 for update`,
};

/** $2 id → the head, and whether events of decisions after it wait for their numbers. */
export const READ_HEAD: Statement = {
  name: 'event_head_read',
  text: `select ${HEAD_COLUMNS}, ${ORIGIN} as origin_now,
      exists (select from event_outbox where tenant_id = $1 and id > $2) as has_waiting
    from event_head where tenant_id = $1`,
};
export const READ_HEAD_PLAIN: Statement = {
  name: 'event_head_read_plain',
  text: `select ${HEAD_COLUMNS}, ${ORIGIN_OF_TABLE} as origin_now,
      exists (select from event_outbox where tenant_id = $1 and id > $2) as has_waiting
    from event_head where tenant_id = $1`,
};

/** → the head, by which events have their ids. */
export const HEAD: Statement = {
  name: 'event_head',
  text: `select ${HEAD_COLUMNS} from event_head where tenant_id = $1`,
};

/** → the last position that was given */
export const LAST_POSITION: Statement = {
  name: 'event_head_position',
  text: 'select position from event_head where tenant_id = $1',
};

/** $2 the name of the first epoch */
export const INSERT_HEAD: Statement = {
  name: 'event_head_insert',
  text: `insert into event_head (tenant_id, position, trimmed, epochs, epoch_starts, origin, is_paused)
    values ($1, 0, 0, array[$2::text], array[0::bigint], '', false)`,
};

/** $2 position, $3 the last position that is gone, $4 epochs, $5 the position after which each begins, $6 origin */
export const SET_HEAD: Statement = {
  name: 'event_head_set',
  text: `update event_head set position = $2, trimmed = $3, epochs = $4::text[], epoch_starts = $5::bigint[], origin = $6,
      is_paused = false
    where tenant_id = $1`,
};

/** $2 position */
export const MOVE_HEAD: Statement = {
  name: 'event_head_move',
  text: 'update event_head set position = $2 where tenant_id = $1',
};

/** Changes are made from now on that leave no events. */
export const PAUSE: Statement = {
  name: 'event_head_pause',
  text: 'update event_head set is_paused = true where tenant_id = $1 and not is_paused',
};

/**
 * $2 id, $3 how many → the first decisions after it whose events wait for their numbers: how many events each left, and how long
 * ago in seconds.
 */
export const WAITING: Statement = {
  name: 'event_outbox_waiting',
  text: `select id, json_array_length(events) as events, extract(epoch from clock_timestamp() - at)::float8 as age
    from event_outbox where tenant_id = $1 and id > $2 order by id limit $3`,
};

/** → the decisions whose events wait for their numbers */
export const WAITING_IDS: Statement = {
  name: 'event_outbox_ids',
  text: 'select id from event_outbox where tenant_id = $1 and id > 0',
};

/** $2 id → a row if events of decisions after it wait for their numbers */
export const HAS_WAITING: Statement = {
  name: 'event_outbox_has_waiting',
  text: 'select id from event_outbox where tenant_id = $1 and id > $2 order by id limit 1',
};

/** $2 the last position until now, $3 decisions → their events get the next positions, in order. */
export const NUMBER_EVENTS: Statement = {
  name: 'event_log_insert',
  text: `insert into event_log (tenant_id, position, outbox_id, at, type, data)
    select tenant_id, $2::bigint + row_number() over (order by id, place), id, at, event ->> 'type', event -> 'data'
    from event_outbox cross join lateral json_array_elements(events) with ordinality e(event, place)
    where tenant_id = $1 and id = any($3::bigint[])`,
};

/** $2 decisions → their events wait no more. */
export const DELETE_WAITING: Statement = {
  name: 'event_outbox_delete',
  text: 'delete from event_outbox where tenant_id = $1 and id = any($2::bigint[])',
};

const TOLD = `position, ${microsOf('at')} as at, type, data`;

/** $2 the last position seen, $3 how many → the next events */
export const EVENTS_AFTER: Statement = {
  name: 'event_log_after',
  text: `select ${TOLD} from event_log where tenant_id = $1 and position > $2 order by position limit $3`,
};

/** $2 the last position seen, $3 how many, $4 up to this position, $5 types → the next events of these types */
export const EVENTS_OF_TYPES_AFTER: Statement = {
  name: 'event_log_of_types_after',
  text: `select ${TOLD} from event_log
    where tenant_id = $1 and position > $2 and position <= $4 and type = any($5::text[]) order by position limit $3`,
};

/** $2 the last position seen, $3 how many, $4 down to this position, $5 types (null: all) → the events before it, the newest first */
export const EVENTS_BEFORE: Statement = {
  name: 'event_log_before',
  text: `select ${TOLD} from event_log
    where tenant_id = $1 and position < $2::bigint and position >= $4::bigint
      and ($5::text[] is null or type = any($5::text[]))
    order by position desc limit $3`,
};

/** $2 position, $3 decisions → the positions after it that their events have */
export const POSITIONS_OF: Statement = {
  name: 'event_log_positions_of',
  text: `select position from event_log where tenant_id = $1 and position > $2 and outbox_id = any($3::bigint[])
    order by position`,
};

/** $2 the last position that is gone, $3 how many, $4 days → the last one of the next events if they are all older. */
export const EXPIRED: Statement = {
  name: 'event_log_expired',
  text: `select max(e.position) filter (where e.at < now() - $4::int * interval '1 day') as position from (
    select position, at from event_log where tenant_id = $1 and position > $2 order by position limit $3) e`,
};

/** $2 position → no event up to it is left. */
export const DELETE_EVENTS: Statement = {
  name: 'event_log_delete',
  text: 'delete from event_log where tenant_id = $1 and position > 0 and position <= $2',
};

/** $2 position */
export const TRIM_HEAD: Statement = {
  name: 'event_head_trim',
  text: 'update event_head set trimmed = $2 where tenant_id = $1',
};
