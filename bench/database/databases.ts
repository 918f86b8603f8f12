import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { ormOptions } from '../../mikro-orm.config.js';
import { Settings } from '../../src/config/settings.js';
import { migrate } from '../../src/database/schema/migrate.js';
import { onConnection } from '../../test/support/on-connection.js';

/** A database of its own, dropped at the end. */
export interface Database {
  readonly url: string;
  /** For what is done between slices. */
  readonly client: pg.Client;
}

/**
 * Creates a database with the schema of the service, empty.
 *
 * @param atEnd is told how to drop it as soon as it is there, so that an interrupted run leaves none behind
 */
export async function createDatabase(
  serverUrl: string,
  atEnd: (drop: () => Promise<unknown>) => void,
): Promise<Database> {
  const name = `identity_bench_${randomBytes(6).toString('hex')}`;
  await onConnection(serverUrl, (client) => client.query(`create database ${name}`));
  atEnd(() => onConnection(serverUrl, (client) => client.query(`drop database ${name} with (force)`)));
  const url = Object.assign(new URL(serverUrl), { pathname: `/${name}` }).href;
  await migrate(ormOptions(new Settings({ DATABASE_URL: url }), 'migrate'));
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return { url, client };
}
