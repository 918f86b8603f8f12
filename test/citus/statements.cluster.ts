import pg from 'pg';
import type { Statement } from '../../src/database/session/sql-session.js';
import { createClusterDatabase, type ClusterDatabase } from '../support/cluster.js';
import { declaredStatements } from '../support/statements.js';
import { until } from '../support/until.js';

/** After five times PostgreSQL may keep a plan for all values; so it is tried a few times more than that. */
const TIMES = 8;
const TENANT = 7;

/** What a value may be refused for: it is made up. Anything else is the engine's or the role's refusal. */
const OF_VALUES = /^2[23]/;

/** Of the owner, for the command line. */
const NOT_OF_SERVICE = /^(backfill_|dry_run_|import_analyse)/;

let cluster: ClusterDatabase;
let service: pg.Client;

beforeAll(async () => {
  cluster = await createClusterDatabase();
  service = await connect();
}, 120_000);

afterAll(async () => {
  await service.end();
  await cluster.drop();
});

test('the script leaves nothing to do, and may be repeated', async () => {
  await expect(cluster.script('check')).resolves.toBe('The cluster is as the service needs it.\n');
  await expect(cluster.script('roles')).resolves.toContain('are on every node');
  await expect(cluster.script('distribute')).resolves.toBe('Every table is distributed already.\n');
});

test('the service may run every statement under its name, in a transaction that names the tenant', async () => {
  const statements = (await declaredStatements()).filter(
    ({ name, text }) => !NOT_OF_SERVICE.test(name) && !/^(set|begin|analyze) /.test(text),
  );
  expect(statements.length).toBeGreaterThan(100);
  const refused: string[] = [];
  for (const statement of statements) {
    const types = await typesOf(statement);
    for (let time = 0; time < TIMES; time++) {
      const refusal = await refusalOf(
        statement,
        types.map((type, at) => (at === 0 && type === 'integer' ? TENANT : madeUp(type, time))),
      );
      if (refusal !== null) {
        refused.push(`${statement.name}: ${refusal}`);
        break;
      }
    }
  }
  expect(refused).toEqual([]);
}, 120_000);

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: cluster.serviceUrl });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function inTenant<T>(work: () => Promise<T>): Promise<T> {
  await service.query('begin');
  await service.query(`set local citus.propagate_set_commands = 'local'`);
  await service.query(`set local identity.tenant_id = ${TENANT}`);
  const result = await work();
  await service.query('rollback');
  return result;
}

async function typesOf({ name, text }: Statement): Promise<string[]> {
  await service.query(`prepare typed_${name} as ${text}`);
  const { rows } = await service.query<{ types: string[] }>(
    'select parameter_types::text[] as types from pg_prepared_statements where name = $1',
    [`typed_${name}`],
  );
  await service.query(`deallocate typed_${name}`);
  return rows[0]!.types;
}

/** Why a statement can't be run; null: it can. */
async function refusalOf({ name, text }: Statement, values: unknown[]): Promise<string | null> {
  try {
    await inTenant(() => service.query({ name, text, values }));
    return null;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code === undefined) {
      // a statement can end the node: there it is the planner that fails, not the statement
      await until(() =>
        connect().then(
          (client) => ((service = client), true),
          () => false,
        ),
      );
      return message;
    }
    await service.query('rollback');
    return OF_VALUES.test(code) ? null : `${code} ${message}`;
  }
}

function madeUp(type: string, time: number): unknown {
  const scalar = /^(\w[\w ]*?)(\[\])?$/.exec(type)!;
  const value = scalarOf(scalar[1]!, time);
  return scalar[2] === undefined ? value : [value];
}

function scalarOf(type: string, time: number): unknown {
  switch (type) {
    case 'integer':
    case 'bigint':
    case 'smallint':
    case 'double precision':
    case 'numeric':
      return String(time + 1);
    case 'boolean':
      return time % 2 === 0;
    case 'timestamp with time zone':
    case 'timestamp without time zone':
      return new Date(1_700_000_000_000 + time).toISOString();
    case 'jsonb':
    case 'json':
      return '{}';
    case 'bytea':
      return Buffer.from([time]);
    default:
      return `{"value":${time}}`;
  }
}
