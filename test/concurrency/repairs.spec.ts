import { useDatabase, useReplicas } from '../support/hooks.js';
import { Scrape } from '../support/metrics.js';
import { random, seedOf } from '../support/random.js';
import { NOTHING_WRONG, RepairStorm } from '../support/repair-storm.js';
import { reviewsAfter } from '../support/reviews.js';
import { recordVersions } from '../support/versions.js';

/** Two processes on one database; in one every identity is kept in the cache, so that a stale one would be found. */
const database = useDatabase();
const services = useReplicas(() =>
  ['1000', '1'].map((cachedFrom) => ({
    DATABASE_URL: database.url,
    LOG_LEVEL: 'debug',
    BATCH_MAX: '8',
    IDENTITY_CACHE_MIN_CONTACTS: cachedFrom,
  })),
);

const CALLERS = 12;
const CALLS = 1_500;

beforeAll(() => recordVersions(database));

test('undo, split, merges, rules, reviews and deletions among sightings in two processes break nothing', async () => {
  const storm = new RepairStorm(database, random(seedOf('storm of repairs')));
  const caller = async (_: unknown, index: number): Promise<void> => {
    while (storm.calls < CALLS) {
      await storm.call(services[index % 2]!.client);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  process.stdout.write(`concurrency of repairs: ${JSON.stringify(storm.tally)}\n`);
  expect(await storm.wrong()).toEqual(NOTHING_WRONG);
  expect(storm.made('undo')).toBeGreaterThan(50);
  expect(storm.made('split')).toBeGreaterThan(20);
  expect(storm.made('merge')).toBeGreaterThan(20);
  expect(storm.made('review')).toBeGreaterThan(8);
  expect(await reviewsAfter(database, services[0]!.client)).toEqual({ twice: [], openThough: [] });
});

test('the storm met conflicts, without which it would prove nothing, and no deadlock', async () => {
  const scrapes = await Promise.all(services.map((service) => Scrape.of(service)));
  expect(scrapes.map((scrape) => scrape.value('identity_conflicts_total', { cause: 'deadlock' }))).toEqual([
    0, 0,
  ]);
  const conflicts = services.flatMap(({ output }) => output.match(/Conflict at attempt/g) ?? []).length;
  process.stdout.write(`concurrency of repairs: ${conflicts} conflicts\n`);
  expect(conflicts).toBeGreaterThan(0);
});
