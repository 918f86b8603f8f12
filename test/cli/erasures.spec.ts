import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command, type Finished } from '../support/command.js';
import type { TestDatabase } from '../support/database.js';
import { placesOf } from '../support/erased.js';
import { useApp, useDatabase } from '../support/hooks.js';
import { violations } from '../support/invariants.js';

const KEY = 'a key that only the tests of this command use';
const LORRAINE = { email: 'lorraine@hillvalley.edu', phoneNumber: '4711000' };
const MCFLY = { email: 'mcfly@hillvalley.edu', phoneNumber: '4711000' };
const GEORGE = { email: 'george@hillvalley.edu', phoneNumber: '9191919' };
const MARTY = { email: 'marty@hillvalley.edu', phoneNumber: '8888888' };
const OF_LORRAINE = [LORRAINE.email, MCFLY.email, LORRAINE.phoneNumber];
const database = useDatabase();
const restored = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url, ERASURE_KEY: KEY }));
const onRestored = useApp(() => ({ DATABASE_URL: restored.url, ERASURE_KEY: KEY }));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'identity-erasures-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (on: TestDatabase, args: string[], key = KEY): Promise<Finished> =>
  command(['erasures', ...args], { DATABASE_URL: on.url, ERASURE_KEY: key });

async function erase(body: object): Promise<void> {
  const reply = await app.client.send('POST', '/erasures', { reason: 'Asked for by letter', ...body });
  expect(reply.status).toBe(202);
}

test('erasures are repeated on a restored backup, and nothing else is touched there', async () => {
  // The backup has what was there before the erasures.
  for (const { client } of [app, onRestored]) {
    for (const body of [LORRAINE, MCFLY, GEORGE]) {
      await client.identify(body);
    }
    await client.send('POST', '/rules', {
      identifiers: [
        { kind: 'email', value: LORRAINE.email },
        { kind: 'email', value: 'biff@hillvalley.edu' },
      ],
      reason: 'They are two',
    });
  }
  await erase({ contactId: 2, scope: 'identity' });
  await erase({ identifier: { kind: 'phoneNumber', value: GEORGE.phoneNumber }, scope: 'identifier' });
  const path = join(folder, 'erasures.ndjson');
  expect(await run(database, ['export', path])).toMatchObject({ code: 0, stderr: 'Exported 2 erasures\n' });
  const text = await readFile(path, 'utf8');
  expect([...OF_LORRAINE, GEORGE.phoneNumber].filter((value) => text.includes(value))).toEqual([]);

  // After the restore somebody new gets an id that an erased contact might have had, and a late call comes.
  const newcomer = await onRestored.client.identify(MARTY);
  expect(
    await run(restored, ['apply', path, '--quiet'], 'another key, which is as long as it must be'),
  ).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('ERASURE_KEY is not the key'),
  });
  expect(await run(restored, ['apply', path])).toMatchObject({
    code: 0,
    stdout: 'Repeated 2 erasures: 3 contacts, 4 identifiers; 0 were there already\n',
    stderr: expect.stringContaining('rows'),
  });
  expect(await placesOf(restored, [...OF_LORRAINE, GEORGE.phoneNumber, 'biff@'])).toEqual([]);
  expect(await onRestored.client.find(3)).toMatchObject({ emails: [GEORGE.email], phoneNumbers: [] });
  expect(await onRestored.client.find(newcomer.primaryContactId)).toEqual(newcomer);
  expect(await violations(restored)).toEqual({});

  expect(await run(restored, ['apply', path, '--json', '--quiet'])).toMatchObject({
    code: 0,
    stdout: '{"repeated":0,"known":2,"contacts":0,"identifiers":0}\n',
  });
  const listed = await run(restored, ['list', '--json']);
  expect(JSON.parse(listed.stdout)).toMatchObject([
    { status: 'done', scope: 'identity', contacts: 2, identifiers: 3 },
    { status: 'done', scope: 'identifier', contacts: 1, identifiers: 1 },
  ]);
  // The tombstones are as old as the erasures: an old record does not bring anybody back.
  const rows = join(folder, 'people.csv');
  await writeFile(rows, `email,phoneNumber\n${Object.values(LORRAINE).join()}\n`);
  const imported = await command(['import', rows, '--json', '--quiet'], {
    DATABASE_URL: restored.url,
    ERASURE_KEY: KEY,
  });
  expect(JSON.parse(imported.stdout)).toMatchObject({ blocked: 1, created: 0 });
});

test('a file that is cut off, or is none of erasures, is refused and changes nothing', async () => {
  const path = join(folder, 'broken.ndjson');
  for (const [text, said] of [
    ['email\nlorraine@hillvalley.edu\n', 'is no JSON object'],
    ['{"emails":[]}\n', 'no file of erasures'],
    [`{"erasures":1,"keyHash":"${'0'.repeat(64)}"}\n{"erasureId":1}\n`, 'Line 2 is no erasure'],
    [`{"erasures":1,"keyHash":"${'0'.repeat(64)}"}\n{"erasu`, 'Line 2 is no JSON object'],
  ] as const) {
    await writeFile(path, text);
    expect(await run(database, ['apply', path])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(said),
    });
  }
});

test('without a key nothing is exported', async () => {
  expect(await run(database, ['export'], '')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('ERASURE_KEY is not set'),
  });
});
