import type { PolicyDef } from '@mikro-orm/core';

/** The session setting that names the tenant whose rows a transaction sees. */
export const TENANT_SETTING = 'identity.tenant_id';

/** Row level security of a table with tenants: without {@link TENANT_SETTING} no row can be read or written. */
export function tenantPolicy(table: string): { rowLevelSecurity: 'force'; policies: PolicyDef[] } {
  // After the transaction that made it, the setting is empty and not absent.
  const ownRows = `tenant_id = nullif(current_setting('${TENANT_SETTING}', true), '')::int`;
  return {
    rowLevelSecurity: 'force',
    policies: [{ name: `${table}_of_tenant`, using: ownRows, check: ownRows }],
  };
}
