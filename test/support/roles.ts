import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ormOptions } from '../../mikro-orm.config.js';
import { Settings } from '../../src/config/settings.js';
import { migrate } from '../../src/database/schema/migrate.js';
import { createClusterDatabase } from './cluster.js';
import { createDatabase, testDatabase, type TestDatabase } from './database.js';

/** A database set up as for production, by `deploy/postgresql/roles.sql`. */
export interface GuardedDatabase {
  /** As a superuser. */
  readonly database: TestDatabase;
  /** As the owner of the tables. */
  readonly ownerUrl: string;
  /** As the role that replicas connect as. */
  readonly serviceUrl: string;
  drop(): Promise<void>;
}

/**
 * Creates a database with an owner and a service role of its own; migrated, unless `isMigrated` is false; on the shared server,
 * unless another is named.
 */
export async function createGuardedDatabase({
  isMigrated = true,
  serverUrl,
}: { readonly isMigrated?: boolean; readonly serverUrl?: string } = {}): Promise<GuardedDatabase> {
  if (process.env.CITUS_URL !== undefined && serverUrl === undefined) {
    const cluster = await createClusterDatabase({ isMigrated });
    const database = testDatabase(cluster.adminUrl, cluster.adminUrl, () => cluster.drop());
    const { ownerUrl, serviceUrl } = cluster;
    return { database, ownerUrl, serviceUrl, drop: () => database.drop() };
  }
  const database = await createDatabase({ isMigrated: false, ...(serverUrl !== undefined && { serverUrl }) });
  const suffix = randomBytes(4).toString('hex');
  const [owner, service] = [`identity_owner_${suffix}`, `identity_service_${suffix}`];
  const script = (await readFile('deploy/postgresql/roles.sql', 'utf8'))
    .replaceAll('identity_owner', owner)
    .replaceAll('identity_service', service)
    .replaceAll(':owner_password', `'secret'`)
    .replaceAll(':service_password', `'secret'`)
    .replaceAll(':"database"', new URL(database.url).pathname.slice(1));
  await database.query(script);
  const as = (username: string): string =>
    Object.assign(new URL(database.url), { username, password: 'secret' }).href;
  if (isMigrated) {
    await migrate(ormOptions(new Settings({ DATABASE_URL: as(owner) }), 'migrate'), service);
  }
  return {
    database,
    ownerUrl: as(owner),
    serviceUrl: as(service),
    drop: async () => {
      await database.query(`drop owned by ${owner} cascade`);
      await database.query(`drop owned by ${service} cascade`);
      await database.drop();
    },
  };
}
