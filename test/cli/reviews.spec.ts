import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command, type Finished } from '../support/command.js';
import { useApp, useDatabase } from '../support/hooks.js';
import { storedRows, violations } from '../support/invariants.js';

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));
let folder: string;

const run = (...args: string[]): Promise<Finished> =>
  command(['reviews', ...args], { DATABASE_URL: database.url });

const decide = (...args: string[]): Promise<Finished> =>
  run('decide', '--reason', 'They called', '--quiet', ...args);

const GEORGE = { kind: 'email', value: 'george@hillvalley.edu' };
const BIFF = { kind: 'email', value: 'biff@hillvalley.edu' };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reviews-'));
});

afterAll(() => rm(folder, { recursive: true }));

/** George (1) and Biff (2 and on) are kept apart; four numbers of Biff came with George: reviews 1 to 4. */
beforeEach(async () => {
  await database.clear();
  const numbers = ['81', '82', '83', '84'];
  await app.client.identify({ email: GEORGE.value });
  for (const phoneNumber of numbers) {
    await app.client.identify({ email: BIFF.value, phoneNumber });
  }
  await app.client.send('POST', '/rules', { identifiers: [GEORGE, BIFF], reason: 'They are two' });
  for (const phoneNumber of numbers) {
    await app.client.identify({ email: GEORGE.value, phoneNumber });
  }
});

afterEach(async () => {
  expect(await violations(database)).toEqual({});
});

const decisions = async (): Promise<(string | null)[]> =>
  (await database.query<{ decision: string | null }>('select decision from review order by id')).map(
    ({ decision }) => decision,
  );

const summary = (
  title: string,
  counts: [decided: number, before: number, blocked: number, missing: number],
) => {
  const [decided, before, blocked, missing] = counts;
  const all = decided + before + blocked + missing;
  const would = title === 'Dry run' ? 'would be decided' : 'decided';
  return expect.stringMatching(
    new RegExp(
      `^${title}: ${all} review${all === 1 ? '' : 's'} in .*\n  ${decided} ${would}\n  ${before} were decided before\n  ${blocked} can't be linked: .*\n  ${missing} are not there\n$`,
    ),
  ) as unknown;
};

test('list shows the open reviews, and the decided ones, for people and as the API does', async () => {
  await app.client.send('POST', '/reviews/2', { decision: 'keep-apart', reason: 'They called' });
  const { code, stdout } = await run('list');
  const aTime = / +\d{4}-\d\d-\d\d \d\d:\d\dZ/g;
  expect({ code, lines: stdout.replaceAll(aTime, '').replaceAll(/ {2,}/g, ' | ').split('\n') }).toEqual({
    code: 0,
    lines: [
      'ID | IDENTIFIER | OTHER | WITHHELD BY | CONTACTS | OPENED | DECISION',
      '1 | email george@hillvalley.edu | phoneNumber 81 | do-not-link | 1, 2 | -',
      '3 | email george@hillvalley.edu | phoneNumber 83 | do-not-link | 1, 4 | -',
      '4 | email george@hillvalley.edu | phoneNumber 84 | do-not-link | 1, 5 | -',
      '',
    ],
  });
  const { body } = await app.client.send<{ reviews: unknown }>('GET', '/reviews?state=decided');
  expect(JSON.parse((await run('list', '--state', 'decided', '--json')).stdout)).toEqual(body.reviews);
});

test('decide tells what would be, decides each by a change of its own, and changes nothing when repeated', async () => {
  const before = await storedRows(database);
  const keepApart = ['1', '3', '4711', '--decision', 'keep-apart'];
  expect(await decide(...keepApart, '--dry-run')).toMatchObject({
    code: 1,
    stdout: summary('Dry run', [2, 0, 0, 1]),
  });
  expect(await storedRows(database)).toEqual(before);
  expect(await decide(...keepApart)).toMatchObject({ code: 1, stdout: summary('Done', [2, 0, 0, 1]) });
  expect(await decide('1', '3', '--decision', 'link')).toMatchObject({
    code: 0,
    stdout: summary('Done', [0, 2, 0, 0]),
  });
  expect(await decisions()).toEqual(['keep-apart', null, 'keep-apart', null]);
  expect(await database.query(`select actor, reason, is_changed from change where kind = 'review'`)).toEqual(
    Array.from({ length: 2 }, () => ({ actor: 'cli', reason: 'They called', is_changed: true })),
  );
});

test('decide takes all that are open and were opened for a reason, as JSON too', async () => {
  await database.query(`update review set reason = 'limit' where id = 2`);
  expect(await decide('--all', 'limit', '--decision', 'keep-apart')).toMatchObject({
    code: 0,
    stdout: summary('Done', [1, 0, 0, 0]),
  });
  expect(await decisions()).toEqual([null, 'keep-apart', null, null]);
  const { code, stdout } = await decide('--all', 'any', '--decision', 'link', '--json');
  // The first one links them, and so the others.
  expect({ code, ...(JSON.parse(stdout) as object) }).toMatchObject({
    code: 0,
    reviews: 3,
    missing: 0,
    blocked: 0,
    isDryRun: false,
    isComplete: true,
  });
  expect(await decisions()).toEqual(['link', 'keep-apart', 'link', 'link']);
  expect((await decide('--all', 'any', '--decision', 'link')).stdout).toEqual(summary('Done', [0, 0, 0, 0]));
});

test('decide takes the ids of a file, goes on after those that can’t be linked, and shows how far it is', async () => {
  const blocked = { kind: 'phoneNumber', pattern: '82', existing: 'keep', reason: 'A placeholder' };
  expect((await app.client.send('POST', '/blocked-values', blocked)).status).toBe(201);
  const file = join(folder, 'ids.txt');
  await writeFile(file, '2\n\n 1 \r\n');
  const { code, stdout, stderr } = await run(
    'decide',
    '--file',
    file,
    '--decision',
    'link',
    '--reason',
    'They called',
  );
  expect({ code, stdout, stderr }).toEqual({
    code: 1,
    stdout: summary('Done', [1, 0, 1, 0]),
    stderr: 'Review 2: an identifier of the review may link nobody\n',
  });
  const [made] = await database.query<{ id: number }>('select id::int from blocked_value');
  await app.client.send('DELETE', `/blocked-values/${made!.id}`);
  await writeFile(file, '1\nx\n');
  expect(await decide('--file', file, '--decision', 'link')).toEqual({
    code: 2,
    stdout: '',
    stderr: 'Line 2 is no id of a review.\n',
  });
});

test.each([
  [['--decision', 'link'], 'Name the reviews: by their ids, by --all, or by --file.\n'],
  [['1', '--all', 'any', '--decision', 'link'], 'Name the reviews: by their ids, by --all, or by --file.\n'],
  [['x', '--decision', 'link'], expect.stringContaining("command-argument value 'x' is invalid")],
  [['1', '--decision', 'merge'], expect.stringContaining('Allowed choices are link, keep-apart.')],
  [['1'], expect.stringContaining("required option '--decision <decision>' not specified")],
  [['--all', 'placeholder', '--decision', 'link'], expect.stringContaining('Allowed choices are limit')],
])('what can’t be decided is told before anything is done: %j', async (args, stderr) => {
  expect(await decide(...args)).toEqual({ code: 2, stdout: '', stderr });
  expect(await decisions()).toEqual([null, null, null, null]);
});
