import { defineEntity, p } from '@mikro-orm/core';

/** The tenant of every call if callers do not authenticate. */
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

/** A customer of the service. No other tenant sees its identities. While it is disabled, none of its keys works. */
export class Tenant extends TenantSchema.class {}
TenantSchema.setClass(Tenant);
