import { spawnSync } from 'node:child_process';
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
