import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import pg from 'pg';
import { CHILD_ENV } from './child-env.js';

/** A database that is spread over all nodes of the Citus cluster of `CITUS_URL`, set up as docs/scale-out.md says. */
export interface ClusterDatabase {
  readonly adminUrl: string;
  /** Row level security binds the owner too. */
  readonly ownerUrl: string;
  readonly serviceUrl: string;
  /** As `serviceUrl`, but on a worker. */
  readonly workerUrl: string;
  /** `deploy/citus/cluster.js` with a command; returns what it printed. */
  script(...words: string[]): Promise<string>;
  drop(): Promise<void>;
}

/** Few shards: making them takes most of the time. */
const SHARDS = 4;

/** Creates a database with roles of its own; migrated and distributed, unless `isMigrated` is false. */
export async function createClusterDatabase({ isMigrated = true } = {}): Promise<ClusterDatabase> {
  const suffix = randomBytes(4).toString('hex');
  const name = `test_${suffix}`;
  const nodes = await nodesOf(process.env.CITUS_URL!);
  const [coordinator, ...workers] = nodes;
  for (const node of nodes) {
    await onNode(node, (client) => client.query(`create database ${name}`));
    await onNode(inDatabase(node, name), (client) => client.query('create extension citus'));
  }
  const adminUrl = inDatabase(coordinator!, name);
  await onNode(adminUrl, async (client) => {
    await client.query('select citus_set_coordinator_host($1, $2)', addressOf(coordinator!));
    for (const worker of workers) {
      await client.query('select citus_add_node($1, $2)', addressOf(worker));
    }
    await client.query(`alter database ${name} set citus.shard_count = ${SHARDS}`);
  });
  const as = (username: string): string =>
    Object.assign(new URL(adminUrl), { username, password: `it's ${suffix}` }).href;
  const [owner, service] = [`owner_${suffix}`, `service_${suffix}`];
  const urls = { adminUrl, ownerUrl: as(owner), serviceUrl: as(service) };
  const script = (...words: string[]): Promise<string> => runScript(urls, words);
  await script('roles');
  if (isMigrated) {
    const { migrateDatabase } = await import('./migrate-database.js');
    await migrateDatabase(urls.ownerUrl, service);
    await script('distribute');
  }
  const { host } = new URL(workers[0]!);
  const workerUrl = Object.assign(new URL(urls.serviceUrl), { host }).href;
  return { ...urls, workerUrl, script, drop: () => dropEverywhere(nodes, name, [service, owner]) };
}

/** What only one node can answer: it joins tables by more than their tenant, or looks at several tenants at once. */
const REFUSED = '0A000';

/** Rows of a statement; if the cluster refuses it, of the same statement on copies of the tables on one node. */
export async function queryCopies<T extends object>(
  pool: pg.Pool,
  text: string,
  values: unknown[],
): Promise<T[]> {
  try {
    return (await pool.query<T>(text, values)).rows;
  } catch (error) {
    if ((error as { code?: string }).code !== REFUSED || !/^\s*(select|with)\b/.test(text)) {
      throw error;
    }
  }
  const client = await pool.connect();
  try {
    await client.query('begin');
    const { rows: tables } = await client.query<{ name: string }>(
      `select logicalrelid::text as name from pg_dist_partition where partmethod = 'h'`,
    );
    for (const { name } of tables.filter((table) => new RegExp(`\\b${table.name}\\b`).test(text))) {
      await client.query(`create temporary table ${name} on commit drop as select * from public.${name}`);
    }
    return (await client.query<T>(text, values)).rows;
  } finally {
    await client.query('rollback');
    client.release();
  }
}

async function runScript(
  { adminUrl, ownerUrl, serviceUrl }: Pick<ClusterDatabase, 'adminUrl' | 'ownerUrl' | 'serviceUrl'>,
  words: string[],
): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['deploy/citus/cluster.js', ...words], {
    env: { ...CHILD_ENV, ADMIN_URL: adminUrl, OWNER_URL: ownerUrl, SERVICE_URL: serviceUrl },
  });
  return stdout;
}

/** The coordinator first. All nodes take the user and password of the URL. */
async function nodesOf(url: string): Promise<string[]> {
  return onNode(url, async (client) => {
    const { rows } = await client.query<{ host: string; port: number }>(
      'select nodename as host, nodeport as port from pg_dist_node order by groupid',
    );
    return rows.map(
      ({ host, port }) => Object.assign(new URL(url), { hostname: host, port: String(port) }).href,
    );
  });
}

function addressOf(url: string): [string, number] {
  const { hostname, port } = new URL(url);
  return [hostname, Number(port)];
}

function inDatabase(url: string, name: string): string {
  return Object.assign(new URL(url), { pathname: `/${name}` }).href;
}

async function dropEverywhere(
  nodes: readonly string[],
  name: string,
  roles: readonly string[],
): Promise<void> {
  for (const node of nodes) {
    await onNode(node, (client) => client.query(`drop database ${name} with (force)`));
  }
  await onNode(nodes[0]!, async (client) => {
    for (const role of roles) {
      await client.query(`drop role ${role}`);
    }
  });
}

async function onNode<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
