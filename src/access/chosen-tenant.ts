import type { EntityManager } from '@mikro-orm/core';
import { AdministrationError } from './access.errors.js';
import { Tenant } from './entities/tenant.js';

/**
 * The id of the tenant that an operator means.
 *
 * @param name null: the only tenant
 * @throws {AdministrationError} if no tenant has that name, or there are several and none is named
 */
export async function chosenTenant(em: EntityManager, name: string | null): Promise<number> {
  const tenants = await em.find(Tenant, name === null ? {} : { name }, { orderBy: { id: 'asc' }, limit: 2 });
  const [tenant, another] = tenants;
  if (tenant === undefined) {
    throw new AdministrationError(
      `There is no tenant ${JSON.stringify(name)}; \`tenants list\` shows all tenants.`,
    );
  }
  if (another !== undefined) {
    throw new AdministrationError('There are several tenants. Choose one with --tenant.');
  }
  return tenant.id;
}
