import { MikroORM } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { ormOptions } from '../../mikro-orm.config.js';
import { KeyAdministration } from '../../src/access/key-administration.js';
import { Settings } from '../../src/config/settings.js';
import { grantService } from '../../src/database/schema/grants.js';

/** How a service as in production gets at a database, and a caller at the service. */
export interface Access {
  /** As a role that owns nothing, whom row level security binds. */
  readonly serviceUrl: string;
  readonly key: string;
}

/**
 * Makes a role and a key.
 *
 * @param atEnd is told how to drop the role, which outlives its database otherwise
 */
export async function openAccess(
  databaseUrl: string,
  atEnd: (drop: () => Promise<void>) => void,
): Promise<Access> {
  const url = new URL(databaseUrl);
  const role = `${url.pathname.slice(1)}_service`;
  const orm = await MikroORM.init({
    ...ormOptions(new Settings({ DATABASE_URL: databaseUrl }), 'migrate'),
    logger: () => undefined,
  });
  try {
    const em = orm.em.fork() as SqlEntityManager;
    await em.execute(`create role ${role} login password 'bench'`);
    atEnd(() => dropRole(databaseUrl, role));
    await grantService(orm, role);
    const { text } = await new KeyAdministration(em).createKey({
      tenant: 'default',
      name: 'bench',
      scopes: ['identify'],
      callsPerMinute: null,
      expiresAt: null,
    });
    return { serviceUrl: Object.assign(url, { username: role, password: 'bench' }).href, key: text };
  } finally {
    await orm.close();
  }
}

async function dropRole(databaseUrl: string, role: string): Promise<void> {
  const orm = await MikroORM.init({
    ...ormOptions(new Settings({ DATABASE_URL: databaseUrl }), 'migrate'),
    logger: () => undefined,
  });
  try {
    const em = orm.em.fork() as SqlEntityManager;
    await em.execute(`drop owned by ${role}`);
    await em.execute(`drop role ${role}`);
  } finally {
    await orm.close();
  }
}
