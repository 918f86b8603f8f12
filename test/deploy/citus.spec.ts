import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import pg from 'pg';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { CHILD_ENV } from '../support/child-env.js';

// What of deploy/citus/ holds without a cluster. `npm run test:citus` runs it on one.

interface Table {
  readonly name: string;
  readonly refersTo: readonly string[];
}
interface Tables {
  readonly tablesOf: (client: pg.Client) => Promise<Table[]>;
  readonly placementOf: (table: Table) => { readonly kind: string; readonly beside?: string } | null;
  readonly inOrder: (tables: readonly Table[]) => Table[];
}

interface Login {
  readonly role: string;
  readonly password: string;
}
interface Roles {
  readonly authinfoOf: (login: Login) => string;
  readonly prepareRoles: (client: pg.Client, owner: Login, service: Login) => Promise<string[]>;
}

/** What the script uses of Citus, for a cluster of one node. */
const ONE_NODE = `
  create table pg_dist_node (nodeid int, groupid int, nodename text, nodeport int);
  insert into pg_dist_node values (1, 0, 'localhost', 5432);
  create table pg_dist_authinfo (nodeid int, rolename name, authinfo text, primary key (rolename, nodeid));
  create function run_command_on_all_nodes(command text) returns table (nodeid int, success bool, result text)
    language plpgsql as $$ begin execute command; return query select 1, true, ''; end $$`;

let database: TestDatabase;
let script: Tables;
let tables: Table[];

beforeAll(async () => {
  database = await createDatabase();
  script = (await import(resolve('deploy/citus/tables.js'))) as Tables;
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  // the table in which Citus keeps what is distributed: nothing
  await client.query('create schema engine');
  await client.query(
    'create table engine.pg_dist_partition (logicalrelid regclass, partmethod "char", repmodel "char")',
  );
  await client.query('set search_path = public, engine');
  tables = await script.tablesOf(client);
  await client.end();
});

afterAll(() => database.drop());

test('every table of the schema has its place in a cluster', () => {
  expect(tables.map(({ name }) => name)).toEqual(expect.arrayContaining(['contact', 'tenant', 'rate_limit']));
  const placed = tables.map((table) => ({ name: table.name, placement: script.placementOf(table) }));
  expect(placed.filter(({ placement }) => placement === null)).toEqual([]);
});

test('tables of a tenant are spread beside its contacts, and refer to none that is spread later', () => {
  const ordered = script.inOrder(tables);
  const early = ordered.flatMap((table, at) => {
    const before = new Set(ordered.slice(0, at).map(({ name }) => name));
    const beside = script.placementOf(table)!.beside === 'contact' ? ['contact'] : [];
    return [...table.refersTo, ...beside].every((name) => before.has(name)) ? [] : [table.name];
  });
  expect(early).toEqual([]);
  expect(ordered).toHaveLength(tables.length);
});

describe('with names and passwords that hold what SQL means something by', () => {
  const NAME = `odd"$&; $do$ ${randomBytes(4).toString('hex')}`;
  const [owner, service] = ['owner', 'service'].map((role) => ({
    role: `${role}_${randomBytes(4).toString('hex')}`,
    password: String.raw`it's "$do$" $& \ ; ${role}`,
  })) as [Login, Login];
  const server = new URL(process.env.TEST_DATABASE_URL!);
  const own = Object.assign(new URL(server), { pathname: `/${encodeURI(NAME)}` });

  afterAll(() =>
    onDatabase(server, async (client) => {
      await client.query(`drop database if exists ${pg.escapeIdentifier(NAME)} with (force)`);
      await client.query(`drop role if exists ${owner.role}, ${service.role}`);
    }),
  );

  test('the roles are made, and each node gets to know their passwords', async () => {
    const { authinfoOf, prepareRoles } = (await import(resolve('deploy/citus/roles.js'))) as Roles;
    await onDatabase(server, (client) => client.query(`create database ${pg.escapeIdentifier(NAME)}`));
    const known = await onDatabase(own, async (client) => {
      await client.query(ONE_NODE);
      await prepareRoles(client, owner, service);
      // with passwords of today
      await prepareRoles(client, owner, service);
      return client.query('select rolename, authinfo from pg_dist_authinfo order by rolename');
    });
    expect(known.rows).toEqual(
      [owner, service].map((login) => ({ rolename: login.role, authinfo: authinfoOf(login) })),
    );
    const asOwner = Object.assign(new URL(own), { username: owner.role });
    await onDatabase(asOwner, (client) => client.query('create table public.own (id int)'));
  });
});

test.each([
  ['a database without Citus', 'check', true, 'this database has no Citus'],
  ['no URL', 'distribute', false, 'ADMIN_URL: set it to a URL'],
  ['an unknown command', 'scatter', false, 'There is no command scatter'],
])('the script refuses %s', (_case, command, hasUrl, message) => {
  const { status, stderr } = spawnSync(process.execPath, ['deploy/citus/cluster.js', command], {
    encoding: 'utf8',
    env: { ...CHILD_ENV, ...(hasUrl && { ADMIN_URL: database.url }) },
  });
  expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining(message) as string });
});

async function onDatabase<T>(url: URL, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
