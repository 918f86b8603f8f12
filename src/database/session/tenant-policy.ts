import type { PolicyDef } from '@mikro-orm/core';

/** The session setting that names the tenant whose rows a transaction sees. */
export const TENANT_SETTING = 'identity.tenant_id';

/** Row level security of a table of tenants: without {@link TENANT_SETTING} no row is seen, none can be written. */
export function tenantPolicy(table: string): { rowLevelSecurity: 'force'; policies: PolicyDef[] } {
  // once a setting was made in a transaction, it is empty and not absent after it
  const ownRows = `tenant_id = nullif(current_setting('${TENANT_SETTING}', true), '')::int`;
  return {
    rowLevelSecurity: 'force',
    policies: [{ name: `${table}_of_tenant`, using: ownRows, check: ownRows }],
  };
}
