import { defineEntity, p } from '@mikro-orm/core';
import { tenantPolicy } from '../../../database/session/sql-session.js';

const ErasureSchema = defineEntity({
  name: 'Erasure',
  tableName: 'erasure',
  ...tenantPolicy('erasure'),
  properties: {
    tenantId: p.integer().primary(),
    id: p.bigint('number').primary().autoincrement(false),
    status: p.text(),
    scope: p.text(),
    contacts: p.integer(),
    identifiers: p.integer(),
    contactIds: p.array((id) => Number(id)).columnType('bigint[]'),
    hashes: p.array().columnType('bytea[]'),
    blockedUntil: p.datetime(6).columnType('timestamptz'),
    dueAt: p.datetime(6).columnType('timestamptz'),
    createdAt: p.datetime(6).columnType('timestamptz'),
    doneAt: p.datetime(6).columnType('timestamptz').strictNullable(),
  },
  indexes: [
    { name: 'erasure_blocked_index', properties: ['tenantId', 'id'], where: 'blocked_until > created_at' },
    { name: 'erasure_running_index', properties: ['tenantId', 'id'], where: "status = 'running'" },
  ],
  checks: [
    { name: 'erasure_status_known', expression: "status in ('running', 'done')" },
    { name: 'erasure_scope_known', expression: "scope in ('identity', 'identifier')" },
  ],
});

/**
 * An erasure: its id is that of the change that made it. `contactIds` are the contacts that it removed, `hashes` the tombstones
 * that it left; with them it is repeated on a restored backup. From `dueAt` on a replica may look for what is left.
 */
export class Erasure extends ErasureSchema.class {}
ErasureSchema.setClass(Erasure);
