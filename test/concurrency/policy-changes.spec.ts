import type { Reply, ServiceClient } from '../support/client.js';
import { useDatabase, useReplicas } from '../support/hooks.js';
import { violations } from '../support/invariants.js';
import { random, seedOf } from '../support/random.js';

const database = useDatabase();
const services = useReplicas(() =>
  ['1000', '1'].map((cachedFrom) => ({
    DATABASE_URL: database.url,
    BATCH_MAX: '8',
    IDENTITY_CACHE_MIN_CONTACTS: cachedFrom,
  })),
);

interface Answer {
  readonly contact: { readonly primaryContactId: number };
  readonly ignored?: readonly { readonly field: string; readonly reason: string }[];
}
interface Size {
  readonly id: number;
  readonly root: number;
}

const put = (client: ServiceClient, policy: object, ifMatch: string): Promise<Reply> =>
  client.send('PUT', '/policy', policy, { 'if-match': ifMatch });

const show = (client: ServiceClient): Promise<Reply<{ maxContacts: number }>> =>
  client.send('GET', '/policy');

test('of two processes that change the same policy at once one wins, and the other changes nothing', async () => {
  for (let version = 0; version < 40; version++) {
    const wanted = services.map((_, i) => ({ maxContacts: 100 + 2 * version + i }));
    const replies = await Promise.all(
      services.map(({ client }, i) => put(client, wanted[i]!, `"${version}"`)),
    );
    const winner = replies.findIndex(({ status }) => status === 200);
    expect({ version, statuses: replies.map(({ status }) => status).toSorted((a, b) => a - b) }).toEqual({
      version,
      statuses: [200, 412],
    });
    const stored = await show(services[1 - winner]!.client);
    expect(stored.body.maxContacts).toBe(wanted[winner]!.maxContacts);
    expect(stored.headers.get('etag')).toBe(`"${version + 1}"`);
  }
  expect(await database.query('select kind, count(*)::int from change group by kind')).toEqual([
    { kind: 'policy', count: 40 },
  ]);
});

const HIGH = 12;
const LOW = 4;
const CALLERS = 8;

/** The live contacts, each with the primary of its identity. */
const contacts = (): Promise<Size[]> =>
  database.query(
    'select id::int, coalesce(linked_id, id)::int as root from contact where deleted_at is null',
  );

/** How many there are of each identity. */
function sizesOf(rows: readonly Size[]): Map<number, number> {
  const groups = Map.groupBy(rows, ({ root }) => root);
  return new Map([...groups].map(([root, members]) => [root, members.length]));
}

/** Whether a new identity may not have more contacts. */
async function refusesMoreThan(limit: number, client: ServiceClient, n: number): Promise<boolean> {
  const answers: Answer[] = [];
  for (let i = 0; i <= limit; i++) {
    const body = { email: `probe${n}-${i}@hillvalley.edu`, phoneNumber: `77${n}` };
    answers.push((await client.send<Answer>('POST', '/identify', body)).body);
  }
  return answers.at(-1)!.ignored !== undefined;
}

test('no sighting takes an identity above the larger of the limit and what it had, while the limit is lowered', async () => {
  const next = random(seedOf('a limit that is lowered'));
  const pick = (count: number): number => Math.floor(next() * count);
  const ignored = { before: 0, after: 0 };
  let phase: keyof typeof ignored = 'before';
  let sent = 0;
  /** Newcomers to a few identities, and sightings that join two of these. */
  const call = async (client: ServiceClient): Promise<void> => {
    const n = sent++;
    const body =
      pick(6) === 0
        ? { email: `hot${pick(8)}@hillvalley.edu`, phoneNumber: `8${pick(8)}` }
        : pick(2) === 0
          ? { email: `new${n}@hillvalley.edu`, phoneNumber: `8${pick(8)}` }
          : { email: `hot${pick(8)}@hillvalley.edu`, phoneNumber: `9${n}` };
    const { status, body: answer } = await client.send<Answer>('POST', '/identify', body);
    expect([200, 503]).toContain(status);
    ignored[phase] += answer.ignored?.some(({ reason }) => reason === 'limit') === true ? 1 : 0;
  };
  /** Callers until it is so. */
  const callUntil = async (isSo: () => boolean): Promise<void> => {
    const caller = async (index: number): Promise<void> => {
      while (!isSo()) {
        await call(services[index % 2]!.client);
      }
    };
    await Promise.all(Array.from({ length: CALLERS }, (_, i) => caller(i)));
  };

  await put(services[0]!.client, { maxContacts: HIGH }, '*');
  // Each process has read it.
  await Promise.all(services.map(({ client }) => show(client)));
  await callUntil(() => sent >= 200);
  const lowering = put(services[0]!.client, { maxContacts: LOW }, '*');
  let isKnown = false;
  const storm = callUntil(() => isKnown);
  expect((await lowering).status).toBe(200);
  // The other process is told nothing: it finds out by itself, within 5 s.
  while (!isKnown) {
    isKnown = await refusesMoreThan(LOW, services[1]!.client, sent++);
  }
  // What was decided by the old limit is written by now.
  await storm;
  const before = await contacts();
  const sizes = sizesOf(before);
  expect(Math.max(...sizes.values())).toBeLessThanOrEqual(HIGH);
  phase = 'after';
  const until = sent + 400;
  await callUntil(() => sent >= until);

  const rootBefore = new Map(before.map(({ id, root }) => [id, root]));
  const grown = [...Map.groupBy(await contacts(), ({ root }) => root).values()].filter((members) => {
    const parts = members.map(({ id }) => sizes.get(rootBefore.get(id) ?? 0) ?? 0);
    return members.length > Math.max(LOW, ...parts);
  });
  process.stdout.write(`a lowered limit: ${JSON.stringify({ sent, ignored, identities: sizes.size })}\n`);
  expect(grown).toEqual([]);
  expect(Math.min(ignored.before, ignored.after)).toBeGreaterThan(3);
  expect(Math.max(...sizes.values())).toBeGreaterThan(LOW);
  expect(await violations(database)).toEqual({});
}, 60_000);
