import { MikroORM } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { ormOptions } from '../../../mikro-orm.config.js';
import { Settings } from '../../../src/config/settings.js';
import { migrate } from '../../../src/database/schema/migrate.js';
import { backfillEvidence } from '../../../src/identity/store/backfill-evidence.js';
import { TcpProxy } from '../../faults/harness/tcp-proxy.js';
import { CHILD_ENV } from '../../support/child-env.js';
import { createDatabase, type TestDatabase } from '../../support/database.js';
import { createGuardedDatabase } from '../../support/roles.js';
import { until } from '../../support/until.js';

let database: TestDatabase;

beforeEach(async () => {
  database = await createDatabase({ isMigrated: false });
});

afterEach(() => database.drop());

function options(): ReturnType<typeof ormOptions> {
  return { ...ormOptions(new Settings({ DATABASE_URL: database.url }), 'migrate'), logger: () => undefined };
}

/** `identity-reconciliation migrate`, as it was built. */
function runCommand(args: string[]): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)(process.execPath, [resolve('dist/src/cli/main.js'), 'migrate', ...args], {
    env: { ...CHILD_ENV, DATABASE_URL: database.url },
  });
}

test('of ten runners at once one applies the migrations, and all succeed', async () => {
  const applied = await Promise.all(Array.from({ length: 10 }, () => migrate(options())));
  const recorded = await database.query<{ name: string }>(
    'select name from mikro_orm_migrations order by id',
  );
  expect(recorded.length).toBeGreaterThan(0);
  expect(applied.flat()).toEqual(recorded.map(({ name }) => name));
});

test('runners that find no free connection wait for one, and all succeed', async () => {
  const guarded = await createGuardedDatabase({ isMigrated: false });
  const url = new URL(guarded.ownerUrl);
  await guarded.database.query(`alter role ${url.username} connection limit 2`);
  const runner = {
    ...ormOptions(new Settings({ DATABASE_URL: url.href }), 'migrate'),
    logger: () => undefined,
  };
  const applied = await Promise.all(Array.from({ length: 8 }, () => migrate(runner, null, backfillEvidence)));
  expect(applied.filter((names) => names.length > 0)).toHaveLength(1);
  await guarded.drop();
});

test('a runner whose connection is not answered in time opens another one', async () => {
  const proxy = await TcpProxy.start(database.url);
  const settings = new Settings({ DATABASE_URL: proxy.through(database.url) });
  proxy.isBlackHole = true;
  const migrating = migrate({ ...ormOptions(settings, 'migrate'), logger: () => undefined });
  await until(() => proxy.connections > 0);
  proxy.isBlackHole = false;
  expect(await migrating).not.toEqual([]);
  await proxy.close();
});

test('after the migrations the schema is what the entities describe', async () => {
  await migrate(options());
  const orm = await MikroORM.init(options());
  const { skipTables } = orm.config.get('schemaGenerator');
  expect(skipTables).toContain('identifier');
  expect(await orm.schema.getUpdateSchemaSQL({ wrap: false })).toBe('');
  await orm.close();
});

test('the claims have the primary key that makes a value in two identities impossible', async () => {
  await migrate(options());
  const [index] = await database.query<{ indexdef: string }>(
    `select indexdef from pg_indexes where indexname = 'identifier_pkey'`,
  );
  expect(index!.indexdef).toContain(
    'UNIQUE INDEX identifier_pkey ON public.identifier USING btree (tenant_id, kind, value) INCLUDE (contact_id)',
  );
});

test('every migration can be undone and applied again', async () => {
  await migrate(options());
  const orm = await MikroORM.init(options());
  await orm.migrator.down({ to: 0 });
  const left = await (orm.em.fork() as SqlEntityManager).execute(
    `select relname from pg_class c join pg_namespace n on n.oid = relnamespace
     where nspname = 'public' and relkind in ('r', 'S') and relname not like 'mikro_orm%'`,
  );
  expect(left).toEqual([]);
  await orm.close();
  expect(await migrate(options())).not.toEqual([]);
});

test('the owner of the tables, whom row level security binds, takes back rows of every tenant', async () => {
  const guarded = await createGuardedDatabase();
  try {
    await guarded.database
      .query(`insert into contact (tenant_id, id, email, link_precedence, created_at, updated_at)
      select 1, id, 'c' || id, 'primary', now(), now() from generate_series(1, 2) id`);
    await guarded.database.query(`insert into identity_merge
      (tenant_id, id, survivor_id, merged_id, left_contact_id, right_contact_id, cause, email, phone_number, created_at)
      values (1, 1, 1, 2, 1, 2, 'renormalised', 'c1', '1', now())`);
    await guarded.database.query(`insert into identifier (tenant_id, kind, value, contact_id, erasure_id)
      values (1, 0, 'c1', 1, null), (1, 0, 'erased', null, 1), (1, 0, 'erased and ruled', null, 1), (1, 0, 'ruled', null, null)`);
    await guarded.database.query(`insert into do_not_link
      (tenant_id, rule_id, kind, value, other_kind, other_value, created_at)
      values (1, 1, 0, 'ruled', 0, 'erased and ruled', now()), (1, 1, 0, 'erased and ruled', 0, 'ruled', now())`);
    const owner = new Settings({ DATABASE_URL: guarded.ownerUrl });
    const orm = await MikroORM.init({ ...ormOptions(owner, 'migrate'), logger: () => undefined });
    try {
      await orm.migrator.down({ to: '20261129160000-policy' });
      expect(await guarded.database.query('select cause from identity_merge')).toEqual([{ cause: 'manual' }]);
      const left = await guarded.database.query('select value from identifier order by 1');
      expect(left).toEqual([{ value: 'c1' }, { value: 'erased and ruled' }, { value: 'ruled' }]);
      await orm.migrator.down({ to: 0 });
    } finally {
      await orm.close();
    }
  } finally {
    await guarded.drop();
  }
});

test('a service role that is not there is named, and the schema is up to date all the same', async () => {
  await expect(migrate(options(), 'nobody_made_it')).rejects.toThrow(
    'DATABASE_SERVICE_ROLE: the role nobody_made_it does not exist',
  );
  expect(await migrate(options())).toEqual([]);
});

test('the parameters of the URL are obeyed: a server without TLS is not spoken to where TLS is required', async () => {
  const url = `${database.url}?sslmode=require`;
  const strict = { ...ormOptions(new Settings({ DATABASE_URL: url }), 'migrate'), logger: () => undefined };
  await expect(migrate(strict)).rejects.toThrow('The server does not support SSL connections');
});

test.each([
  [['--help'], 0, /^Usage: identity-reconciliation migrate /],
  [['--to', 'contacts'], 2, /^error: unknown option '--to'/],
  [['up'], 2, /^error: too many arguments/],
])('the command with %j migrates nothing', async (args, code, said) => {
  const end = await runCommand(args).catch(
    (error: unknown) => error as { code: number; stdout: string; stderr: string },
  );
  expect({ code: 0, ...end }).toMatchObject({ code });
  expect(end.stdout + end.stderr).toMatch(said);
  expect(await database.query("select tablename from pg_tables where schemaname = 'public'")).toEqual([]);
});

test('the command applies what is missing, says what, and applies nothing the second time', async () => {
  expect(await runCommand([])).toEqual({
    stdout: expect.stringMatching(/^Applied \d+-[^\n]+\n$/),
    stderr: '',
  });
  expect(await runCommand([])).toEqual({ stdout: 'The schema is up to date.\n', stderr: '' });
  expect(await migrate(options())).toEqual([]);
});

test('the command lists what is applied and what is pending, and reverts the last one', async () => {
  await runCommand([]);
  const names = (
    await database.query<{ name: string }>('select name from mikro_orm_migrations order by id')
  ).map(({ name }) => name);
  const last = names.at(-1)!;
  expect(await runCommand(['down'])).toEqual({ stdout: `Reverted ${last}\n`, stderr: '' });
  expect((await runCommand(['list'])).stdout).toBe(
    names.map((name) => `${name === last ? 'pending' : 'applied'}  ${name}\n`).join(''),
  );
});
