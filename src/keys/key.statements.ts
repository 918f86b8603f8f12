import type { Statement } from '../database/session/sql-session.js';
import { microsOf, timeOf } from '../identity/store/contact.statements.js';

// The keys of a tenant, for those who administer them over HTTP. The rules of `contact.statements.ts` apply. Times are µs since
// 1970. Row level security hides nothing here, so a condition names the tenant in each statement. What is written is read again:
// Citus takes no times in RETURNING.

const TOLD = `id, name, scopes, calls_per_minute, ${microsOf('created_at')} as created_at, ${microsOf('expires_at')} as expires_at,
    ${microsOf('revoked_at')} as revoked_at, ${microsOf('last_used_at')} as last_used_at,
    revoked_at is null and (expires_at is null or expires_at > now()) as is_in_force`;

/** $2 time and $3 id of the last key seen, $4 how many → the next ones, the oldest first. */
export const KEYS_AFTER: Statement = {
  name: 'api_key_after',
  text: `select ${TOLD} from api_key
    where tenant_id = $1 and (created_at, id) > (${timeOf('$2')}, $3::text) order by created_at, id limit $4::int`,
};

/** $2 ids → these keys, as they are. */
export const KEYS_OF: Statement = {
  name: 'api_key_of',
  text: `select ${TOLD} from api_key where tenant_id = $1 and id = any($2::text[])`,
};

/** $2 ids → those that were not revoked, which nobody else changes until the end of the transaction. */
export const LOCK_KEYS: Statement = {
  name: 'api_key_lock',
  text: `select ${TOLD} from api_key where tenant_id = $1 and id = any($2::text[]) and revoked_at is null
    order by id for no key update`,
};

/** → how many keys of the tenant work. */
export const COUNT_IN_FORCE: Statement = {
  name: 'api_key_count',
  text: `select count(*) from api_key
    where tenant_id = $1 and (created_at, id) > (${timeOf('0')}, '')
      and revoked_at is null and (expires_at is null or expires_at > now())`,
};

/** $2 id, $3 name, $4 hash of the secret, $5 scopes, $6 calls per minute (null: the limit of the service), $7 end (null: none) */
export const INSERT_KEY: Statement = {
  name: 'api_key_insert',
  text: `insert into api_key (tenant_id, id, name, hash, scopes, calls_per_minute, created_at, expires_at)
    values ($1, $2, $3, $4, $5::text[], $6, now(), ${timeOf('$7')})`,
};

/** $2 id, $3 ms → it ends after so long, unless it ends before. */
export const END_LATER: Statement = {
  name: 'api_key_end_later',
  text: `update api_key set expires_at = least(expires_at, now() + $3::float8 * interval '1 millisecond')
    where tenant_id = $1 and id = $2`,
};

/** $2 id → it no longer works. */
export const REVOKE: Statement = {
  name: 'api_key_revoke',
  text: `update api_key set revoked_at = now() where tenant_id = $1 and id = $2 and revoked_at is null`,
};

/** → an id that no change has. */
export const DRAW_CHANGE_ID: Statement = {
  name: 'change_draw_id',
  text: `select nextval('change_id_seq') as id`,
};

/** $2 idempotency key → the change of keys that was made under it in the last 24 hours. */
export const FIND_KEY_CHANGE: Statement = {
  name: 'change_of_keys_find',
  text: `select request_hash, key_ids from change
    where tenant_id = $1 and idempotency_key = $2 and at > now() - interval '24 hours'`,
};

/** $2 id, $3 kind, $4 actor, $5 reason, $6 idempotency key, $7 hash of what was asked with it, $8 keys */
export const INSERT_KEY_CHANGE: Statement = {
  name: 'change_of_keys_insert',
  text: `insert into change
      (tenant_id, id, kind, at, actor, reason, idempotency_key, request_hash, is_changed, contact_ids, key_ids)
    values ($1, $2, $3, now(), $4, $5, $6, $7, true, '{}', $8::text[])`,
};
