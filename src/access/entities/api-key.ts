import { defineEntity, p } from '@mikro-orm/core';
import { NAMED_TENANT } from '../../database/session/sql-session.js';
import { ApiKeyRepository } from '../api-key.repository.js';
import { Tenant } from './tenant.js';

const ApiKeySchema = defineEntity({
  name: 'ApiKey',
  tableName: 'api_key',
  repository: () => ApiKeyRepository,
  rowLevelSecurity: true,
  policies: [
    { name: 'api_key_read', command: 'select', using: 'true' },
    { name: 'api_key_create', command: 'insert', check: `tenant_id = ${NAMED_TENANT}` },
    { name: 'api_key_change', command: 'update', using: 'revoked_at is null', check: 'true' },
  ],
  properties: {
    id: p.text().primary(),
    tenant: () =>
      p
        .manyToOne(Tenant)
        .updateRule('no action')
        .deleteRule('no action')
        .foreignKeyName('api_key_tenant_id_foreign')
        .index(false),
    name: p.text(),
    hash: p.blob(),
    scopes: p.array(),
    callsPerMinute: p.integer().strictNullable(),
    createdAt: p.datetime(6).columnType('timestamptz').defaultRaw('now()'),
    expiresAt: p.datetime(6).columnType('timestamptz').strictNullable(),
    revokedAt: p.datetime(6).columnType('timestamptz').strictNullable(),
    lastUsedAt: p.datetime(6).columnType('timestamptz').strictNullable(),
  },
  indexes: [{ name: 'api_key_created_index', properties: ['tenant', 'createdAt', 'id'] }],
});

/** A key to the identities of one tenant. The database stores only the SHA-256 hash of its secret. */
export class ApiKey extends ApiKeySchema.class {}
ApiKeySchema.setClass(ApiKey);
