import { Command } from '../support/command.js';
import { useDatabase, useReplicas } from '../support/hooks.js';
import { partition, violations } from '../support/invariants.js';
import { addOldForms, dialled, international, REGION } from '../support/old-forms.js';
import { random, seedOf } from '../support/random.js';
import { closure } from '../support/union-find.js';
import { ambiguousVersions, recordVersions } from '../support/versions.js';
import type { IdentifyBody } from '../support/wire.js';

const PEOPLE = 250;
const CALLERS = 4;

/** Two processes on one database; in one every identity is kept in the cache, so that a stale one would be found. */
const database = useDatabase();
const services = useReplicas(() =>
  ['1000', '1'].map((cachedFrom) => ({
    DATABASE_URL: database.url,
    DEFAULT_PHONE_REGION: REGION,
    IDENTITY_CACHE_MIN_CONTACTS: cachedFrom,
  })),
);

beforeAll(() => recordVersions(database));

test('what is renormalised while two processes identify the same people ends as if it had been so from the start', async () => {
  const next = random(seedOf('race of normal forms'));
  const some = (): number => Math.floor(next() * PEOPLE);
  const sightings = await addOldForms(database, PEOPLE);
  const command = new Command(['identities', 'renormalise', '--quiet', '--json'], {
    DATABASE_URL: database.url,
    DEFAULT_PHONE_REGION: REGION,
  });
  const call = async (caller: number, body: IdentifyBody, normal: IdentifyBody): Promise<void> => {
    const shown = await services[caller % 2]!.client.identify(body);
    sightings.push(normal);
    expect(shown.phoneNumbers).toContain(normal.phoneNumber);
  };
  let calls = 0;
  const caller = async (_: unknown, index: number): Promise<void> => {
    for (; command.isRunning; calls++) {
      const i = some();
      // mostly their own number; otherwise that of somebody else, so that identities merge, but not all into one
      const other = next() < 0.95 ? i : some();
      const email = `person${i}@hillvalley.edu`;
      await call(index, { email, phoneNumber: dialled(other) }, { email, phoneNumber: international(other) });
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  const { code, stdout } = await command.end();
  const done = JSON.parse(stdout) as { changed: number; merges: number };
  process.stdout.write(
    `race of normal forms: ${calls} calls, ${done.changed} changed, ${done.merges} merged\n`,
  );
  expect(code).toBe(0);
  expect(await violations(database)).toEqual({});
  expect(await partition(database)).toEqual(closure(sightings));
  expect(await ambiguousVersions(database)).toEqual([]);
  // Both know it at once, whatever they keep.
  for (let i = 0; i < 20; i++) {
    const body = { email: `person${i}@hillvalley.edu`, phoneNumber: international(i) };
    const [one, other] = await Promise.all(services.map(({ client }) => client.identify(body)));
    expect(one).toEqual(other);
    expect(one!.phoneNumbers).not.toContain(dialled(i));
  }
  expect(done.changed).toBeGreaterThan(PEOPLE / 2);
  expect(done.merges).toBeGreaterThan(0);
  expect(calls).toBeGreaterThan(0);
}, 60_000);
