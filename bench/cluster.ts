import pg from 'pg';
import { createClusterDatabase } from '../test/support/cluster.js';
import { administerKeys } from '../test/support/keys.js';
import { createGuardedDatabase } from '../test/support/roles.js';
import { ORDINALS, populationOf, type Population } from './customers/population.js';
import { STOCK_PER_CALL, TAKES_FRESH, type CallSource } from './customers/workload.js';
import { fill } from './database/fill.js';
import { addStock } from './database/stock.js';
import type { Limits, Measured } from './load/closed-loop.js';
import type { LoadOrder } from './load/main.js';
import { cpuMsOf, cpuMsOfServer, isPostgres, rssMbOf } from './measuring/processes.js';
import type { Contestant, Slice } from './measuring/rounds.js';
import { UsageError, type MainWorkload, type Options } from './options.js';
import { startServer, type ServerProcess } from './processes/server-process.js';
import { Worker } from './processes/worker.js';
import { WrongAnswerError } from './stage.js';
import type { Plan } from './suites.js';

const TENANTS = 3;
/** More than any slice takes, also of the stock. */
const MAX_CALLS_PER_S = 3_000;
const CHECK_EVERY = 16;

/** The first line of that file is a process id. */
const POSTMASTER = `select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int as pid`;

type AtEnd = (undo: () => Promise<unknown>) => void;

/** A database with the same tenants, the service on it, and the first processes of all its nodes. */
interface Site {
  readonly name: string;
  readonly client: pg.Client;
  readonly server: ServerProcess;
  readonly keys: readonly string[];
  readonly postmasters: readonly number[];
}

/**
 * The Citus cluster of `CITUS_URL` beside one PostgreSQL: the same build, as in production, with three tenants that call at once. All
 * nodes share this machine, so CPU time per call tells what a cluster costs, and calls per second do not tell what it can do.
 *
 * @throws {UsageError} if no cluster is named
 */
export async function clusterPlan(serverUrl: string, options: Options, atEnd: AtEnd): Promise<Plan> {
  if (process.env.CITUS_URL === undefined) {
    throw new UsageError(
      'CITUS_URL: name a superuser on the coordinator of a cluster, for the suite cluster',
    );
  }
  const population = populationOf(options.sizes.at(-1)!, 0);
  const sites = [
    await openSite('PostgreSQL', await plainDatabase(serverUrl), population, atEnd),
    await openSite('Citus', await createClusterDatabase(), population, atEnd),
  ];
  const loads = Array.from(
    { length: TENANTS },
    () => new Worker<LoadOrder, Measured>(new URL('./load/main.js', import.meta.url)),
  );
  atEnd(() => Promise.all(loads.map((load) => load.end())));
  const connections = Math.ceil(options.concurrency[0]! / TENANTS);
  let nextOrdinal = population.contacts + 1;
  const ordinals = (count: number): number => {
    nextOrdinal += count;
    if (nextOrdinal > ORDINALS) {
      throw new Error('the run is too long: every email and phone number there is was used');
    }
    return nextOrdinal - count;
  };

  const sourceOf = async (site: Site, tenant: number, workload: MainWorkload, { maxCalls }: Limits) => {
    const stockSize = Math.ceil((STOCK_PER_CALL[workload] * maxCalls) / 2) * 2;
    const stock = await addStock(site.client, 'service', ordinals(stockSize), stockSize, tenant + 1);
    const freshFrom = ordinals(TAKES_FRESH[workload] ? maxCalls + 1 : 0);
    return { workload, population, stock, freshFrom, seed: nextOrdinal + tenant } satisfies CallSource;
  };
  const contestant = (site: Site, workload: MainWorkload): Contestant => ({
    name: `${workload}, ${site.name}`,
    run: async (purpose) => {
      const maxMs = purpose === 'slice' ? options.sliceMs : Math.max(options.sliceMs / 2, 1_200);
      const limits = { maxMs, maxCalls: (MAX_CALLS_PER_S * maxMs) / 1_000, checkEvery: CHECK_EVERY };
      const orders: LoadOrder[] = [];
      for (const [tenant, key] of site.keys.entries()) {
        const source = await sourceOf(site, tenant, workload, limits);
        orders.push({ ports: [site.server.port], connections, key, source, limits });
      }
      const before = cpuOf(site);
      const measured = await Promise.all(orders.map((order, i) => loads[i]!.carryOut(order)));
      return sliceOf(site, together(measured), before);
    },
  });
  return {
    suite: 'cluster',
    title: 'One PostgreSQL and a Citus cluster',
    note: `${TENANTS} tenants of ${population.contacts.toLocaleString('en')} contacts call at once, with keys, as a role that row level security binds. Times are those of the tenant that waited longest. PostgreSQL is all nodes together; they share the machine.`,
    connections: connections * TENANTS,
    replicas: 1,
    rounds: options.rounds,
    contestants: options.workloads.flatMap((workload) => sites.map((site) => contestant(site, workload))),
  };
}

interface Opened {
  readonly adminUrl: string;
  readonly serviceUrl: string;
  drop(): Promise<void>;
}

async function plainDatabase(serverUrl: string): Promise<Opened> {
  const guarded = await createGuardedDatabase({ serverUrl });
  return { adminUrl: guarded.database.url, serviceUrl: guarded.serviceUrl, drop: () => guarded.drop() };
}

async function openSite(name: string, database: Opened, population: Population, atEnd: AtEnd): Promise<Site> {
  atEnd(() => database.drop());
  const client = new pg.Client({ connectionString: database.adminUrl });
  client.on('error', () => undefined);
  await client.connect();
  atEnd(() => client.end());
  const administration = await administerKeys(database.adminUrl);
  const keys = [await administration.make()];
  for (let tenant = 2; tenant <= TENANTS; tenant++) {
    await administration.createTenant(`tenant-${tenant}`);
    keys.push(await administration.make({ tenant: `tenant-${tenant}` }));
  }
  await administration.close();
  await fill(client, population, false, TENANTS);
  const server = await startServer(
    'service',
    // a limit that is counted and not reached
    { DATABASE_URL: database.serviceUrl, AUTH_MODE: 'api-key', RATE_LIMIT_PER_MINUTE: '6000000' },
    null,
  );
  atEnd(() => server.end());
  return { name, client, server, keys, postmasters: await postmastersOf(client) };
}

/** The first processes of all nodes; empty if one of them runs elsewhere. */
async function postmastersOf(client: pg.Client): Promise<number[]> {
  const { rowCount: isCluster } = await client.query(`select from pg_extension where extname = 'citus'`);
  const { rows } =
    isCluster === 1
      ? await client.query<{ pid: number }>('select result::int as pid from run_command_on_all_nodes($1)', [
          POSTMASTER,
        ])
      : await client.query<{ pid: number }>(POSTMASTER);
  const pids = rows.map(({ pid }) => pid);
  return pids.every(isPostgres) ? pids : [];
}

interface Cpu {
  readonly serviceMs: number | null;
  readonly postgresMs: number | null;
}

function cpuOf({ server, postmasters }: Site): Cpu {
  const postgres = postmasters.map(cpuMsOfServer);
  return {
    serviceMs: cpuMsOf([server.pid]),
    postgresMs:
      postgres.length === 0 || postgres.includes(null)
        ? null
        : postgres.reduce((sum: number, ms) => sum + ms!, 0),
  };
}

/** The slices of all tenants as one; its times are the worst of them. */
function together(measured: readonly Measured[]): Measured {
  const sum = (figure: (each: Measured) => number): number =>
    measured.reduce((total, each) => total + figure(each), 0);
  const most = (figure: (each: Measured) => number): number => Math.max(...measured.map(figure));
  return {
    calls: sum(({ calls }) => calls),
    elapsedMs: most(({ elapsedMs }) => elapsedMs),
    p50Ms: most(({ p50Ms }) => p50Ms),
    p95Ms: most(({ p95Ms }) => p95Ms),
    p99Ms: most(({ p99Ms }) => p99Ms),
    checked: sum(({ checked }) => checked),
    mistakes: measured.flatMap(({ mistakes }) => mistakes).slice(0, 10),
    mistakeCount: sum(({ mistakeCount }) => mistakeCount),
    driverCpuMs: sum(({ driverCpuMs }) => driverCpuMs),
  };
}

function sliceOf(site: Site, measured: Measured, before: Cpu): Slice {
  const { mistakeCount, mistakes, calls, elapsedMs } = measured;
  if (mistakeCount > 0 || calls === 0) {
    throw new WrongAnswerError(
      `${site.name}: ${mistakeCount} of ${calls} answers are wrong\n  ${mistakes.join('\n  ')}`,
    );
  }
  const now = cpuOf(site);
  return {
    ...measured,
    callsPerSecond: (calls / elapsedMs) * 1_000,
    serviceCpuMs: since(before.serviceMs, now.serviceMs),
    postgresCpuMs: since(before.postgresMs, now.postgresMs),
    rssMb: rssMbOf([site.server.pid]),
  };
}

function since(before: number | null, now: number | null): number | null {
  return before === null || now === null ? null : now - before;
}
