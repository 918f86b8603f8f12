import { MikroORM } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { ormOptions } from '../../mikro-orm.config.js';
import { KeyAdministration } from '../../src/access/key-administration.js';
import { Settings } from '../../src/config/settings.js';
import { grantService } from '../../src/database/schema/grants.js';

/** How a service as in production reaches a database, and a caller the service. */
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
  return onDatabase(databaseUrl, async (em, orm) => {
    await em.execute(`create role ${role} login password 'bench'`);
    atEnd(() =>
      onDatabase(databaseUrl, async (later) => {
        await later.execute(`drop owned by ${role}`);
        await later.execute(`drop role ${role}`);
      }),
    );
    await grantService(orm, role);
    const { text } = await new KeyAdministration(em).createKey({
      tenant: 'default',
      name: 'bench',
      scopes: ['identify'],
      callsPerMinute: null,
      expiresAt: null,
    });
    return { serviceUrl: Object.assign(url, { username: role, password: 'bench' }).href, key: text };
  });
}

async function onDatabase<T>(
  url: string,
  work: (em: SqlEntityManager, orm: MikroORM) => Promise<T>,
): Promise<T> {
  const options = ormOptions(new Settings({ DATABASE_URL: url }), 'migrate');
  const orm = await MikroORM.init({ ...options, logger: () => undefined });
  try {
    return await work(orm.em.fork() as SqlEntityManager, orm);
  } finally {
    await orm.close();
  }
}
