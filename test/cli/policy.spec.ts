import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command, type Finished } from '../support/command.js';
import { useApp, useDatabase } from '../support/hooks.js';

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'identity-policy-'));
});

beforeEach(async () => {
  await database.clear();
  await database.query('truncate tenant_policy, identifier_kind');
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (...args: string[]): Promise<Finished> =>
  command(['policy', ...args], { DATABASE_URL: database.url });

interface ShownPolicy {
  readonly maxContacts: number | null;
  readonly kinds: readonly { readonly name: string }[];
}

const shown = async (): Promise<ShownPolicy> =>
  JSON.parse((await run('show', '--json')).stdout) as ShownPolicy;

async function file(name: string, content: unknown): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const DEFAULT = `Contacts of an identity: at most 1000
KIND         NORMALISER  PRIORITY  OF AN IDENTITY  MAX LENGTH  STATE
email        email       20        any number      254         in use
phoneNumber  phone       30        any number      16          in use
`;

test('a policy from its defaults to kinds of its own', async () => {
  expect(await run('show')).toEqual({ code: 0, stdout: DEFAULT, stderr: '' });
  const add = ['customerId', '--priority', '10', '--one-per-identity', '--max-length', '64'];
  const dry = await run('kinds', 'add', ...add, '--dry-run');
  expect(dry).toMatchObject({ code: 0, stderr: '' });
  expect(dry.stdout).toMatch(/^The policy would become:\n/);
  expect(await run('show')).toMatchObject({ stdout: DEFAULT });

  const added = await run('kinds', 'add', ...add, '--reason', 'Our own number');
  expect(added).toEqual({
    code: 0,
    stderr: '',
    stdout: `Changed the policy by change 1. It is in force on every replica within 5 seconds:
Contacts of an identity: at most 1000
KIND         NORMALISER  PRIORITY  OF AN IDENTITY  MAX LENGTH  STATE
customerId   trim        10        at most 1       64          in use
email        email       20        any number      254         in use
phoneNumber  phone       30        any number      16          in use
`,
  });
  await run('kinds', 'add', 'username', '--normaliser', 'lowercase', '--max-per-identity', '3');
  expect((await run('kinds', 'retire', 'username')).stdout).toMatch(
    /\nusername +lowercase +100 +at most 3 +254 +retired\n/,
  );
  expect((await run('kinds', 'restore', 'username')).stdout).toMatch(/\nusername .* in use\n/);
  expect((await run('set', '--max-contacts', 'none')).stdout).toMatch(/: any number\n/);
  expect((await run('set', '--max-contacts', 'none')).stdout).toMatch(/^The policy is like that already\.\n/);
  expect(await database.query('select kind, actor, reason, is_changed from change order by id')).toEqual([
    { kind: 'policy', actor: 'cli', reason: 'Our own number', is_changed: true },
    ...Array.from({ length: 4 }, () => ({ kind: 'policy', actor: 'cli', reason: null, is_changed: true })),
  ]);
});

test('a file in the form of the policy replaces all of it', async () => {
  await run('kinds', 'add', 'customerId');
  const { kinds } = await shown();
  const policy = { maxContacts: 5, kinds: kinds.map((kind) => ({ ...kind, priority: 7 })) };
  expect(await run('set', '--file', await file('policy.json', policy))).toMatchObject({
    code: 0,
    stderr: '',
  });
  expect(await shown()).toEqual(policy);
});

test('what exceeds a lowered limit is listed, by a dry run too, and stays', async () => {
  for (const phoneNumber of ['1', '2', '3']) {
    await app.client.identify({ email: 'lorraine@hillvalley.edu', phoneNumber });
  }
  const exceeding = `
These identities exceed a limit. They stay as they are, and may not grow:
ID  LIMIT        HAS  EMAIL                    PHONE NUMBER
1   maxContacts  3    lorraine@hillvalley.edu  1
`;
  const dry = await run('set', '--max-contacts', '2', '--dry-run');
  expect(dry.stdout).toMatch(/^The policy would become:\n/);
  expect(dry.stdout.endsWith(exceeding)).toBe(true);
  const { stdout } = await run('set', '--max-contacts', '2', '--json');
  expect(JSON.parse(stdout)).toMatchObject({
    maxContacts: 2,
    changeId: expect.any(Number),
    exceeding: [{ contact: { primaryContactId: 1 }, limit: 'maxContacts', count: 3 }],
    exceedingCount: 1,
  });
  expect(await app.client.find(1)).toMatchObject({ phoneNumbers: ['1', '2', '3'] });
});

test.each<[string[], string]>([
  [['set'], 'Give --max-contacts or --file.\n'],
  [['set', '--max-contacts', '0'], 'It must be a whole number from 1 to 1000000.'],
  [['set', '--max-contacts', '5', '--file', 'x.json'], "option '--file <file>' cannot be used with option"],
  [['set', '--file', '/nowhere.json'], "/nowhere.json can't be read: there is no such file.\n"],
  [['kinds', 'add', 'Name'], 'kinds[2].name: name must have 1 to 63 letters and digits of ASCII'],
  [['kinds', 'add', 'constructor'], 'kinds[2].name: constructor has another meaning'],
  [['kinds', 'add', 'email'], 'There is a kind email already.\n'],
  [['kinds', 'add', 'x', '--normaliser', 'none'], "argument 'none' is invalid"],
  [['kinds', 'add', 'x', '--priority', '1001'], 'It must be a whole number from 1 to 1000.'],
  [['kinds', 'retire', 'email'], "kinds[0].retired: email can't be retired.\n"],
  [['kinds', 'retire', 'x'], 'There is no kind x.\n'],
  [['show', '--tenant', 'nobody'], 'There is no tenant "nobody"'],
])('%j is refused', async (args, reason) => {
  const { code, stdout, stderr } = await run(...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(reason);
  expect(await database.query('select from change')).toEqual([]);
});

test('a file that is no policy is refused', async () => {
  const noJson = await run('set', '--file', await file('no.json', '{"maxContacts":'));
  expect(noJson).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('no.json is not a JSON object.\n'),
  });
  const misspelled = await run('set', '--file', await file('misspelled.json', { maxContact: 5, kinds: [7] }));
  expect(misspelled).toMatchObject({
    code: 2,
    stderr: 'maxContact: "maxContact" is not known; did you mean maxContacts?.\n',
  });
});
