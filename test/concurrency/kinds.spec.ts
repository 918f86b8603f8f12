import { useDatabase, useReplicas } from '../support/hooks.js';
import { violations } from '../support/invariants.js';
import { CUSTOMER_ID, declareKinds } from '../support/policy.js';
import { random, seedOf } from '../support/random.js';

const database = useDatabase();
const replicas = useReplicas(() => [{ DATABASE_URL: database.url }, { DATABASE_URL: database.url }]);

beforeAll(() => declareKinds(database, [CUSTOMER_ID]));

/** Identities with so many customer numbers. */
const countsOfNumbers = () =>
  database.query<{ numbers: number; identities: number }>(
    `select numbers::int, count(*)::int as identities from (
       select count(distinct i.value) as numbers from identifier i join contact c on c.id = i.contact_id
       where i.kind = 2 group by coalesce(c.linked_id, c.id)) n
     group by numbers order by numbers`,
  );

test('two customer numbers never become one person, whatever two processes are told at once', async () => {
  const draw = random(seedOf('concurrent-kinds'));
  const pick = (values: number): number => Math.floor(draw() * values);
  const clients = replicas.map(({ client }) => client);
  let ignored = 0;
  for (let round = 0; round < 25; round++) {
    const calls = Array.from({ length: 16 }, (_, i) => {
      const body = {
        email: `e${pick(12)}@hillvalley.edu`,
        ...(draw() < 0.5 && { phoneNumber: `1${pick(12)}` }),
        ...(draw() < 0.6 && { identifiers: { customerId: `C-${pick(10)}` } }),
      };
      return clients[i % clients.length]!.send<{ ignored?: unknown }>('POST', '/identify', body);
    });
    for (const { status, body } of await Promise.all(calls)) {
      expect([200, 503]).toContain(status);
      ignored += body.ignored === undefined ? 0 : 1;
    }
  }
  const counts = await countsOfNumbers();
  expect(counts).toEqual([{ numbers: 1, identities: expect.any(Number) }]);
  expect(counts[0]!.identities).toBeGreaterThan(3);
  expect(ignored).toBeGreaterThan(20);
  expect(await violations(database)).toEqual({});
});
