import { setTimeout as sleep } from 'node:timers/promises';
import { useDatabase } from '../support/hooks.js';
import { random, seedOf } from '../support/random.js';
import { Caller, identityOf, improper, slowestMs, tally, type Outcome } from './harness/caller.js';
import { audit, SOUND } from './harness/ledger.js';
import { report, seconds } from './harness/report.js';
import { LONG_MS, scaled } from './harness/scale.js';
import { killServices, startService } from './harness/services.js';
import { fair, watchStalls } from './harness/stalls.js';
import { crowd, Traffic } from './harness/traffic.js';

const CLIENTS = 200;
/** Those among them who only read. */
const READERS = 40;
const ANSWERED_WITHIN_MS = 2_500;
const LASTS_MS = scaled(60_000, 6_000);

const database = useDatabase();

beforeAll(async () => {
  // every write takes 400 ms, as on a disk that is overwhelmed
  await database.query(`create function dawdle() returns trigger language plpgsql as
    $$ begin perform pg_sleep(0.4); return null; end $$`);
  await database.query(
    'create trigger dawdle before insert on contact for each statement execute function dawdle()',
  );
});

afterAll(killServices);

test(
  'with one connection, slow queries and 200 callers everyone is answered soon, and the process lives',
  async () => {
    const service = await startService({
      DATABASE_URL: database.url,
      DATABASE_POOL_MAX: '1',
      // so that one batch does not serve them all
      BATCH_MAX: '8',
    });
    const caller = new Caller(service.client.url);
    const prober = new Caller(service.client.url);
    const next = random(seedOf('pool exhaustion'));
    const clara = { email: 'clara@hillvalley.edu', phoneNumber: null };
    const first = { ...(await caller.identify(clara)), sighting: clara };
    const path = `/contacts/${identityOf(first).primaryContactId}`;
    const traffic = new Traffic(CLIENTS - READERS, () => caller, crowd(next, 100_000, 'clara'));
    const reads: Outcome[] = [];
    let isOver = false;
    // They take the one connection past the queue of sightings.
    const readers = Array.from({ length: READERS }, async () => {
      while (!isOver) {
        reads.push(await caller.send('GET', path));
        await sleep(100);
      }
    });
    const probes: Outcome[] = [];
    watchStalls();
    for (const end = performance.now() + LASTS_MS; performance.now() < end;) {
      probes.push(await prober.send('GET', '/health/live'));
      await sleep(100);
    }
    isOver = true;
    await Promise.all(readers);
    const identified = await traffic.stop();
    const calls = [...identified, ...reads];
    const dead = probes.filter(({ status }) => status !== 200);
    report(
      'pool exhaustion is not an outage',
      'pool of 1, 200 clients, slow queries: all answered ≤ 2.5 s, liveness 200',
      `${calls.length} calls: ${tally(calls)}, slowest ${seconds(slowestMs(calls))}; ${probes.length} probes: ${tally(probes)}`,
    );
    expect(improper(calls)).toEqual([]);
    expect(slowestMs(calls)).toBeLessThanOrEqual(fair(ANSWERED_WITHIN_MS));
    expect(dead).toEqual([]);
    // otherwise the pool was not exhausted, or nobody was served
    expect(identified.filter(({ status }) => status === 503).length).toBeGreaterThan(0);
    expect(identified.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
    expect(await audit(database, [first, ...identified])).toEqual(SOUND);
    caller.close();
    prober.close();
    expect(await service.end('SIGTERM')).toBe(0);
  },
  LONG_MS,
);
