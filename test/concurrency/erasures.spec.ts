import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importFile } from '../transfer/import/import-text.js';
import { endErasures, placesOf } from '../support/erased.js';
import { useDatabase, useReplicas } from '../support/hooks.js';
import { violations } from '../support/invariants.js';
import { random, seedOf } from '../support/random.js';
import { ambiguousVersions, recordVersions } from '../support/versions.js';

const KEY = 'a key that only the race of erasures uses';
const PEOPLE = 24;
const CALLS_EACH = 16;
const CALLERS = 4;

/** Two processes on one database; in one every identity is kept in the cache, so that a stale one would be found. */
const database = useDatabase();
const services = useReplicas(() =>
  ['1000', '1'].map((cachedFrom) => ({
    DATABASE_URL: database.url,
    ERASURE_KEY: KEY,
    BATCH_MAX: '8',
    IDENTITY_CACHE_MIN_CONTACTS: cachedFrom,
  })),
);
let folder: string;

const clientOf = (i: number) => services[i % 2]!.client;

beforeAll(async () => {
  await recordVersions(database);
  folder = await mkdtemp(join(tmpdir(), 'identity-race-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test('what is erased while calls, undos and an import bring it comes back by none of them', async () => {
  const next = random(seedOf('race of erasures'));
  const some = (count: number): number => Math.floor(next() * count);
  const statuses: Record<string, number> = {};
  const count = (what: string, status: number): void => {
    statuses[`${what} ${status}`] = (statuses[`${what} ${status}`] ?? 0) + 1;
  };
  for (let person = 0; person < PEOPLE; person++) {
    const emails = [1, 2, 3].map((i) => `person${person}e${i}@hillvalley.edu`);
    const phones = [1, 2, 3].map((i) => `99${String(person).padStart(3, '0')}${i}`);
    const body = (): object => ({ email: emails[some(3)], phoneNumber: phones[some(3)] });
    // The friend shares a phone with her, until an undo says that they are two.
    const friend = `friend${person}@hillvalley.edu`;
    await clientOf(0).identify({ email: emails[0], phoneNumber: phones[0] });
    await clientOf(1).identify({ email: friend, phoneNumber: `88${String(person).padStart(3, '0')}` });
    await clientOf(0).identify({ email: friend, phoneNumber: phones[0] });
    const path = join(folder, `${person}.csv`);
    const rows = Array.from({ length: 6 }, () => `${emails[some(3)]},${phones[some(3)]}`);
    await writeFile(path, `email,phoneNumber\n${rows.join('\n')}\n`);

    const merges = await database.query<{ id: number }>('select max(id)::int as id from identity_merge');
    const calls = Array.from({ length: CALLS_EACH }, async (_, i) => {
      const { status } = await clientOf(i).send('POST', '/identify', body());
      count('identify', status);
    });
    const undo = clientOf(person).send('POST', `/merges/${merges[0]!.id}/undo`, { reason: 'They are two' });
    if (person === 0) {
      // Otherwise chance says whether the friend is erased with her.
      await undo;
    }
    const erased = clientOf(person + 1).send('POST', '/erasures', {
      identifier: { kind: 'email', value: emails[0] },
      scope: 'identity',
      blockedForDays: 30,
      reason: 'Asked for by letter',
    });
    const imported = importFile({ DATABASE_URL: database.url, ERASURE_KEY: KEY }, path);
    let isErased = false;
    const again = Array.from({ length: CALLERS }, async (_, i) => {
      // The last one knows that it comes after the erasure.
      let isLast: boolean;
      do {
        isLast = isErased;
        const { status } = await clientOf(i + 1).send('POST', '/identify', { email: emails[0] });
        count('identify again', status);
        expect(isLast ? status : 422).toBe(422);
      } while (!isLast);
    });
    const [first] = await Promise.all([
      erased.finally(() => (isErased = true)),
      undo,
      imported,
      ...calls,
      ...again,
    ]);
    count('erase', first.status);
    // What the undo put apart, or a call brought that came first, is erased by its own identifier.
    for (const [kind, values] of [
      ['email', emails],
      ['phoneNumber', phones],
    ] as const) {
      for (const value of values) {
        const { status } = await clientOf(person).send('POST', '/erasures', {
          identifier: { kind, value },
          scope: 'identifier',
          blockedForDays: 30,
          reason: 'Asked for by letter',
        });
        expect(status).toBe(202);
      }
    }
    const values = [...emails, ...phones];
    const places = await placesOf(database, values);
    expect(places.filter((place) => !place.startsWith('identifier:'))).toEqual([]);
    // A late call is refused by each process, whatever it knew.
    for (const { client } of services) {
      expect((await client.send('POST', '/identify', body())).status).toBe(422);
    }
    expect(await violations(database)).toEqual({});
  }
  process.stdout.write(`race of erasures: ${JSON.stringify(statuses)}\n`);
  await endErasures(database, clientOf(0));
  expect(await placesOf(database, ['person'])).toEqual([]);
  expect(await database.query(`select from erasure where status = 'running'`)).toEqual([]);
  expect(await violations(database)).toEqual({});
  expect(await ambiguousVersions(database)).toEqual([]);
  // The friends are there, each alone.
  const friends = await database.query<{ email: string }>(
    `select email from contact where deleted_at is null and email like 'friend%'`,
  );
  expect(statuses['identify 200']).toBeGreaterThan(0);
  expect(statuses['identify again 200']).toBeGreaterThan(0);
  expect(friends.length).toBeGreaterThan(0);
}, 300_000);
