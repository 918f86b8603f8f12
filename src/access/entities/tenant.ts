import { defineEntity, p } from '@mikro-orm/core';

/** The tenant that every call belongs to as long as callers don't authenticate. */
export const DEFAULT_TENANT_ID = 1;

const TenantSchema = defineEntity({
  name: 'Tenant',
  tableName: 'tenant',
  properties: {
    id: p.integer().primary().autoincrement(false),
    name: p.text().unique('tenant_name_unique'),
    createdAt: p.datetime(6).columnType('timestamptz').defaultRaw('now()'),
    disabledAt: p.datetime(6).columnType('timestamptz').strictNullable(),
  },
});

/** A customer of the service, whose identities no other tenant sees. While it is disabled, none of its keys works. */
export class Tenant extends TenantSchema.class {}
TenantSchema.setClass(Tenant);
