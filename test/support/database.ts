import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { ormOptions } from '../../mikro-orm.config.js';
import { Settings } from '../../src/config/settings.js';
import { migrate } from '../../src/database/schema/migrate.js';

/** A database of its own for one test file, on the server that all files share. */
export interface TestDatabase {
  readonly url: string;
  /** Rows of a statement run on a connection of its own. */
  query<T extends object>(text: string, values?: unknown[]): Promise<T[]>;
  drop(): Promise<void>;
}

/** Creates an empty database, migrated unless `isMigrated` is false, on the shared server unless another is named. */
export async function createDatabase({
  isMigrated = true,
  serverUrl = process.env.TEST_DATABASE_URL!,
} = {}): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await onServer(serverUrl, `create database ${name}`);
  const url = Object.assign(new URL(serverUrl), { pathname: `/${name}` }).href;
  if (isMigrated) {
    await migrate(ormOptions(new Settings({ DATABASE_URL: url }), 'migrate'));
  }
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  pool.on('error', () => undefined);
  return {
    url,
    query: async <T extends object>(text: string, values: unknown[] = []) =>
      (await pool.query<T>(text, values)).rows,
    drop: async () => {
      await pool.end();
      await onServer(serverUrl, `drop database ${name} with (force)`);
    },
  };
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
