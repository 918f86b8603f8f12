import { totalmem } from 'node:os';
import { PostgresServer } from '../../test/support/postgres-server.js';

/** A PostgreSQL that lives as long as the benchmark. */
export interface DatabaseServer {
  /** URL of a database whose user may create databases. */
  readonly url: string;
  /** Settings that differ from PostgreSQL's defaults, as they were given to it. */
  readonly settings: readonly string[];
  stop(): Promise<void>;
}

const GIB = 1024 ** 3;

/** The server that `BENCH_DATABASE_URL` names, or one in a temporary folder, set up as for production. */
export async function startDatabaseServer(): Promise<DatabaseServer> {
  const { BENCH_DATABASE_URL: given = '' } = process.env;
  if (given !== '') {
    return { url: given, settings: ['as found'], stop: () => Promise.resolve() };
  }
  const sharedGib = Math.max(0.25, Math.min(8, totalmem() / GIB / 4));
  const settings = [
    'fsync=on',
    'synchronous_commit=on',
    `shared_buffers=${Math.round(sharedGib * 1024)}MB`,
    `effective_cache_size=${Math.round(sharedGib * 2 * 1024)}MB`,
    'max_wal_size=8GB',
  ];
  const server = await PostgresServer.start([...settings, 'deadlock_timeout=1s']);
  return { url: server.url, settings, stop: () => server.stop() };
}
