import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text as read } from 'node:stream/consumers';
import { startApp } from '../support/app.js';
import { CHILD_ENV } from '../support/child-env.js';
import { command, type Finished } from '../support/command.js';
import { useDatabase } from '../support/hooks.js';

const database = useDatabase();

const cli = (env: Record<string, string>, ...args: string[]): Promise<Finished> => command(args, env);
const run = (...args: string[]): Promise<Finished> => cli({ DATABASE_URL: database.url }, ...args);

test('tenants and keys from their making to their end', async () => {
  expect(await run('tenants', 'create', 'hill-valley')).toMatchObject({
    code: 0,
    stdout: 'Created tenant hill-valley (2)\n',
  });
  expect(await run('tenants', 'create', 'hill-valley')).toMatchObject({
    code: 2,
    stderr: 'The tenant "hill-valley" exists already.\n',
  });
  const made = await run(
    'keys',
    'create',
    'crm',
    '--tenant',
    'hill-valley',
    '--scope',
    'identify',
    'read',
    'identify',
    '--expires-in',
    '90d',
  );
  expect(made.stdout).toMatch(/^idr_[a-z0-9]{12}_[\w-]{43}\n$/);
  const key = made.stdout.trim();
  const id = key.slice(4, 16);
  expect(made.stderr).toBe(`Key ${id}. It is shown only once:\n`);

  await using app = await startApp({ DATABASE_URL: database.url, AUTH_MODE: 'api-key' });
  const status = async (text: string): Promise<number> =>
    (await app.client.send('POST', '/identify', { email: 'doc@hillvalley.edu' }, { 'x-api-key': text }))
      .status;
  expect(await status(key)).toBe(200);

  const list = await run('keys', 'list');
  expect(list.stdout).toMatch(/^ID +TENANT +NAME +SCOPES +CREATED +LAST USED +STATE\n/);
  expect(list.stdout).toMatch(
    new RegExp(`^${id}  hill-valley  crm   identify,read  .* -  +valid until `, 'm'),
  );
  expect(list.stdout).not.toContain(key.slice(17));

  const rotated = await run('keys', 'rotate', id, '--grace', '1h');
  const successor = rotated.stdout.trim();
  expect(await status(successor)).toBe(200);
  expect(await status(key)).toBe(200);
  // a whole key is understood where its id is asked for
  expect(await run('keys', 'revoke', `Bearer ${successor}`)).toMatchObject({
    code: 0,
    stdout: `Revoked ${successor.slice(4, 16)}\n`,
  });
  expect((await run('keys', 'revoke', successor.slice(4, 16))).code).toBe(0);
  const recorded = await database.query<object>(
    'select kind, actor, reason, key_ids from change where tenant_id = 2 order by id',
  );
  expect(recorded).toEqual([
    { kind: 'key', actor: 'cli', reason: null, key_ids: [id] },
    { kind: 'key-rotate', actor: 'cli', reason: null, key_ids: [id, successor.slice(4, 16)] },
    { kind: 'key-revoke', actor: 'cli', reason: null, key_ids: [successor.slice(4, 16)] },
  ]);
  const rows = JSON.parse((await run('keys', 'list', '--tenant', 'hill-valley', '--json')).stdout) as {
    id: string;
    revokedAt: string | null;
  }[];
  expect(rows.map(({ revokedAt }) => revokedAt !== null)).toEqual([false, true]);

  expect((await run('tenants', 'disable', 'hill-valley')).stdout).toBe('Tenant hill-valley is disabled\n');
  expect((await run('tenants', 'list')).stdout).toMatch(/^2 +hill-valley .* disabled /m);
  expect((await run('tenants', 'enable', 'hill-valley')).code).toBe(0);
});

test.each([
  [['keys', 'create', 'x', '--tenant', 'nobody'], 'There is no tenant "nobody"'],
  [
    ['keys', 'create', 'x', '--scope', 'everything'],
    'It must be one of identify, read, curate, delete, erase, events, admin',
  ],
  [['keys', 'create', 'x', '--expires-in', 'soon'], 'such as 30m, 24h or 90d'],
  [['keys', 'create', 'x', '--expires-in', '0m'], 'the key would never work'],
  [['keys', 'create', ' '], 'It must be 1 to 100 characters'],
  [['keys', 'create', '\u001b[2J'], 'none of them a control character'],
  [['keys', 'create', 'crm\n0'], 'none of them a control character'],
  [['keys', 'revoke', "' or true --"], `There is no key "' or true --"`],
  [['tenants', 'create', "x'; drop table tenant; --"], '1 to 64 letters'],
  [['keys', 'create'], "missing required argument 'name'"],
  [['keys', 'revoke', 'nothing'], 'There is no key "nothing"'],
  [['tenants', 'create', 'a b'], '1 to 64 letters'],
  [['tenants', 'disable', 'nobody'], 'There is no tenant "nobody"'],
  [['keys', 'destroy'], "unknown command 'destroy'"],
])('%j is refused with a reason', async (args, reason) => {
  const result = await run(...args);
  expect(result.code).toBe(2);
  expect(result.stderr).toContain(reason);
});

test('a key that can not be shown is not made, and its predecessor not ended', async () => {
  const keys = async (): Promise<unknown> => JSON.parse((await run('keys', 'list', '--json')).stdout);
  const old = (await run('keys', 'create', 'old')).stdout.slice(4, 16);
  const before = await keys();
  for (const args of [
    ['create', 'new'],
    ['rotate', old],
  ]) {
    const child = spawn(process.execPath, [resolve('dist/src/cli/main.js'), 'keys', ...args], {
      env: { ...CHILD_ENV, DATABASE_URL: database.url },
    });
    child.stdout.destroy();
    const said = read(child.stderr);
    expect(await once(child, 'close')).toEqual([2, null]);
    expect(await said).toContain("The key can't be shown (EPIPE), so it was not created.\n");
  }
  expect(await keys()).toEqual(before);
});

test('a name is kept as it was given, whatever it means elsewhere', async () => {
  const names = [`x'); drop table api_key; -- \\ ? ?? $1 :name {"a":1} é✓`, '__proto__', '?'];
  for (const name of names) {
    expect((await run('keys', 'create', '--', name)).code).toBe(0);
  }
  const rows = JSON.parse((await run('keys', 'list', '--json')).stdout) as { name: string }[];
  expect(rows.map(({ name }) => name)).toEqual(expect.arrayContaining(names));
});

test('imports and exports are of one tenant', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'identity-tenants-'));
  try {
    await run('tenants', 'create', 'mill');
    const file = join(folder, 'people.csv');
    await import('node:fs/promises').then(({ writeFile }) =>
      writeFile(file, 'email,phone\nbiff@hillvalley.edu,717171\n'),
    );
    expect(await run('import', file)).toMatchObject({
      code: 2,
      stderr: 'There are several tenants. Choose one with --tenant.\n',
    });
    expect((await run('import', file, '--tenant', 'mill', '--quiet')).code).toBe(0);
    expect((await run('export', '--tenant', 'mill')).stdout).toContain('biff@hillvalley.edu');
    expect((await run('export', '--tenant', 'default')).stdout).not.toContain('biff');
    expect(await run('export', '--tenant', 'nobody')).toMatchObject({ code: 2 });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test.each([
  [['keys', 'create', '--scope', 'read', 'crm'], /argument 'crm' is invalid\. .* put it before --scope\./],
  [['keys', 'revoke', 'a\u009bb'], /^There is no key "a\\u009bb"; `keys list`/],
  [['\u001b[31m'], /^error: unknown command '\\u001b\[31m'/],
])('%j is answered without a stack or a control character', async (args, message) => {
  const { code, stdout, stderr } = await run(...args);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/(?!\n)\p{Cc}|\n\s+at /u);
});

test.each([['keys list'], ['migrate list'], ['migrate down']])(
  '%s says in one line what is wrong with the data folder or the database',
  async (line) => {
    const folder = await mkdtemp(join(tmpdir(), 'identity-cli-'));
    const file = join(folder, 'file');
    await (await open(file, 'w')).close();
    const args = line.split(' ');
    expect(await cli({ DATA_DIR: file }, ...args)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^The data folder .* can't be used: EEXIST[^\n]*\n$/),
    });
    expect(await cli({ DATABASE_URL: 'postgres://127.0.0.1:1/x' }, ...args)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: 'The command failed: the database is not reachable (ECONNREFUSED).\n',
    });
    await rm(folder, { recursive: true });
  },
);
