import type { Statement } from '../../database/session/sql-session.js';
import { microsOf, timeOf } from '../../identity/store/contact.statements.js';

// Webhooks and their deliveries. The rules of `contact.statements.ts` apply. Times are µs since 1970. The bounds that are always
// true make a plan read by the whole key.

const SINCE_1970 = timeOf('0');

const TOLD = `id, url, types, description, disabled_reason, ${microsOf('disabled_at')} as disabled_at,
    ${microsOf('failing_since')} as failing_since, ${microsOf('previous_secret_until')} as previous_secret_until,
    ${microsOf('created_at')} as created_at`;
const NOW = `${microsOf('now()')} as now`;

/** → an id that no webhook has, and the time. */
export const DRAW_WEBHOOK_ID: Statement = {
  name: 'webhook_draw_id',
  text: `select nextval('webhook_id_seq') as id, ${NOW}`,
};

/** → the time. */
export const CLOCK: Statement = { name: 'webhook_clock', text: `select ${NOW}` };

/** → how many webhooks there are. */
export const COUNT_WEBHOOKS: Statement = {
  name: 'webhook_count',
  text: 'select count(*) from webhook where tenant_id = $1 and id > 0 and deleted_at is null',
};

/** $2 id, $3 URL, $4 types, $5 description, $6 secret */
export const INSERT_WEBHOOK: Statement = {
  name: 'webhook_insert',
  text: `insert into webhook (tenant_id, id, url, types, description, secret, created_at)
    values ($1, $2, $3, $4::text[], $5, $6, now()) returning ${TOLD}`,
};

/** $2 the last webhook seen, $3 how many → the next ones, in order. */
export const WEBHOOKS_AFTER: Statement = {
  name: 'webhook_after',
  text: `select ${TOLD}, ${NOW} from webhook
    where tenant_id = $1 and id > $2::bigint and deleted_at is null order by id limit $3::int`,
};

/** $2 id → the webhook, which nobody else changes until the end of the transaction. */
export const LOCK_WEBHOOK: Statement = {
  name: 'webhook_lock',
  text: `select ${TOLD}, ${NOW} from webhook
    where tenant_id = $1 and id = $2 and deleted_at is null for no key update`,
};

/** $2 id, $3 URL, $4 types, $5 description, $6 when it was disabled, $7 why, $8 since when it fails */
export const UPDATE_WEBHOOK: Statement = {
  name: 'webhook_update',
  text: `update webhook set url = $3, types = $4::text[], description = $5, disabled_at = ${timeOf('$6')},
      disabled_reason = $7, failing_since = ${timeOf('$8')}
    where tenant_id = $1 and id = $2 returning ${TOLD}`,
};

/** $2 id, $3 secret, $4 for how many ms the one of before signs too */
export const ROTATE_SECRET: Statement = {
  name: 'webhook_rotate',
  text: `update webhook set secret = $3, previous_secret = secret,
      previous_secret_until = now() + $4::float8 * interval '1 millisecond'
    where tenant_id = $1 and id = $2 and deleted_at is null returning ${TOLD}`,
};

/** $2 ids → where each leads, and what signs for it. */
export const ENDPOINTS: Statement = {
  name: 'webhook_endpoints',
  text: `select w.* from unnest($2::bigint[]) u(id) cross join lateral (
    select id, url, secret, previous_secret, ${microsOf('previous_secret_until')} as previous_secret_until,
      ${microsOf('failing_since')} as failing_since, ${microsOf('now()')} as now
    from webhook where tenant_id = $1 and id = u.id and deleted_at is null limit 1) w`,
};

/** $2 id, $3 and $4 its secrets encrypted anew, $5 what its secret was, so that no rotation is undone. */
export const RESEAL_SECRETS: Statement = {
  name: 'webhook_reseal',
  text: `update webhook set secret = $3, previous_secret = $4 where tenant_id = $1 and id = $2 and secret = $5`,
};

/** $2 id → a row if it was there. From then on nothing is delivered to it and nobody sees it. */
export const MARK_DELETED: Statement = {
  name: 'webhook_mark_deleted',
  text: `update webhook set deleted_at = now() where tenant_id = $1 and id = $2 and deleted_at is null returning id`,
};

/** $2 id of one that is marked and has no deliveries. */
export const REMOVE_WEBHOOK: Statement = {
  name: 'webhook_remove',
  text: 'delete from webhook where tenant_id = $1 and id = $2 and deleted_at is not null',
};

/** $2 webhook, $3 the last position to name, $4 how many → its lowest deliveries. */
export const LOWEST_DELIVERIES: Statement = {
  name: 'webhook_delivery_lowest',
  text: `select event_position from webhook_delivery
    where tenant_id = $1 and webhook_id = $2 and event_position > 0 and event_position <= $3::bigint
    order by event_position limit $4::int`,
};

/** $2 webhook, $3 positions */
export const REMOVE_DELIVERIES: Statement = {
  name: 'webhook_delivery_remove',
  text: 'delete from webhook_delivery where tenant_id = $1 and webhook_id = $2 and event_position = any($3::bigint[])',
};

/** $2 first and $3 last position → a delivery for each of these events and each webhook that wants it. */
export const INSERT_DELIVERIES: Statement = {
  name: 'webhook_delivery_insert',
  text: `insert into webhook_delivery (tenant_id, webhook_id, event_position, state, attempts, due_at, created_at)
    select tenant_id, id, position, 'pending', 0, now(), now()
    from (
      select tenant_id, id, types from webhook
      where tenant_id = $1 and id > 0 and disabled_at is null and deleted_at is null order by id offset 0) w
    cross join lateral (
      select position, type from event_log
      where tenant_id = $1 and position >= $2::bigint and position <= $3::bigint order by position offset 0) e
    where types is null or type = any(types)`,
};

/** → all webhooks: whether it is on, fails or is deleted, when its next delivery is due (null: none is pending), and the time. */
export const DUE: Statement = {
  name: 'webhook_due',
  text: `select w.*, d.due_at, ${microsOf('now()')} as now from (
      select id, disabled_at is null and deleted_at is null as is_on, deleted_at is not null as is_deleted,
        failing_since is not null as is_failing
      from webhook where tenant_id = $1 and id > 0 order by id offset 0) w
    left join lateral (
      select ${microsOf('due_at')} as due_at from webhook_delivery
      where tenant_id = $1 and webhook_id = w.id and state = 'pending' and due_at > ${SINCE_1970} and event_position > 0
      order by due_at, event_position limit 1) d on true`,
};

/** $2 webhook, $3 how many → the deliveries that are due longest and that nobody else is taking up. They are locked. */
export const CLAIM: Statement = {
  name: 'webhook_delivery_claim',
  text: `select event_position from webhook_delivery
    where tenant_id = $1 and webhook_id = $2 and state = 'pending' and due_at > ${SINCE_1970} and due_at <= now()
      and event_position > 0
    order by due_at, event_position limit $3::int for update skip locked`,
};

/** $2 webhook, $3 positions, $4 ms → nobody else takes these up for so long. */
export const LEASE: Statement = {
  name: 'webhook_delivery_lease',
  text: `update webhook_delivery set due_at = now() + $4::float8 * interval '1 millisecond'
    where tenant_id = $1 and webhook_id = $2 and event_position = any($3::bigint[])
    returning webhook_id, event_position, attempts, ${microsOf('due_at')} as lease`,
};

/**
 * $2 webhook, $3 positions, $4 their leases as `timestampOf` writes them → they are due again. Those of another lease stay as
 * they are.
 */
export const RELEASE: Statement = {
  name: 'webhook_delivery_release',
  text: `update webhook_delivery set due_at = now()
    where tenant_id = $1 and webhook_id = $2 and event_position = any($3::bigint[])
      and due_at = any($4::timestamptz[])`,
};

/** $2 positions → these events. */
export const EVENTS_AT: Statement = {
  name: 'webhook_events',
  text: `select e.* from unnest($2::bigint[]) u(position) cross join lateral (
    select position, type, ${microsOf('at')} as at, data from event_log
    where tenant_id = $1 and position = u.position limit 1) e`,
};

/**
 * $2 webhook, $3 position, $4 lease, $5 state, $6 attempts, $7 when the next is due, $8 status, $9 failure → a row, unless the lease ran
 * out and somebody else took it up.
 */
export const END_ATTEMPT: Statement = {
  name: 'webhook_delivery_end',
  text: `update webhook_delivery set state = $5, attempts = $6, due_at = ${timeOf('$7')}, last_attempt_at = now(),
      last_status = $8, last_failure = $9
    where tenant_id = $1 and webhook_id = $2 and event_position = $3 and due_at = ${timeOf('$4')}
    returning event_position`,
};

/** $2 webhook, $3 URL, $4 time → it fails since then, unless it did already or leads elsewhere by now. */
export const NOTE_FAILURE: Statement = {
  name: 'webhook_note_failure',
  text: `update webhook set failing_since = ${timeOf('$4')}
    where tenant_id = $1 and id = $2 and url = $3 and failing_since is null`,
};

/** $2 webhook, $3 URL → it does not fail any more, unless it leads elsewhere by now. */
export const NOTE_SUCCESS: Statement = {
  name: 'webhook_note_success',
  text: `update webhook set failing_since = null where tenant_id = $1 and id = $2 and url = $3 and failing_since is not null`,
};

/** $2 webhook, $3 URL, $4 why → a row if it was on and still leads there, and has not had a success meanwhile if failing is why. */
export const DISABLE: Statement = {
  name: 'webhook_disable',
  text: `update webhook set disabled_at = now(), disabled_reason = $4
    where tenant_id = $1 and id = $2 and url = $3 and disabled_at is null and ($4 <> 'failing' or failing_since is not null)
    returning id`,
};

const TOLD_DELIVERY = `event_position, state, attempts, ${microsOf('due_at')} as due_at,
    ${microsOf('last_attempt_at')} as last_attempt_at, last_status, last_failure, ${microsOf('created_at')} as created_at`;

/** $2 webhook, $3 the last position seen, $4 how many → the next deliveries, in the order of their events. */
export const DELIVERIES_AFTER: Statement = {
  name: 'webhook_delivery_after',
  text: `select d.*, e.type from (
      select ${TOLD_DELIVERY} from webhook_delivery
      where tenant_id = $1 and webhook_id = $2 and event_position > $3::bigint order by event_position limit $4::int) d
    left join lateral (
      select type from event_log where tenant_id = $1 and position = d.event_position limit 1) e on true
    order by d.event_position`,
};

/** As {@link DELIVERIES_AFTER}, but only those in a state, $5. */
export const DELIVERIES_IN_STATE: Statement = {
  name: 'webhook_delivery_in_state',
  text: DELIVERIES_AFTER.text.replace('event_position > $3', 'state = $5 and event_position > $3'),
};

/** $2 webhook, $3 the last position seen, $4 how many → the deliveries before it, the newest events first. */
export const DELIVERIES_BEFORE: Statement = {
  name: 'webhook_delivery_before',
  text: fromTheEnd(DELIVERIES_AFTER.text),
};

/** As {@link DELIVERIES_BEFORE}, but only those in a state, $5. */
export const DELIVERIES_IN_STATE_BEFORE: Statement = {
  name: 'webhook_delivery_in_state_before',
  text: fromTheEnd(DELIVERIES_IN_STATE.text),
};

function fromTheEnd(text: string): string {
  return text
    .replace('event_position > $3', 'event_position > 0 and event_position < $3')
    .replaceAll(/order by (\S+)/g, 'order by $1 desc');
}

/** $2 webhook, $3 and $4 the positions between which they lie, $5 state, $6 how many → the next deliveries in the state. */
export const POSITIONS_IN_STATE: Statement = {
  name: 'webhook_delivery_positions_in_state',
  text: `select event_position from webhook_delivery
    where tenant_id = $1 and webhook_id = $2 and state = $5 and event_position > $3::bigint and event_position < $4::bigint
    order by event_position limit $6::int`,
};

/** $2 webhook, $3 the last position seen, $4 the last position to name → its deliveries there. */
export const POSITIONS_BETWEEN: Statement = {
  name: 'webhook_delivery_positions',
  text: `select event_position from webhook_delivery
    where tenant_id = $1 and webhook_id = $2 and event_position > $3::bigint and event_position <= $4::bigint
    order by event_position offset 0`,
};

/** $2 webhook, $3 positions → they are due now, as if they had never been tried. */
export const RENEW_DELIVERIES: Statement = {
  name: 'webhook_delivery_renew',
  text: `update webhook_delivery set state = 'pending', attempts = 0, due_at = now()
    where tenant_id = $1 and webhook_id = $2 and event_position = any($3::bigint[]) returning event_position`,
};

/** $2 the last position seen, $3 the last to read, $4 types (null: all) → the positions of these events. */
export const POSITIONS_OF_TYPES: Statement = {
  name: 'webhook_event_positions',
  text: `select position from event_log
    where tenant_id = $1 and position > $2::bigint and position <= $3::bigint
      and ($4::text[] is null or type = any($4::text[]))
    order by position`,
};

/** $2 webhook, $3 positions → deliveries of these events. */
export const INSERT_MISSING: Statement = {
  name: 'webhook_delivery_insert_missing',
  text: `insert into webhook_delivery (tenant_id, webhook_id, event_position, state, attempts, due_at, created_at)
    values ($1, $2, unnest($3::bigint[]), 'pending', 0, now(), now())`,
};
