import type { Options } from '@mikro-orm/core';
import { Migrator } from '@mikro-orm/migrations';
import { PgliteDriver } from '@mikro-orm/pglite';
import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ApiKey } from './src/access/entities/api-key.js';
import { Tenant } from './src/access/entities/tenant.js';
import { loadSettings } from './src/config/load-settings.js';
import { SettingsError, type Settings } from './src/config/settings.js';
import { holdFolder } from './src/database/open-database.js';
import type { SessionOptions } from './src/database/session/sql-session.js';
import { TENANT_SETTING } from './src/database/session/sql-session.js';
import { Change } from './src/identity/store/entities/change.js';
import { DoNotLink } from './src/identity/store/entities/do-not-link.js';
import { ContactPast } from './src/identity/store/entities/contact-past.js';
import { Contact } from './src/identity/store/entities/contact.js';
import { ErasedValue } from './src/identity/store/entities/erased-value.js';
import { Erasure } from './src/identity/store/entities/erasure.js';
import { Identifier } from './src/identity/store/entities/identifier.js';
import { Review } from './src/identity/store/entities/review.js';
import { BlockedValue, DeclaredKind, TenantPolicy } from './src/identity/store/entities/tenant-policy.js';
import { IdentityMerge } from './src/identity/store/entities/identity-merge.js';
import { DEFAULT_TENANT_ID } from './src/access/entities/tenant.js';

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
    entities: [
      Change,
      Contact,
      ContactPast,
      DoNotLink,
      ErasedValue,
      Erasure,
      Identifier,
      IdentityMerge,
      TenantPolicy,
      DeclaredKind,
      BlockedValue,
      Review,
      Tenant,
      ApiKey,
    ],
    extensions: [Migrator],
    // Where the database is not there yet the ORM would close its pool, which is in use, and try to create the database.
    ensureDatabase: false,
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
    schemaGenerator: {
      skipTables: [
        'identifier',
        'do_not_link',
        'blocked_value',
        'review',
        'event_outbox',
        'event_head',
        'event_log',
        'webhook',
        'webhook_delivery',
        'rate_limit',
        'console_session',
        'backfill',
        'mikro_orm_migrations',
      ],
    },
  };
}

/**
 * The options for the read replica; null: there is none. It is opened like the database, with the same role and limits.
 *
 * @throws {SettingsError} on Citus: a replica of one node says nothing about the others
 */
export function replicaOptions(settings: Settings): Partial<Options> | null {
  const { databaseReplicaUrl, databaseEngine } = settings;
  if (databaseReplicaUrl === null) {
    return null;
  }
  if (databaseEngine === 'citus') {
    throw new SettingsError(
      'DATABASE_REPLICA_URL is for one PostgreSQL, and DATABASE_URL names a Citus cluster',
    );
  }
  return ormOptions({ ...settings, databaseUrl: databaseReplicaUrl }, 'serve');
}

/**
 * The server gives up first, so that it doesn't go on with what nobody waits for any more; the client only where the
 * server does not answer at all.
 */
const SERVER_TIMEOUTS_MS = {
  lock_timeout: 1_000,
  statement_timeout: 3_000,
};
const CLIENT_TIMEOUT_MS = { query_timeout: 4_000 };
/**
 * An idle transaction is one whose process is frozen or cut off: its locks block others. The longer one is for commands,
 * since an import may have to decide on thousands of rows under locks.
 */
const IDLE_TRANSACTION_MS = { serve: 5_000, migrate: 30_000 };

function postgres(settings: Settings, clientUrl: string, purpose: 'serve' | 'migrate') {
  // A pooler refuses settings that come with the connection; they are made for the role then.
  const isDirect = settings.databasePooler === 'none';
  const isCitus = settings.databaseEngine === 'citus';
  // What a connection is opened with does not reach the workers of Citus.
  const isOfOneTenant = isDirect && !isCitus && purpose === 'serve' && settings.authMode === 'none';
  const fixedTenantId = isOfOneTenant ? DEFAULT_TENANT_ID : null;
  const session: SessionOptions = { fixedTenantId, isCitus, keepsPrepared: isDirect };
  return {
    driver: PostgreSqlDriver,
    clientUrl,
    pool: { min: 0, max: purpose === 'serve' ? settings.databasePoolMax : 2, idleTimeoutMillis: 30_000 },
    driverOptions: {
      // The ORM takes host, user and database from its URL and drops the rest, `sslmode` among it.
      connectionString: isDirect ? withStartOptions(clientUrl, fixedTenantId, isCitus) : clientUrl,
      application_name: 'identity-reconciliation',
      // several statements a round trip
      pipeline: true,
      keepAlive: true,
      connectionTimeoutMillis: 2_000,
      session,
      ...(isDirect && { idle_in_transaction_session_timeout: IDLE_TRANSACTION_MS[purpose] }),
      ...(isDirect && purpose === 'serve' && SERVER_TIMEOUTS_MS),
      ...(purpose === 'serve' && CLIENT_TIMEOUT_MS),
    },
  };
}

/**
 * The URL with what a connection is set to when it is opened, after what the URL says itself: the driver would take
 * either its options or ours.
 *
 * Planning a statement anew for each length of its arrays took as long as running it: 32 against 24 µs of PostgreSQL's
 * time for a known sighting in a batch of 32, 31 against 17 µs for a new one.
 *
 * But such a plan is made once a connection, perhaps for a table of one page, and is kept while that grows. So it must never
 * scan the table, nor all rows of a tenant that has few of them; no statement of the service wants either.
 *
 * Citus makes a plan for each tenant, and none without one.
 */
function withStartOptions(databaseUrl: string, tenantId: number | null, isCitus: boolean): string {
  const url = new URL(databaseUrl);
  const options = [
    url.searchParams.get('options'),
    !isCitus && '-c plan_cache_mode=force_generic_plan',
    '-c enable_seqscan=off',
    '-c enable_bitmapscan=off',
    tenantId !== null && `-c ${TENANT_SETTING}=${tenantId}`,
  ];
  url.searchParams.set('options', options.filter(Boolean).join(' '));
  return url.href;
}

function embedded({ dataDir }: Settings) {
  return { driver: PgliteDriver, dbName: dataDir };
}

/** For the ORM's command line, which must not open a folder that a running service has open. */
export default async (): Promise<Partial<Options>> => {
  const options = ormOptions(loadSettings(process.env), 'migrate');
  await holdFolder(options);
  return options;
};
