import type { IdentifyBody } from '../support/wire.js';
import { useDatabase, useReplicas } from '../support/hooks.js';
import { partition, violations } from '../support/invariants.js';
import { Scrape } from '../support/metrics.js';
import { random, seedOf } from '../support/random.js';
import { untold } from '../support/told.js';
import { storm, untrueAnswers, type Acknowledged } from '../support/storm.js';
import { closure } from '../support/union-find.js';

/**
 * Two processes on one database. Small batches let calls meet in the database and not in a queue; in one process every
 * identity is kept in the cache, so that a stale one would be found.
 */
const SETTINGS = { LOG_LEVEL: 'debug', BATCH_MAX: '8', BATCH_LANES: '4' };
const CACHING = { ...SETTINGS, IDENTITY_CACHE_MIN_CONTACTS: '1' };

const database = useDatabase();
const services = useReplicas(() =>
  [SETTINGS, CACHING].map((settings) => ({ DATABASE_URL: database.url, ...settings })),
);
let acknowledged: Acknowledged[];
let calls = 0;

beforeEach(async () => {
  await database.query(
    'truncate contact, contact_past, identifier, identity_merge, do_not_link, event_head, event_outbox, event_log',
  );
  acknowledged = [];
});

/** Runs a storm, and checks all that must hold of any storm. */
async function expectStormToHold(sightings: readonly IdentifyBody[], width = 32): Promise<void> {
  const clients = services.map(({ client }) => client);
  acknowledged = await storm(clients, sightings, width, acknowledged);
  calls += sightings.length;
  expect(untrueAnswers(acknowledged)).toEqual([]);
  expect([await violations(database), await untold(database)]).toEqual([{}, []]);
}

async function count(table: 'contact' | 'identity_merge'): Promise<number> {
  const [row] = await database.query<{ count: string }>(`select count(*) from ${table}`);
  return Number(row!.count);
}

test('one pair sent by many at once makes one contact', async () => {
  await expectStormToHold(
    Array.from({ length: 200 }, () => ({ email: 'mcfly@hillvalley.edu', phoneNumber: '123456' })),
  );
  expect(await count('contact')).toBe(1);
});

test('a star around one email makes one identity with one contact a phone number', async () => {
  const star = Array.from({ length: 200 }, (_, i) => ({
    email: 'mcfly@hillvalley.edu',
    phoneNumber: String(1000 + (i % 50)),
  }));
  await expectStormToHold(star);
  expect(await partition(database)).toEqual(closure(star));
  expect(await count('contact')).toBe(50);
});

test('many identities joined at once end in one, with one merge less than there were identities', async () => {
  const emails = Array.from({ length: 24 }, (_, i) => ({
    email: `mcfly${i}@hillvalley.edu`,
    phoneNumber: null,
  }));
  const phoneNumbers = Array.from({ length: 24 }, (_, i) => ({ email: null, phoneNumber: String(2000 + i) }));
  await expectStormToHold([...emails, ...phoneNumbers]);
  const joins = emails.flatMap(({ email }, i) => [
    { email, phoneNumber: String(2000 + i) },
    { email, phoneNumber: String(2000 + ((i + 1) % 24)) },
    { email, phoneNumber: String(2000 + ((i + 7) % 24)) },
  ]);
  await expectStormToHold(joins, 64);
  expect(await partition(database)).toEqual(closure(joins));
  expect(await count('identity_merge')).toBe(47);
  expect(await count('contact')).toBe(48);
});

test('a ring of new pairs closes into one identity', async () => {
  const ring = Array.from({ length: 60 }, (_, i) => ({
    email: `doc${i >> 1}@hillvalley.edu`,
    phoneNumber: String(3000 + (((i + 1) >> 1) % 30)),
  }));
  await expectStormToHold(ring, 64);
  expect(await partition(database)).toEqual(closure(ring));
});

test('two pairs that share nothing and join the same identities from both sides agree on the survivor', async () => {
  for (let round = 0; round < 12; round++) {
    const [a, b] = [`a${round}@hillvalley.edu`, `b${round}@hillvalley.edu`];
    const [p, q] = [`4${round}0`, `4${round}1`];
    await expectStormToHold([
      { email: a, phoneNumber: p },
      { email: b, phoneNumber: q },
    ]);
    await expectStormToHold(
      [
        { email: a, phoneNumber: q },
        { email: b, phoneNumber: p },
        { email: a, phoneNumber: q },
      ],
      3,
    );
  }
});

test('a hot email gains every phone number once', async () => {
  const next = random(seedOf('hot email'));
  const hot = Array.from({ length: 400 }, () => ({
    email: 'biff@hillvalley.edu',
    phoneNumber: next() < 0.2 ? null : String(5000 + Math.floor(next() * 40)),
  }));
  await expectStormToHold(hot, 64);
  expect(await partition(database)).toEqual(closure(hot));
});

test('random windows of sightings end in the closure of what was sent', async () => {
  const next = random(seedOf('random windows'));
  const pick = (size: number): number => Math.floor(next() * size);
  const sightings = Array.from({ length: 600 }, () => {
    const shape = next();
    return {
      email: shape < 0.15 ? null : `george${pick(120)}@hillvalley.edu`,
      phoneNumber: shape > 0.85 ? null : String(6000 + pick(120)),
    };
  });
  await expectStormToHold(sightings, 48);
  expect(await partition(database)).toEqual(closure(sightings));
  expect(await count('identity_merge')).toBeGreaterThan(10);
});

test('deletions among sightings break no invariant, and are acknowledged once', async () => {
  const next = random(seedOf('deletions'));
  const clients = services.map(({ client }) => client);
  const deleted: number[] = [];
  const unknown = new Set<number>();
  const worker = async (_: unknown, index: number): Promise<void> => {
    const client = clients[index % 2]!;
    for (let i = 0; i < 40; i++) {
      calls++;
      const { primaryContactId, secondaryContactIds } = await client.identify({
        email: `jennifer${Math.floor(next() * 8)}@hillvalley.edu`,
        phoneNumber: String(7000 + Math.floor(next() * 8)),
      });
      if (next() < 0.4) {
        const ids = [primaryContactId, ...secondaryContactIds];
        const id = ids[Math.floor(next() * ids.length)]!;
        const status = await client.delete(id);
        expect([204, 404, 503]).toContain(status);
        if (status === 204) {
          deleted.push(id);
        } else if (status === 503) {
          unknown.add(id);
        }
      }
    }
  };
  await Promise.all(Array.from({ length: 12 }, worker));
  expect(await violations(database)).toEqual({});
  expect(new Set(deleted).size).toBe(deleted.length);
  const rows = await database.query<{ id: string }>('select id from contact where deleted_at is not null');
  const ids = rows.map(({ id }) => Number(id));
  expect(ids.filter((id) => !unknown.has(id)).toSorted((a, b) => a - b)).toEqual(
    deleted.filter((id) => !unknown.has(id)).toSorted((a, b) => a - b),
  );
  expect(ids).toEqual(expect.arrayContaining(deleted));
  expect(deleted.length).toBeGreaterThan(20);
});

test('the storms met conflicts, without which they would prove nothing, and no deadlock', async () => {
  const scrapes = await Promise.all(services.map((service) => Scrape.of(service)));
  const deadlocks = scrapes.map((scrape) => scrape.value('identity_conflicts_total', { cause: 'deadlock' }));
  const conflicts = services.flatMap(({ output }) => output.match(/Conflict at attempt/g) ?? []).length;
  const refusals = services.reduce((sum, { client }) => sum + client.refusals, 0);
  process.stdout.write(`concurrency: ${calls} calls, ${conflicts} conflicts, ${refusals} refusals\n`);
  expect(deadlocks).toEqual([0, 0]);
  expect(conflicts).toBeGreaterThan(0);
});
