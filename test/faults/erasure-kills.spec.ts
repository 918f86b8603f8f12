import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { ageErasures, placesOf } from '../support/erased.js';
import { use, useDatabase } from '../support/hooks.js';
import { storedRows, violations } from '../support/invariants.js';
import { random, seedOf } from '../support/random.js';
import type { ServiceProcess } from '../support/service-process.js';
import { untilLocked, untilNobodyWrites } from '../support/until.js';
import { report } from './harness/report.js';
import { LONG_MS, scaled } from './harness/scale.js';
import { killServices, startService } from './harness/services.js';

const KILLS = scaled(30, 4);
/** Everything that an erasure writes to: whoever locks one of them stops it there. */
const STEPS = [
  'contact',
  'contact_past',
  'identity_merge',
  'identifier',
  'do_not_link',
  'erased_value',
  'erasure',
  'change',
];
const KEY = 'a key that only the kills of erasures use';

const database = useDatabase();
const locker = use(
  async () => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    return client;
  },
  (client) => client.end(),
);

const start = (): Promise<ServiceProcess> =>
  startService({ DATABASE_URL: database.url, ERASURE_KEY: KEY, IDENTITY_CACHE_MIN_CONTACTS: '1' });

/** What completes the erasure of a killed process is killed at the next step. */
let victim: ServiceProcess;

beforeAll(async () => {
  victim = await start();
});

afterAll(killServices);

/** Lorraine with all that may be stored of a person, and George, who was taken for her once. */
async function populate({ client }: ServiceProcess, round: number): Promise<readonly string[]> {
  const [phone, emails] = [
    `47${round}110`,
    ['lorraine', 'mcfly'].map((name) => `${name}${round}@hillvalley.edu`),
  ];
  await client.identify({ email: emails[0], phoneNumber: phone });
  await client.identify({ email: emails[1], phoneNumber: phone });
  await client.identify({ email: `george${round}@hillvalley.edu`, phoneNumber: `91${round}910` });
  await client.identify({ email: `george${round}@hillvalley.edu`, phoneNumber: phone });
  const merges = await database.query<{ id: number }>('select max(id)::int as id from identity_merge');
  await client.send('POST', `/merges/${merges[0]!.id}/undo`, { reason: `Not lorraine${round}` });
  return [...emails, phone, `lorraine${round}`];
}

const erase = ({ client }: ServiceProcess, email: string, round: number) =>
  client.send<{ erasureId: number }>(
    'POST',
    '/erasures',
    { identifier: { kind: 'email', value: email }, scope: 'identity', reason: 'Asked for by letter' },
    { 'idempotency-key': `letter-${round}` },
  );

async function complete(service: ServiceProcess, values: readonly string[], round: number): Promise<void> {
  const again = await erase(service, values[0]!, round);
  expect(again).toMatchObject({ status: 202, body: { contacts: 2, identifiers: 3 } });
  await ageErasures(database);
  const { body } = await service.client.send('GET', `/erasures/${again.body.erasureId}`);
  expect(body).toMatchObject({ status: 'done' });
  expect(await placesOf(database, values)).toEqual([]);
  expect(await violations(database)).toEqual({});
}

test.each(STEPS)(
  'a process killed while it writes to %s has erased nothing, and the repetition erases all',
  async (table) => {
    const round = 100 + STEPS.indexOf(table);
    const values = await populate(victim, round);
    const before = await storedRows(database);
    await locker.query('begin');
    await locker.query(`lock table ${table} in exclusive mode`);
    const call = erase(victim, values[0]!, round).then(
      ({ status }) => status,
      () => 0,
    );
    await untilLocked(database);
    await victim.end('SIGKILL');
    await locker.query('rollback');
    expect(await call).toBe(0);
    await untilNobodyWrites(database);
    expect(await storedRows(database)).toEqual(before);
    victim = await start();
    await complete(victim, values, round);
  },
  LONG_MS,
);

test(
  'a process killed at any moment has erased all or nothing, and another one completes it',
  async () => {
    const next = random(seedOf('kills amid erasures'));
    const tally = { killed: 0, erased: 0, notErased: 0 };
    const other = victim;
    for (let round = 200; round < 200 + KILLS; round++) {
      const service = await start();
      const values = await populate(service, round);
      const call = erase(service, values[0]!, round).then(
        ({ status }) => status,
        () => 0,
      );
      // from before the first statement to after the answer, and into what it does in the background
      await sleep(next() * 150);
      await service.end('SIGKILL');
      const status = await call;
      await untilNobodyWrites(database);
      const left = await placesOf(database, values);
      const isErased = left.every((place) => place.startsWith('identifier:'));
      expect(status === 202 && !isErased).toBe(false);
      tally.killed += Number(status === 0);
      tally[isErased ? 'erased' : 'notErased']++;
      expect(await violations(database)).toEqual({});
      await complete(other, values, round);
    }
    report(
      'erasures are whole: service killed',
      'kill -9 ×30 and at each of 8 steps: all or nothing, and the repetition completes it',
      `kill -9 ×${KILLS} and at ${STEPS.length} steps: ${JSON.stringify(tally)}`,
    );
    expect(tally.killed + tally.erased).toBeGreaterThan(0);
  },
  LONG_MS,
);
