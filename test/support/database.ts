import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { createClusterDatabase, queryCopies } from './cluster.js';
import { onConnection } from './on-connection.js';

/** A database of its own for one test file, on the server that all files share. */
export interface TestDatabase {
  readonly url: string;
  /** The same for a superuser, who sees the rows of all tenants. */
  readonly adminUrl: string;
  /** Rows of a statement run on a connection of its own. */
  query<T extends object>(text: string, values?: unknown[]): Promise<T[]>;
  /** Removes all contacts and rules; the next one of each gets id 1. */
  clear(): Promise<void>;
  drop(): Promise<void>;
}

/**
 * Creates an empty database, migrated unless `isMigrated` is false, on the shared server unless another is named. On a cluster its
 * URL is that of the owner, whom row level security binds.
 */
export async function createDatabase({
  isMigrated = true,
  serverUrl: named,
}: { readonly isMigrated?: boolean; readonly serverUrl?: string } = {}): Promise<TestDatabase> {
  if (process.env.CITUS_URL !== undefined && named === undefined) {
    const cluster = await createClusterDatabase({ isMigrated });
    return testDatabase(cluster.ownerUrl, cluster.adminUrl, () => cluster.drop());
  }
  const serverUrl = named ?? process.env.TEST_DATABASE_URL!;
  const name = `test_${randomBytes(6).toString('hex')}`;
  const template = isMigrated ? await migratedTemplate(serverUrl) : 'template1';
  await onConnection(serverUrl, (client) => client.query(`create database ${name} template ${template}`));
  const url = urlOf(serverUrl, name);
  return testDatabase(url, url, () =>
    onConnection(
      serverUrl,
      async (client) => void (await client.query(`drop database ${name} with (force)`)),
    ),
  );
}

// prettier-ignore
const FILLED = [
  'change', 'contact', 'contact_past', 'identifier', 'identity_merge', 'do_not_link', 'review', 'backfill', 'erasure',
  'erased_value', 'event_head', 'event_outbox', 'event_log',
];
const SEQUENCES = ['contact_id_seq', 'rule_id_seq', 'review_id_seq'];
/** Tables whose dead rows later statements would have to read through. */
const LARGE = `select from unnest(array['${FILLED.join(`', '`)}']) name
  where pg_relation_size(name::regclass) > 1e6`;
/**
 * One transaction. To truncate makes new files for each table and index, and takes twenty times as long as to delete a few rows.
 * The lock waits for whoever writes, as that of a truncation does. All that foreign keys lead to goes too.
 */
const DELETE = `
  lock table ${FILLED.join()} in exclusive mode;
  set local session_replication_role = replica;
  ${FILLED.map((table) => `delete from ${table};`).join(' ')}
  ${SEQUENCES.map((sequence) => `select setval('${sequence}', 1, false);`).join(' ')}`;

/** What empties tables locks several, while a service that goes on may lock the same ones in another order. */
const EMPTIES = /^\s*(truncate|lock table) /;
const DEADLOCK = '40P01';

/** A database that exists. */
export function testDatabase(url: string, adminUrl: string, drop: () => Promise<void>): TestDatabase {
  const pool = new pg.Pool({ connectionString: adminUrl, max: 2 });
  pool.on('error', () => undefined);
  const ask = async <T extends object>(text: string, values: unknown[]): Promise<T[]> =>
    process.env.CITUS_URL === undefined
      ? (await pool.query<T>(text, values)).rows
      : queryCopies<T>(pool, text, values);
  const query = async <T extends object>(text: string, values: unknown[] = []): Promise<T[]> => {
    try {
      return await ask<T>(text, values);
    } catch (error) {
      if (!EMPTIES.test(text) || (error as { code?: string }).code !== DEADLOCK) {
        throw error;
      }
      return query(text, values);
    }
  };
  return {
    url,
    adminUrl,
    query,
    clear: async () => {
      // A cluster takes neither the setting nor a number of the sequence to its other nodes.
      if (process.env.CITUS_URL === undefined && (await query(LARGE)).length === 0) {
        await query(DELETE);
        return;
      }
      await query(`truncate ${FILLED.join()}`);
      for (const sequence of SEQUENCES) {
        await query(`alter sequence ${sequence} restart`);
      }
    },
    drop: async () => {
      await pool.end();
      await drop();
    },
  };
}

/** Any number that nobody else locks: held by whoever makes the template. */
const TEMPLATE_LOCK = 19_551_105;

/**
 * The database that all migrated ones are copies of. Whoever needs it first migrates it: copying it takes a tenth of
 * the time, and spares the other files from loading the ORM only for that.
 */
async function migratedTemplate(serverUrl: string): Promise<string> {
  const name = process.env.TEST_TEMPLATE!;
  await onConnection(serverUrl, async (client) => {
    await client.query('select pg_advisory_lock($1)', [TEMPLATE_LOCK]);
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name]);
    if (rowCount === 0) {
      await client.query(`drop database if exists ${name}_begun`);
      await client.query(`create database ${name}_begun`);
      const { migrateDatabase } = await import('./migrate-database.js');
      await migrateDatabase(urlOf(serverUrl, `${name}_begun`));
      await client.query(`alter database ${name}_begun rename to ${name}`);
    }
  });
  return name;
}

function urlOf(serverUrl: string, name: string): string {
  return Object.assign(new URL(serverUrl), { pathname: `/${name}` }).href;
}
