import type { Reply, ServiceClient } from '../support/client.js';
import { useDatabase, useReplicas } from '../support/hooks.js';
import { violations } from '../support/invariants.js';
import { random, seedOf } from '../support/random.js';
import { ServiceProcess } from '../support/service-process.js';
import { until } from '../support/until.js';

const database = useDatabase();
const services = useReplicas(() =>
  ['1000', '1'].map((cachedFrom) => ({
    DATABASE_URL: database.url,
    IDENTITY_CACHE_MIN_CONTACTS: cachedFrom,
  })),
);

beforeEach(() => database.clear());

afterEach(async () => {
  expect(await violations(database)).toEqual({});
});

const block = (client: ServiceClient, kind: string, pattern: string): Promise<Reply> =>
  client.send('POST', '/blocked-values', { kind, pattern, existing: 'split', reason: 'A placeholder' });

const count = async (query: string): Promise<number> =>
  Number((await database.query<{ count: string }>(`select count(*) from ${query}`))[0]!.count);

test('a value that is blocked amid a storm on two processes holds nobody together in the end', async () => {
  const next = random(seedOf('blocked value'));
  const told = { links: 0, ignored: 0 };
  const knowsIt = new Set<number>();
  let isOver = false;
  const sender = async (_: unknown, i: number): Promise<void> => {
    while (!isOver) {
      const email = `goldie${Math.floor(next() * 200)}@hillvalley.edu`;
      const body = next() < 0.8 ? { email, phoneNumber: '0000' } : { email };
      const reply = await services[i % 2]!.client.send<{ ignored?: unknown }>('POST', '/identify', body);
      expect(reply.status).toBe(200);
      if (reply.body.ignored === undefined) {
        told.links++;
      } else {
        told.ignored++;
        knowsIt.add(i % 2);
      }
    }
  };
  const senders = Array.from({ length: 8 }, sender);
  await until(() => told.links > 100);
  // The other process has to find out by itself.
  const { client } = services[0]!;
  const replies = await Promise.all([1, 2].map(() => block(client, 'phoneNumber', '0000')));
  expect(replies.map(({ status }) => status)).toEqual([201, 201]);
  await until(() => knowsIt.size === 2);
  isOver = true;
  await Promise.all(senders);
  // The processes look again when every other one must know it.
  await until(async () => (await count(`identifier where value = '0000'`)) === 0);
  const strangers = `(select coalesce(linked_id, id) from contact where deleted_at is null
    group by 1 having count(distinct email) > 1) glued`;
  expect(await count(strangers)).toBe(0);
  expect(await count('blocked_value')).toBe(1);
  process.stdout.write(`a value that is blocked in a storm: ${JSON.stringify(told)}\n`);
}, 60_000);

test('what a kill leaves of a block, the same call finishes', async () => {
  for (let at = 0; at < 300; at += 50) {
    await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const phoneNumber = String(8_000 + at + i);
        await services[0]!.client.identify({ email: `noreply@shop${at + i}.edu`, phoneNumber });
        await services[0]!.client.identify({ email: `biff${at + i}@hillvalley.edu`, phoneNumber });
      }),
    );
  }
  const victim = await ServiceProcess.start({ DATABASE_URL: database.url });
  const cut = block(victim.client, 'email', 'noreply@*').catch(() => null);
  await until(async () => (await count(`change where kind = 'block'`)) > 20);
  await victim.end('SIGKILL');
  expect(await cut).toBeNull();
  const left = await count(`identifier where value like 'noreply@%'`);
  expect(left).toBeGreaterThan(0);
  expect(await violations(database)).toEqual({});

  const again = await block(services[1]!.client, 'email', 'noreply@*');
  if (again.status === 503) {
    // A slow database needs longer than a caller waits, and the work goes on.
    expect(again.body).toMatchObject({ type: 'urn:problem:change-under-way' });
    await until(async () => (await count(`identifier where value like 'noreply@%'`)) === 0);
  } else {
    expect(again).toMatchObject({ status: 201, body: { changed: true, identitiesAffected: left } });
  }
  expect(await count(`identifier where value like 'noreply@%'`)).toBe(0);
  expect(await count('contact where deleted_at is null')).toBe(600);
  expect(await count(`change where kind = 'block'`)).toBe(301);
  process.stdout.write(`a block that was killed left ${left} of 300 identities\n`);
}, 60_000);
