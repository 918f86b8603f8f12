import type { Statement } from '../../database/session/sql-session.js';
import { timeOf } from './contact.statements.js';

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

/** What a second change under the same key violates. */
export const KEY_CONSTRAINT = 'change_idempotency_key_unique';
