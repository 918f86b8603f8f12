import type { Settings } from '../config/settings.js';
import type { SqlSession, Statement } from '../database/session/sql-session.js';
import { DEFAULT_TENANT_ID } from './entities/tenant.js';

export const ALL_TENANTS: Statement = { name: 'tenant_ids', text: 'select id from tenant order by id' };

/** The tenants that the connections may work for. */
export async function tenantIds(session: SqlSession, { authMode }: Settings): Promise<number[]> {
  return authMode === 'none'
    ? [DEFAULT_TENANT_ID]
    : (await session.query([ALL_TENANTS], null)).map(({ id }) => Number(id));
}
