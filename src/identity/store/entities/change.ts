import { defineEntity, p } from '@mikro-orm/core';
import { tenantPolicy } from '../../../database/session/sql-session.js';

const ChangeSchema = defineEntity({
  name: 'Change',
  tableName: 'change',
  ...tenantPolicy('change'),
  properties: {
    tenantId: p.integer().primary(),
    id: p.bigint('number').primary().autoincrement(false),
    kind: p.text(),
    at: p.datetime(6).columnType('timestamptz'),
    actor: p.text(),
    reason: p.text().strictNullable(),
    idempotencyKey: p.text().strictNullable(),
    requestHash: p.text().strictNullable(),
    isChanged: p.boolean(),
    contactIds: p.array((id) => Number(id)).columnType('bigint[]'),
    keyIds: p.array().strictNullable(),
  },
  indexes: [{ name: 'change_at_index', properties: ['tenantId', 'at'], where: 'at is not null' }],
  uniques: [
    {
      name: 'change_idempotency_key_unique',
      properties: ['tenantId', 'idempotencyKey'],
      where: 'idempotency_key is not null',
    },
  ],
});

/**
 * What was changed by hand: by whom, why, and the contacts or the API keys it is about. It holds no identifier.
 *
 * The idempotency key and the hash of what was asked with it stay for a day at least, and until the key is used again.
 * `isChanged` is false if there was nothing to change, which is recorded only for the sake of the key.
 */
export class Change extends ChangeSchema.class {}
ChangeSchema.setClass(Change);
