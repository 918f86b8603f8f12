import { Command, command, type Finished } from '../support/command.js';
import { useApp, useDatabase } from '../support/hooks.js';
import { violations } from '../support/invariants.js';
import { until } from '../support/until.js';

const ZEROS = '0000000000';

interface Told {
  readonly id: number;
  readonly kind: string;
  readonly pattern: string;
}
interface Count {
  readonly kind: string;
  readonly pattern: string;
  readonly contacts: number;
  readonly identities: number;
}

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));

beforeEach(async () => {
  await database.clear();
  await database.query('delete from blocked_value');
});

afterEach(async () => {
  expect(await violations(database)).toEqual({});
});

const run = (...args: string[]): Promise<Finished> =>
  command(['blocked-values', ...args], { DATABASE_URL: database.url });

const listed = async (): Promise<Told[]> => JSON.parse((await run('list', '--json')).stdout) as Told[];

async function identify(email: string | null, phoneNumber: string | null): Promise<void> {
  await app.client.identify({ email, phoneNumber });
}

test('a blocked value from its making to its end', async () => {
  const add = ['add', '--kind', 'email', '--pattern', ' NoReply@* '];
  expect(await run(...add)).toEqual({
    code: 0,
    stdout: 'Blocked 1 value, 0 were blocked already.\n0 identities with such values keep them.\n',
    stderr: '',
  });
  expect((await run(...add)).stdout).toContain('Blocked 0 values, 1 were blocked already.\n');
  const [blocked, ...others] = await listed();
  expect([blocked, others]).toMatchObject([{ kind: 'email', pattern: 'noreply@*' }, []]);
  expect((await run('list')).stdout).toMatch(/^ID +KIND +PATTERN +BLOCKED\n\d+ +email +noreply@\* +\d{4}-/);
  const id = String(blocked!.id);
  expect(await run('remove', id, '--reason', 'A mistake')).toEqual({
    code: 0,
    stdout: `Deleted blocked value ${id}\n`,
    stderr: '',
  });
  expect(await run('remove', id)).toEqual({
    code: 2,
    stdout: '',
    stderr: `There is no blocked value ${id}.\n`,
  });
  expect(await database.query('select kind, actor, reason from change order by id')).toEqual([
    { kind: 'block', actor: 'cli', reason: 'Blocked with the command line' },
    { kind: 'block-delete', actor: 'cli', reason: 'A mistake' },
  ]);
});

test('the placeholders: who has them, and what becomes of those', async () => {
  await identify('lorraine@hillvalley.edu', ZEROS);
  await identify('george@hillvalley.edu', ZEROS);
  await identify('biff@hillvalley.edu', ZEROS);
  await identify('noreply@hillvalley.edu', '717171');
  await identify('doc@hillvalley.edu', '717171');
  const preset = ['add', '--preset', 'placeholders', '--existing', 'split'];

  const dry = await run(...preset, '--dry-run');
  expect(dry.stderr).toBe('');
  expect(dry.stdout).toMatch(
    new RegExp(
      [
        String.raw`KIND +PATTERN +CONTACTS +IDENTITIES`,
        String.raw`phoneNumber +${ZEROS} +3 +1`,
        String.raw`email +noreply@\* +1 +1`,
        String.raw`Nobody has the other \d+ values\.`,
        String.raw`\d+ values would be blocked, 0 are blocked already\.`,
        String.raw`2 identities with such values would lose them\.`,
      ].join('\n'),
    ),
  );
  expect(await listed()).toEqual([]);
  const counts = JSON.parse((await run(...preset, '--dry-run', '--json')).stdout) as Count[];
  expect(counts.filter(({ contacts }) => contacts > 0)).toEqual([
    { kind: 'email', pattern: 'noreply@*', contacts: 1, identities: 1 },
    { kind: 'phoneNumber', pattern: ZEROS, contacts: 3, identities: 1 },
  ]);

  const made = await run(...preset);
  expect(made.code).toBe(0);
  expect(made.stdout).toBe(
    `Blocked ${counts.length} values, 0 were blocked already.\n2 identities with such values lost them.\n`,
  );
  expect(made.stderr).toMatch(/^Waiting 10 s until every replica knows/);
  expect(await listed()).toHaveLength(counts.length);
  expect(await database.query(`select kind, value from identifier order by 1, 2`)).toEqual([
    ...['biff', 'doc', 'george', 'lorraine'].map((name) => ({ kind: 0, value: `${name}@hillvalley.edu` })),
    { kind: 1, value: '717171' },
  ]);
  expect((await run(...preset, '--dry-run')).stdout).toContain(
    `0 values would be blocked, ${counts.length} are blocked already.\n`,
  );
});

test('what another replica links before it knows is taken out again, but not what was freed and blocked to be kept', async () => {
  await identify('lorraine@hillvalley.edu', '4711');
  await identify('doc@hillvalley.edu', '4712');
  const split = (pattern: string): Command =>
    new Command(
      ['blocked-values', 'add', '--kind', 'phoneNumber', '--pattern', pattern, '--existing', 'split'],
      { DATABASE_URL: database.url },
      '',
    );
  const adding = [split('4711'), split('4712')];
  const blockOf = async (pattern: string): Promise<number | undefined> =>
    (await database.query<{ id: number }>(`select id from blocked_value where pattern = '${pattern}'`))[0]
      ?.id;
  // The service is in use, so it has read the policy not long before, and knows the old one for some seconds.
  await until(async () => {
    await identify('lorraine@hillvalley.edu', null);
    return (await blockOf('4711')) !== undefined;
  });
  await identify('george@hillvalley.edu', '4711');
  await identify('biff@hillvalley.edu', '4711');

  await until(
    async () => (await database.query(`select value from identifier where value = '4712'`)).length === 0,
  );
  await app.client.send('DELETE', `/blocked-values/${await blockOf('4712')}`);
  await identify('doc@hillvalley.edu', '4712');
  const kept = { kind: 'phoneNumber', pattern: '4712', existing: 'keep', reason: 'The number of a doctor' };
  expect(await app.client.send('POST', '/blocked-values', kept)).toMatchObject({ status: 201 });

  for (const each of adding) {
    expect(await each.end()).toMatchObject({ code: 0 });
  }
  expect(await database.query(`select value from identifier where kind = 1`)).toEqual([{ value: '4712' }]);
  expect(await database.query('select id from contact where linked_id is not null')).toHaveLength(1);
});

test.each([
  [['add'], 'give --kind and --pattern, or --preset'],
  [['add', '--kind', 'email'], 'give --kind and --pattern, or --preset'],
  [['add', '--kind', 'email', '--preset', 'placeholders'], 'give --kind and --pattern, or --preset'],
  [['add', '--preset', 'spam'], 'Allowed choices are placeholders'],
  [['add', '--kind', 'email', '--pattern', '*'], 'pattern must not match everything.'],
  [['add', '--kind', 'email', '--pattern', 'nobody'], 'pattern must be a valid email address.'],
  [['add', '--kind', 'name', '--pattern', 'x'], 'kind must be'],
  [['add', '--kind', 'email', '--pattern', 'a@*', '--existing', 'drop'], 'Allowed choices are keep, split'],
  [['add', '--kind', 'email', '--pattern', 'a@*', '--reason', ' '], 'reason must not be empty.'],
  [['list', '--tenant', 'nobody'], 'There is no tenant "nobody"'],
  [['remove', 'x'], 'whole number'],
])('%j is refused', async (args, reason) => {
  const { code, stdout, stderr } = await run(...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(reason);
});
