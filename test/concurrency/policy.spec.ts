import { setTimeout as sleep } from 'node:timers/promises';
import { IN_FORCE_AFTER_MS } from '../../src/identity/blocking.service.js';
import type { ServiceClient } from '../support/client.js';
import { endErasures } from '../support/erased.js';
import { useDatabase, useReplicas } from '../support/hooks.js';
import { violations } from '../support/invariants.js';
import { random, seedOf } from '../support/random.js';
import { NOTHING_WRONG, RepairStorm } from '../support/repair-storm.js';
import { until } from '../support/until.js';
import { recordVersions } from '../support/versions.js';

/** Two processes on one database; in one every identity is kept in the cache, so that a stale one would be found. */
const database = useDatabase();
const services = useReplicas(() =>
  ['1000', '1'].map((cachedFrom) => ({
    DATABASE_URL: database.url,
    BATCH_MAX: '8',
    IDENTITY_CACHE_MIN_CONTACTS: cachedFrom,
    ERASURE_KEY: 'a key of the test with more than 32 bytes',
  })),
);

/** A look for values that were blocked takes less, and makes changes all the time. */
const LOOK_MS = 500;
const CALLERS = 12;
const CALLS = 900;

beforeAll(() => recordVersions(database, { withRules: false }));

test('limits, blocked values, reviews and erasures among sightings and repairs in two processes break nothing', async () => {
  const storm = new RepairStorm(database, random(seedOf('storm of policies')), { changesPolicy: true });
  const caller = async (_: unknown, index: number): Promise<void> => {
    while (storm.calls < CALLS) {
      await storm.call(services[index % 2]!.client);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  process.stdout.write(`concurrency of policies: ${JSON.stringify(storm.tally)}\n`);
  expect(await storm.wrong()).toEqual(NOTHING_WRONG);
  const done = (kind: string, status: number): number => storm.tally[kind]?.[status] ?? 0;
  expect(
    Math.min(
      done('limits', 200),
      storm.made('review'),
      done('block', 201),
      done('unblock', 204),
      done('erase', 202),
      storm.made('undo'),
      storm.made('split'),
      storm.made('merge'),
    ),
  ).toBeGreaterThan(3);
});

test('afterwards each sighting twice is each sighting once, in answer and in state', async () => {
  // What changed last is in force everywhere then, and blocked values are being taken out again; nothing tells of it.
  await sleep(IN_FORCE_AFTER_MS);
  // An erasure that ends meanwhile frees what it reserved, which is no sighting's doing.
  await endErasures(database, services[0]!.client);
  expect(await database.query(`select from erasure where status = 'running'`)).toEqual([]);
  await until(async () => {
    const rows = JSON.stringify(await stored());
    await sleep(LOOK_MS);
    return rows === JSON.stringify(await stored());
  });
  for (let i = 0; i < 60; i++) {
    const body = { email: `doc${i % 8}@hillvalley.edu`, phoneNumber: `80${(i * 5) % 9}` };
    const client = services[i % 2]!.client;
    const first = await answer(client, body);
    const rows = await stored();
    expect(await answer(client, body)).toEqual(first);
    expect(await stored()).toEqual(rows);
  }
  expect(await violations(database)).toEqual({});
});

/** An answer without what differs from call to call. */
async function answer(client: ServiceClient, body: object): Promise<unknown> {
  const { status, body: answered } = await client.send<{ requestId?: string }>('POST', '/identify', body);
  const { requestId: _, ...told } = answered;
  return { status, ...told };
}

/** All that a sighting may write. */
async function stored(): Promise<object[]> {
  const tables = ['contact', 'contact_past', 'identifier', 'identity_merge', 'review'];
  return database.query(
    `select * from (${tables.map((name) => `select '${name}' as name, to_jsonb(t) as content from ${name} t`).join(' union all ')}) s
      order by name, content::text`,
  );
}
