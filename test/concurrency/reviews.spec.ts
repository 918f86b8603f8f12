import type { Reply } from '../support/client.js';
import { useDatabase, useReplicas } from '../support/hooks.js';
import { violations } from '../support/invariants.js';
import { Scrape } from '../support/metrics.js';
import { random, seedOf } from '../support/random.js';
import { reviewsAfter } from '../support/reviews.js';

/** Two processes on one database; in one every identity is kept in the cache, so that a stale one would be found. */
const database = useDatabase();
const services = useReplicas(() =>
  ['1000', '1'].map((cachedFrom) => ({
    DATABASE_URL: database.url,
    LOG_LEVEL: 'debug',
    IDENTITY_CACHE_MIN_CONTACTS: cachedFrom,
  })),
);

const REASON = 'A storm';
const RULE_FIRST = 2;
const email = (value: string) => ({ kind: 'email', value: `${value}@hillvalley.edu` });
const phone = (value: string) => ({ kind: 'phoneNumber', value });

beforeEach(() => database.clear());

const makeRule = (at: number, ...identifiers: unknown[]): Promise<unknown> =>
  services[at % 2]!.client.send('POST', '/rules', { identifiers, reason: REASON });

const identify = async (at: number, emailValue: string, phoneNumber: string): Promise<unknown> => {
  const body = { email: email(emailValue).value, phoneNumber };
  const { body: answer } = await services[at % 2]!.client.send<{ ignored?: unknown }>(
    'POST',
    '/identify',
    body,
  );
  return answer.ignored;
};

/** George and Biff are kept apart, and Biff has the phone numbers. */
async function apart(phoneNumbers: readonly string[]): Promise<void> {
  await identify(0, 'george', '919191');
  for (const phoneNumber of phoneNumbers) {
    await identify(0, 'biff', phoneNumber);
  }
  await makeRule(0, email('george'), email('biff'));
}

test('a loop of one sighting in two processes opens one review, and every answer names it', async () => {
  await apart(['88']);
  const told: unknown[] = [];
  const caller = async (_: unknown, index: number): Promise<void> => {
    for (let i = 0; i < 50; i++) {
      told.push(await identify(index, 'george', '88'));
    }
  };
  await Promise.all(Array.from({ length: 20 }, caller));
  expect(told).toHaveLength(1_000);
  const rows = await database.query<{ id: number }>('select id::int from review');
  expect(rows).toHaveLength(1);
  const reviewId = rows[0]!.id;
  expect(told).toEqual(told.map(() => [{ field: 'phoneNumber', reason: 'do-not-link', reviewId }]));
  const scrapes = await Promise.all(services.map((service) => Scrape.of(service)));
  const opened = scrapes.map((scrape) => scrape.value('identity_reviews_opened_total'));
  expect(opened[0]! + opened[1]!).toBe(1);
});

test('of two decisions at once one counts, whichever they are, and a rule at once is one of them', async () => {
  const next = random(seedOf('decisions at once'));
  const phoneNumbers = Array.from({ length: 40 }, (_, i) => String(8_000 + i));
  const tally = { link: 0, 'keep-apart': 0, rule: 0 };
  for (const [round, phoneNumber] of phoneNumbers.entries()) {
    await database.clear();
    await apart([phoneNumber]);
    await identify(round, 'george', phoneNumber);
    if (next() < 0.3) {
      await services[0]!.client.send('DELETE', '/identities/2');
    }
    const decide = (at: number, decision: string) =>
      services[at % 2]!.client.send('POST', '/reviews/1', { decision, reason: REASON });
    const isRuled = round === RULE_FIRST || next() < 0.5;
    const calls: (() => Promise<unknown>)[] = [
      () => decide(round, 'link'),
      () => decide(round + 1, 'keep-apart'),
      async () => isRuled && (await makeRule(round, email('george'), phone(phoneNumber))),
      () => services[round % 2]!.client.send('GET', '/reviews'),
    ];
    // Which comes first is left to chance, but in the first rounds each of them is it once.
    const first = calls[round]?.();
    await first;
    const replies = await Promise.all(calls.map(async (call, i) => (i === round ? first : call())));
    const decisions = replies.slice(0, 2) as Reply<{ changed: boolean; changeId: number | null }>[];
    expect(decisions.map(({ status }) => status)).toEqual([200, 200]);
    const made = decisions.map(({ body }) => body).filter(({ changed }) => changed);
    const [review] = await database.query<{ decision: string; change: number }>(
      'select decision, change_id::int as change from review',
    );
    const ruled = await database.query('select from do_not_link where other_value = $1', [phoneNumber]);
    expect(made.length).toBeLessThan(2);
    expect(ruled).toHaveLength(review!.decision === 'keep-apart' ? 1 : 0);
    if (made.length === 1) {
      expect(made[0]!.changeId).toBe(review!.change);
    }
    tally[made.length === 0 ? 'rule' : (review!.decision as 'link')]++;
    expect(await violations(database)).toEqual({});
    expect(await reviewsAfter(database, services[0]!.client)).toEqual({ twice: [], openThough: [] });
  }
  process.stdout.write(`concurrency of reviews: ${JSON.stringify(tally)}\n`);
  expect(Object.values(tally).filter((count) => count === 0)).toEqual([]);
});

test('the races met no deadlock', async () => {
  const scrapes = await Promise.all(services.map((service) => Scrape.of(service)));
  expect(scrapes.map((scrape) => scrape.value('identity_conflicts_total', { cause: 'deadlock' }))).toEqual([
    0, 0,
  ]);
});
