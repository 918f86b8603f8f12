import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import pg from 'pg';
import { CHILD_ENV } from './child-env.js';
import { onConnection } from './on-connection.js';

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

/** Any number that nobody else locks. Nodes and roles are of the whole cluster, so only one file at a time changes them. */
const CLUSTER_LOCK = 19_551_112;

/** Creates a database with roles of its own; migrated and distributed, unless `isMigrated` is false. */
export async function createClusterDatabase({ isMigrated = true } = {}): Promise<ClusterDatabase> {
  return alone(() => createAlone(isMigrated));
}

async function createAlone(isMigrated: boolean): Promise<ClusterDatabase> {
  const suffix = randomBytes(4).toString('hex');
  const name = `test_${suffix}`;
  const nodes = await nodesOf(process.env.CITUS_URL!);
  const [coordinator, ...workers] = nodes;
  for (const node of nodes) {
    await onConnection(node, (client) => client.query(`create database ${name}`));
    await onConnection(inDatabase(node, name), (client) => client.query('create extension citus'));
  }
  const adminUrl = inDatabase(coordinator!, name);
  await onConnection(adminUrl, async (client) => {
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
  // most tests run the service as the owner, and what a connection is opened with does not reach the other nodes
  await onConnection(adminUrl, (client) => client.query(`alter role ${owner} set lock_timeout = '1s'`));
  const { host } = new URL(workers[0]!);
  const workerUrl = Object.assign(new URL(urls.serviceUrl), { host }).href;
  return {
    ...urls,
    workerUrl,
    script,
    drop: () => alone(() => dropEverywhere(nodes, name, [service, owner])),
  };
}

/** What only one node can answer: it joins tables by more than their tenant, or looks at several tenants at once. */
const isRefused = ({ code, message }: { code?: string; message: string }): boolean =>
  code === '0A000' || message.includes('repartitioning');

/** Rows of a statement; if the cluster refuses it, of the same statement on copies of the tables on one node. */
export async function queryCopies<T extends object>(
  pool: pg.Pool,
  text: string,
  values: unknown[],
): Promise<T[]> {
  try {
    return (await pool.query<T>(text, values)).rows;
  } catch (error) {
    if (!isRefused(error as Error & { code?: string }) || !/^\s*(select|with)\b/.test(text)) {
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

/** Rows of a statement on the node that has the rows of a tenant, where its tables have names of their own. */
export async function queryNodeOf<T extends object>(
  database: { readonly url: string; query<R extends object>(text: string): Promise<R[]> },
  tenantId: number,
  text: string,
): Promise<T[]> {
  const shards = await database.query<{ name: string; shard: string; host: string; port: number }>(
    `select d.logicalrelid::text as name, d.logicalrelid || '_' || s.shardid as shard, n.nodename as host, n.nodeport as port
      from pg_dist_partition d
        join pg_dist_shard s on s.shardid = get_shard_id_for_distribution_column(d.logicalrelid, ${tenantId})
        join pg_dist_placement p using (shardid) join pg_dist_node n using (groupid)
      where d.partmethod = 'h' and d.colocationid =
        (select colocationid from pg_dist_partition where logicalrelid = 'contact'::regclass)`,
  );
  const { host, port } = shards[0]!;
  const node = Object.assign(new URL(process.env.CITUS_URL!), { hostname: host, port: String(port) }).href;
  return onConnection(inDatabase(node, new URL(database.url).pathname.slice(1)), async (client) => {
    // it is no change of the tables of the cluster
    await client.query(
      'set citus.enable_manual_changes_to_shards = on; set citus.enable_ddl_propagation = off',
    );
    const names = shards.map(({ name }) => name).join('|');
    const local = text.replace(
      new RegExp(`\\b(from|join|on) (${names})\\b`, 'g'),
      (_, word: string, table: string) => `${word} ${shards.find(({ name }) => name === table)!.shard}`,
    );
    return (await client.query<T>(local)).rows;
  });
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
  return onConnection(url, async (client) => {
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
    await onConnection(node, (client) => dropDatabase(client, name));
  }
  await onConnection(nodes[0]!, async (client) => {
    for (const role of roles) {
      await client.query(`drop role ${role}`);
    }
  });
}

/** Citus may open a connection of its own meanwhile, which `force` does not see. */
async function dropDatabase(client: pg.Client, name: string): Promise<void> {
  try {
    await client.query(`drop database ${name} with (force)`);
  } catch (error) {
    if ((error as { code?: string }).code !== '55006') {
      throw error;
    }
    await dropDatabase(client, name);
  }
}

async function alone<T>(work: () => Promise<T>): Promise<T> {
  return onConnection(process.env.CITUS_URL!, async (client) => {
    await client.query('select pg_advisory_lock($1)', [CLUSTER_LOCK]);
    return work();
  });
}
