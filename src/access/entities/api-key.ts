import { defineEntity, p } from '@mikro-orm/core';
import { ApiKeyRepository } from '../api-key.repository.js';
import { Tenant } from './tenant.js';

const ApiKeySchema = defineEntity({
  name: 'ApiKey',
  tableName: 'api_key',
  repository: () => ApiKeyRepository,
  properties: {
    id: p.text().primary(),
    tenant: () =>
      p
        .manyToOne(Tenant)
        .updateRule('no action')
        .deleteRule('no action')
        .foreignKeyName('api_key_tenant_id_foreign')
        .index('api_key_tenant_id_index'),
    name: p.text(),
    hash: p.blob(),
    scopes: p.array(),
    callsPerMinute: p.integer().strictNullable(),
    createdAt: p.datetime(6).columnType('timestamptz').defaultRaw('now()'),
    expiresAt: p.datetime(6).columnType('timestamptz').strictNullable(),
    revokedAt: p.datetime(6).columnType('timestamptz').strictNullable(),
    lastUsedAt: p.datetime(6).columnType('timestamptz').strictNullable(),
  },
});

/** A key to the identities of one tenant. The database stores only the SHA-256 hash of its secret. */
export class ApiKey extends ApiKeySchema.class {}
ApiKeySchema.setClass(ApiKey);
