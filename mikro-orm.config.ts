import type { Options } from '@mikro-orm/core';
import { Migrator } from '@mikro-orm/migrations';
import { PgliteDriver } from '@mikro-orm/pglite';
import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSettings } from './src/config/load-settings.js';
import type { Settings } from './src/config/settings.js';
import { holdDataDir } from './src/database/data-dir-lock.js';
import { Contact } from './src/identity/entities/contact.js';
import { Identifier } from './src/identity/entities/identifier.js';
import { IdentityMerge } from './src/identity/entities/identity-merge.js';

/**
 * The ORM's options: PostgreSQL if a URL is set, otherwise the embedded database in the data folder.
 *
 * @param purpose `migrate` waits for long statements, which `serve` gives up on
 */
export function ormOptions(settings: Settings, purpose: 'serve' | 'migrate'): Partial<Options> {
  return {
    ...(settings.databaseUrl === null
      ? embedded(settings)
      : postgres(settings, settings.databaseUrl, purpose)),
    entities: [Contact, Identifier, IdentityMerge],
    extensions: [Migrator],
    migrations: {
      path: fileURLToPath(new URL('./migrations', import.meta.url)),
      // where `migration:create` writes, also when it runs from what was built
      pathTs: resolve('migrations'),
      fileName: (timestamp, name) => `${timestamp}-${name ?? 'change'}`,
      snapshot: false,
      // its default turns triggers off for the session, which needs a superuser
      disableForeignKeys: false,
    },
    // The primary key of `identifier` includes a column, which the schema comparison does not know and would undo.
    schemaGenerator: { skipTables: ['identifier', 'mikro_orm_migrations'] },
  };
}

/**
 * The server gives up first, so that it doesn't go on with what nobody waits for any more; the client only where the
 * server does not answer at all. An idle transaction is one whose process is frozen or cut off: its locks block others.
 */
const TIMEOUTS_MS = {
  lock_timeout: 1_000,
  statement_timeout: 3_000,
  query_timeout: 4_000,
  idle_in_transaction_session_timeout: 5_000,
};

function postgres(settings: Settings, clientUrl: string, purpose: 'serve' | 'migrate') {
  return {
    driver: PostgreSqlDriver,
    clientUrl,
    pool: { min: 0, max: purpose === 'serve' ? settings.databasePoolMax : 2, idleTimeoutMillis: 30_000 },
    driverOptions: {
      // The ORM takes host, user and database from its URL and drops the rest, `sslmode` among it.
      connectionString: clientUrl,
      application_name: 'identity-reconciliation',
      // several statements a round trip
      pipeline: true,
      keepAlive: true,
      connectionTimeoutMillis: 2_000,
      // Planning a statement anew for each length of its arrays took as long as running it: 32 against 24 µs of
      // PostgreSQL's time for a known sighting in a batch of 32, 31 against 17 µs for a new one.
      options: '-c plan_cache_mode=force_generic_plan',
      ...(purpose === 'serve' && TIMEOUTS_MS),
    },
  };
}

function embedded({ dataDir }: Settings) {
  return { driver: PgliteDriver, dbName: dataDir };
}

/** For the ORM's command line, which must not open a folder that a running service has open. */
export default async (): Promise<Partial<Options>> => {
  const settings = loadSettings();
  if (settings.databaseUrl === null) {
    await holdDataDir(settings.dataDir);
  }
  return ormOptions(settings, 'migrate');
};
