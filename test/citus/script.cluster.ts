import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import pg from 'pg';
import { CHILD_ENV } from '../support/child-env.js';
import { createClusterDatabase, type ClusterDatabase } from '../support/cluster.js';
import { migrateDatabase } from '../support/migrate-database.js';
import { until } from '../support/until.js';

let cluster: ClusterDatabase;
let admin: pg.Client;

beforeAll(async () => {
  cluster = await createClusterDatabase({ isMigrated: false });
  await migrateDatabase(cluster.ownerUrl, new URL(cluster.serviceUrl).username);
  admin = await connect();
}, 120_000);

afterAll(async () => {
  await admin.end();
  await cluster.drop();
});

test('a distribution that is killed leaves all as it was, and keeps others out until the node has noticed', async () => {
  await admin.query(`insert into contact (tenant_id, id, email, linked_id, link_precedence, created_at, updated_at)
    select 1, n, n || '@hillvalley.edu', null, 'primary', now(), now() from generate_series(1, 1000) n`);
  const other = await connect();
  await other.query('begin; lock table webhook_delivery in access share mode');
  const script = distribute();
  await until(async () => (await numberOf(`pg_locks where not granted`)) > 0);
  script.kill('SIGKILL');
  await once(script, 'exit');
  await expect(cluster.script('distribute')).rejects.toThrow('Another command of this script is under way');
  await other.query('rollback');
  await other.end();
  await until(
    async () => (await numberOf(`pg_stat_activity where application_name = 'identity-cluster'`)) === 0,
  );
  expect(await numberOf(`pg_dist_partition where partmethod = 'h'`)).toBe(0);
  await expect(cluster.script('distribute')).resolves.toContain('Distributed contact by tenant');
  expect(await numberOf('contact')).toBe(1000);
  await expect(cluster.script('check')).resolves.toBe('The cluster is as the service needs it.\n');
});

test('a node that knows an older password of a role is told', async () => {
  const [worker] = (
    await admin.query<{ node: string }>(
      `select nodename || ':' || nodeport as node from pg_dist_node where groupid > 0 order by groupid limit 1`,
    )
  ).rows;
  const { username } = new URL(cluster.ownerUrl);
  await admin.query(
    `select run_command_on_workers($$ update pg_dist_authinfo set authinfo = 'password=older' where rolename = '${username}' $$)`,
  );
  await expect(cluster.script('check')).rejects.toMatchObject({
    stdout: expect.stringContaining(
      `${worker!.node}: pg_dist_authinfo lacks the password of ${username}; run the command roles`,
    ) as string,
  });
  await cluster.script('roles');
  await expect(cluster.script('check')).resolves.toBe('The cluster is as the service needs it.\n');
});

test('no shard is made for a tenant that is not there, or before the node is known to be one', async () => {
  await expect(cluster.script('isolate', '4711')).rejects.toThrow('There is no tenant 4711.');
  await expect(cluster.script('isolate', '1', 'nowhere:1')).rejects.toThrow('nowhere:1 is no node');
  expect(await numberOf('pg_dist_shard where shardminvalue = shardmaxvalue')).toBe(0);
});

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: cluster.adminUrl });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function numberOf(rows: string): Promise<number> {
  const result = await admin.query<{ count: number }>(`select count(*)::int as count from ${rows}`);
  return result.rows[0]!.count;
}

function distribute(): ChildProcess {
  return spawn(process.execPath, ['deploy/citus/cluster.js', 'distribute'], {
    stdio: 'ignore',
    env: {
      ...CHILD_ENV,
      ADMIN_URL: cluster.adminUrl,
      OWNER_URL: cluster.ownerUrl,
      SERVICE_URL: cluster.serviceUrl,
    },
  });
}
