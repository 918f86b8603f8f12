import type { Reply, ServiceClient } from '../support/client.js';
import { useDatabase, useReplicas } from '../support/hooks.js';
import { violations } from '../support/invariants.js';
import { Scrape } from '../support/metrics.js';
import { random, seedOf } from '../support/random.js';
import type { ShownIdentity } from '../support/wire.js';

/** Two processes on one database; in one every identity is kept in the cache, so that a stale one would be found. */
const database = useDatabase();
const services = useReplicas(() =>
  ['1000', '1'].map((cachedFrom) => ({
    DATABASE_URL: database.url,
    LOG_LEVEL: 'debug',
    IDENTITY_CACHE_MIN_CONTACTS: cachedFrom,
  })),
);

interface Made {
  readonly changed: boolean;
  readonly rules: readonly { readonly id: number }[];
}
interface Given {
  readonly kind: string;
  readonly value: string;
}

beforeEach(() => database.clear());

const email = (value: string): Given => ({ kind: 'email', value: `${value}@hillvalley.edu` });
const phone = (value: string): Given => ({ kind: 'phoneNumber', value });
const sightingOf = (...given: Given[]): object =>
  Object.fromEntries(given.map(({ kind, value }) => [kind, value]));

const makeRule = (client: ServiceClient, ...identifiers: Given[]): Promise<Reply<Made>> =>
  client.send('POST', '/rules', { identifiers, reason: 'Two customers' });

/** How it is before a rule and a sighting that links meet: what was seen then, and the sightings that link. */
const RACES: Readonly<
  Record<string, (n: string) => { before: object[]; joining: object[]; rule: [Given, Given] }>
> = {
  'two identities': (n) => ({
    before: [sightingOf(email(n)), sightingOf(phone(n))],
    joining: [sightingOf(email(n), phone(n))],
    rule: [email(n), phone(n)],
  }),
  'values that nobody has': (n) => ({
    before: [],
    joining: [sightingOf(email(n), phone(n))],
    rule: [phone(n), email(n)],
  }),
  'an identity and a value that nobody has': (n) => ({
    before: [sightingOf(email(n))],
    joining: [sightingOf(email(n), phone(n))],
    rule: [email(n), phone(n)],
  }),
  'identities that a third one joins': (n) => ({
    before: [sightingOf(email(n)), sightingOf(phone(n)), sightingOf(email(`${n}-third`), phone(`${n}1`))],
    joining: [sightingOf(email(n), phone(`${n}1`)), sightingOf(email(`${n}-third`), phone(n))],
    rule: [email(n), phone(n)],
  }),
};

test.each(Object.keys(RACES))(
  'a rule and a sighting that would link exclude each other: %s',
  async (race) => {
    const tally = { rule: 0, linked: 0 };
    for (let round = 0; round < 40; round++) {
      const { before, joining, rule } = RACES[race]!(String(1000 + round));
      for (const sighting of before) {
        await services[round % 2]!.client.identify(sighting);
      }
      const [one, other] = [services[round % 2]!.client, services[(round + 1) % 2]!.client];
      // which one comes first is left to chance, with a small lead for either in turn; at first the rule does
      const make = (): Promise<Reply<Made>> => makeRule(one, ...rule);
      const join = (): Promise<ShownIdentity[]> =>
        Promise.all(joining.map((sighting) => other.identify(sighting)));
      const made = round % 4 < 2 ? make() : null;
      if (round === 0) {
        await made;
      }
      const joined = join();
      const [reply] = await Promise.all([made ?? make(), joined]);
      const shown = await other.identify(sightingOf(rule[0]));
      const areOne = [...shown.emails, ...shown.phoneNumbers].includes(rule[1].value);
      expect([reply.status, areOne]).toEqual(reply.status === 201 ? [201, false] : [409, true]);
      tally.rule += Number(!areOne);
      tally.linked += Number(areOne);
    }
    expect(await violations(database)).toEqual({});
    process.stdout.write(`concurrency of rules, ${race}: ${JSON.stringify(tally)}\n`);
    expect(tally.rule).toBeGreaterThan(0);
  },
);

test('of many calls at once for one rule one makes it, and all are told the same', async () => {
  for (let round = 0; round < 10; round++) {
    const pair = [email(`same${round}`), phone(`9${round}`)];
    const replies = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        makeRule(services[i % 2]!.client, ...(i % 3 === 0 ? pair.toReversed() : pair)),
      ),
    );
    expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 201));
    expect(replies.filter(({ body }) => body.changed)).toHaveLength(1);
    expect(new Set(replies.map(({ body }) => body.rules[0]!.id)).size).toBe(1);
  }
  expect(await violations(database)).toEqual({});
});

test('sightings, rules, deletions and merges at once break no invariant, and what was told is so', async () => {
  const next = random(seedOf('storm of rules'));
  const [madeBefore, removedBefore] = [
    await counted('identity_rules_made_total'),
    await counted('identity_rules_removed_total'),
  ];
  const made = new Set<number>();
  const deleted = new Set<number>();
  const tally = { rules: 0, refused: 0, deleted: 0, forced: 0, forbidden: 0, ignored: 0 };
  const any = (name: string): Given =>
    next() < 0.5 ? email(`${name}${Math.floor(next() * 9)}`) : phone(`8${Math.floor(next() * 9)}`);
  const contactIds: number[] = [];
  const worker = async (_: unknown, index: number): Promise<void> => {
    const { client } = services[index % 2]!;
    for (let i = 0; i < 60; i++) {
      const dice = next();
      if (dice < 0.4) {
        const sighting = sightingOf(
          email(`doc${Math.floor(next() * 9)}`),
          phone(`8${Math.floor(next() * 9)}`),
        );
        const { status, body } = await client.send<{ contact: ShownIdentity; ignored?: unknown }>(
          'POST',
          '/identify',
          sighting,
        );
        if (status === 200) {
          contactIds.push(body.contact.primaryContactId, ...body.contact.secondaryContactIds);
          tally.ignored += Number(body.ignored !== undefined);
        }
      } else if (dice < 0.65) {
        const pair = [any('doc'), any('doc')];
        const { status, body } = await makeRule(client, ...pair);
        expect([201, 400, 409, 503]).toContain(status);
        tally.refused += Number(status === 409);
        if (status === 201 && body.changed) {
          made.add(body.rules[0]!.id);
          tally.rules++;
        }
      } else if (dice < 0.72) {
        const id = [...made].find((each) => !deleted.has(each));
        if (id !== undefined) {
          const { status } = await client.send('DELETE', `/rules/${id}`);
          expect([204, 404, 503]).toContain(status);
          deleted.add(id);
          tally.deleted += Number(status === 204);
        }
      } else if (dice < 0.8) {
        const id = contactIds[Math.floor(next() * contactIds.length)] ?? 1;
        expect([204, 404, 503]).toContain(await client.delete(id));
      } else {
        const ids = [...new Set([0, 1].map(() => contactIds[Math.floor(next() * contactIds.length)] ?? 1))];
        const force = next() < 0.4;
        const { status } = await client.send('POST', '/merges', {
          contactIds: ids,
          force,
          reason: 'One customer',
        });
        expect([200, 400, 404, 409, 503]).toContain(status);
        tally.forced += Number(force && status === 200);
        tally.forbidden += Number(status === 409);
      }
    }
  };
  await Promise.all(Array.from({ length: 12 }, worker));
  process.stdout.write(`concurrency of rules, storm: ${JSON.stringify(tally)}\n`);
  expect(await violations(database)).toEqual({});
  const rows = await database.query<{ id: number }>('select distinct rule_id::int as id from do_not_link');
  const left = rows.map(({ id }) => id);
  // Nothing is there that nobody was told of, and nothing that was deleted.
  expect(left.filter((id) => deleted.has(id))).toEqual([]);
  const [rulesMade, rulesRemoved] = [
    (await counted('identity_rules_made_total')) - madeBefore,
    (await counted('identity_rules_removed_total')) - removedBefore,
  ];
  expect(left).toHaveLength(rulesMade - rulesRemoved);
  const { forced, forbidden, ...others } = tally;
  expect(
    Object.entries({ ...others, merges: forced + forbidden }).filter(([, count]) => count === 0),
  ).toEqual([]);
});

test('the races met conflicts, without which they would prove nothing, and no deadlock', async () => {
  const scrapes = await Promise.all(services.map((service) => Scrape.of(service)));
  expect(scrapes.map((scrape) => scrape.value('identity_conflicts_total', { cause: 'deadlock' }))).toEqual([
    0, 0,
  ]);
  expect(services.flatMap(({ output }) => output.match(/Conflict at attempt/g) ?? []).length).toBeGreaterThan(
    0,
  );
});

/** A counter, of both processes together. */
async function counted(name: string): Promise<number> {
  const scrapes = await Promise.all(services.map((service) => Scrape.of(service)));
  return scrapes.reduce((sum, scrape) => sum + scrape.value(name), 0);
}
