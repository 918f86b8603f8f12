import { spawn } from 'node:child_process';
import { readFile, readlink, rm, stat } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { PostgresServer } from '../../test/support/postgres-server.js';
import { end, track } from '../processes/children.js';

/** A PostgreSQL that lives as long as the benchmark. */
export interface DatabaseServer {
  /** URL of a database whose user may create databases. */
  readonly url: string;
  /** Settings that differ from PostgreSQL's defaults, as they were given to it. */
  readonly settings: readonly string[];
  stop(): Promise<void>;
}

const GIB = 1024 ** 3;
const START_MS = 30_000;

/**
 * Starts a PostgreSQL in a temporary folder, set up as for production.
 *
 * The server of the tests gives the folder and the binaries. It runs with `fsync=off` on its command line, which no
 * `alter system` overrides, so its process is replaced by one that keeps what it acknowledges.
 */
export async function startOwnServer(): Promise<DatabaseServer> {
  const server = await PostgresServer.start();
  const { data, pid } = await whereabouts(server.url);
  const binary = await readlink(`/proc/${pid}/exe`);
  const { uid, gid } = await stat(data);
  process.kill(pid, 'SIGINT');
  await untilGone(pid);

  const settings = productionSettings();
  const child = track(
    spawn(
      binary,
      // prettier-ignore
      ['-D', data, '-p', new URL(server.url).port, '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=',
       '-c', 'max_connections=300', '-c', 'log_min_messages=fatal', ...settings.flatMap((setting) => ['-c', setting])],
      { ...(process.getuid?.() === 0 && { uid, gid }), cwd: dirname(data), stdio: 'ignore' },
    ),
  );
  await untilAccepting(server.url);
  return {
    url: server.url,
    settings,
    stop: async () => {
      await end(child, 'SIGINT');
      await rm(dirname(data), { recursive: true, force: true });
    },
  };
}

function productionSettings(): string[] {
  const sharedGib = Math.max(0.25, Math.min(8, totalmem() / GIB / 4));
  return [
    'fsync=on',
    'synchronous_commit=on',
    `shared_buffers=${Math.round(sharedGib * 1024)}MB`,
    `effective_cache_size=${Math.round(sharedGib * 2 * 1024)}MB`,
    'max_wal_size=8GB',
  ];
}

async function whereabouts(url: string): Promise<{ data: string; pid: number }> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ data: string }>(`select current_setting('data_directory') as data`);
    const data = rows[0]!.data;
    const [pid] = (await readFile(`${data}/postmaster.pid`, 'utf8')).split('\n');
    return { data, pid: Number(pid) };
  } finally {
    await client.end();
  }
}

async function untilGone(pid: number): Promise<void> {
  for (const deadline = performance.now() + START_MS; performance.now() < deadline; await sleep(20)) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
  }
  throw new Error('PostgreSQL did not stop');
}

async function untilAccepting(url: string): Promise<void> {
  for (const deadline = performance.now() + START_MS; performance.now() < deadline; await sleep(50)) {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return;
    } catch {
      // not yet
    } finally {
      await client.end().catch(() => undefined);
    }
  }
  throw new Error('PostgreSQL did not start');
}
