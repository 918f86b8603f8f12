import { defineEntity, p } from '@mikro-orm/core';
import { tenantPolicy } from '../../../database/session/sql-session.js';

const TenantPolicySchema = defineEntity({
  name: 'TenantPolicy',
  tableName: 'tenant_policy',
  ...tenantPolicy('tenant_policy'),
  properties: {
    tenantId: p.integer().primary().autoincrement(false),
    version: p.integer(),
    generation: p.integer(),
    maxContacts: p.integer().strictNullable(),
    updatedAt: p.datetime(6).columnType('timestamptz'),
  },
  checks: [{ name: 'tenant_policy_max_contacts', expression: 'max_contacts > 0' }],
});

/**
 * The limits of a tenant. A tenant without a row has the default policy.
 *
 * `version` counts the changes of limits and kinds, `generation` those of blocked values too. Without `maxContacts` an identity may
 * grow without end.
 */
export class TenantPolicy extends TenantPolicySchema.class {}
TenantPolicySchema.setClass(TenantPolicy);

const DeclaredKindSchema = defineEntity({
  name: 'DeclaredKind',
  tableName: 'identifier_kind',
  ...tenantPolicy('identifier_kind'),
  properties: {
    tenantId: p.integer().primary(),
    number: p.smallint().primary(),
    name: p.text(),
    normaliser: p.text(),
    maxLength: p.integer(),
    priority: p.integer(),
    onePerIdentity: p.boolean(),
    maxPerIdentity: p.integer().strictNullable(),
    isRetired: p.boolean(),
  },
  uniques: [{ name: 'identifier_kind_name_unique', properties: ['tenantId', 'name'] }],
  checks: [{ name: 'identifier_kind_max_per_identity', expression: 'max_per_identity > 0' }],
});

/** A kind of identifier that a tenant has declared, or a standard one that it has changed. Its number is never used again. */
export class DeclaredKind extends DeclaredKindSchema.class {}
DeclaredKindSchema.setClass(DeclaredKind);

const BlockedValueSchema = defineEntity({
  name: 'BlockedValue',
  tableName: 'blocked_value',
  ...tenantPolicy('blocked_value'),
  properties: {
    tenantId: p.integer().primary(),
    id: p.bigint('number').primary().autoincrement(false),
    kind: p.smallint(),
    pattern: p.text(),
    changeId: p.bigint('number').strictNullable(),
    createdAt: p.datetime(6).columnType('timestamptz'),
  },
});

/** A value that links nobody, or a glob of such values. */
export class BlockedValue extends BlockedValueSchema.class {}
BlockedValueSchema.setClass(BlockedValue);
