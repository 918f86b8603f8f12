import { ormOptions } from '../../mikro-orm.config.js';
import { Settings } from '../../src/config/settings.js';
import { migrate } from '../../src/database/schema/migrate.js';
import { administerKeys } from '../../test/support/keys.js';
import { onConnection } from '../../test/support/on-connection.js';

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
  atEnd: (drop: () => Promise<unknown>) => void,
): Promise<Access> {
  const url = new URL(databaseUrl);
  const role = `${url.pathname.slice(1)}_service`;
  await onConnection(databaseUrl, (client) => client.query(`create role ${role} login password 'bench'`));
  atEnd(() =>
    onConnection(databaseUrl, (client) => client.query(`drop owned by ${role}; drop role ${role}`)),
  );
  await migrate(ormOptions(new Settings({ DATABASE_URL: databaseUrl }), 'migrate'), role);
  const keys = await administerKeys(databaseUrl);
  const key = await keys.make({ scopes: ['identify'] });
  await keys.close();
  return { serviceUrl: Object.assign(url, { username: role, password: 'bench' }).href, key };
}
