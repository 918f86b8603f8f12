import { setTimeout as sleep } from 'node:timers/promises';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { PostgresServer } from '../support/postgres-server.js';
import { random, seedOf } from '../support/random.js';
import { Caller, improper, slowestMs, tally } from './harness/caller.js';
import { audit, isWholeAfterRepetition, SOUND } from './harness/ledger.js';
import { progress, report, seconds } from './harness/report.js';
import { LONG_MS, scaled } from './harness/scale.js';
import { killServices, startService } from './harness/services.js';
import { fair, watchStalls } from './harness/stalls.js';
import { crowd, Traffic } from './harness/traffic.js';

const KILLS = scaled(20, 2);
const HEALED_WITHIN_MS = 5_000;
const ANSWERED_WITHIN_MS = 5_000;

let server: PostgresServer;
let database: TestDatabase;

beforeAll(async () => {
  server = await PostgresServer.start();
  database = await createDatabase({ serverUrl: server.url });
}, 60_000);

afterAll(async () => {
  await killServices();
  await database.drop();
  await server.stop();
});

test(
  'a database that is killed with all its processes loses nothing, and the service heals by itself once it is back',
  async () => {
    const next = random(seedOf('database kills'));
    const services = await Promise.all(
      [1, 2].map(() => startService({ DATABASE_URL: database.url, BATCH_MAX: '16' })),
    );
    const callers = services.map(({ client }) => new Caller(client.url));
    const traffic = new Traffic(16, (index) => callers[index % 2]!, crowd(next, 4_000, 'goldie'));
    const healedMs: number[] = [];
    watchStalls();
    for (let kill = 1; kill <= KILLS; kill++) {
      await traffic.more(200 + Math.floor(next() * 200));
      await server.kill();
      // some outages are a blip that the service waits out, others are not
      await sleep(next() * 3_000);
      await server.restart();
      const acceptedAt = performance.now();
      await sleep(HEALED_WITHIN_MS + 500);
      await traffic.more(50);
      const lastFailure = traffic.outcomes.findLast(({ status }) => status !== 200)?.endedAt ?? 0;
      healedMs.push(Math.max(lastFailure - acceptedAt, 0));
      progress(`kill ${kill}: full success ${seconds(healedMs.at(-1)!)} after the database accepted again`);
    }
    const calls = await traffic.stop();
    const found = await audit(database, calls);
    const isWhole = await isWholeAfterRepetition(database, calls, callers[0]!);
    const same = services.filter(({ isRunning }) => isRunning).length;
    report(
      'nothing acknowledged is lost: database killed',
      'kill -9 of all processes ×20: 0 lost, 0 broken',
      `kill -9 ×${KILLS} within ${calls.length} calls (${tally(calls)}): ${found.lost} lost, ${found.vanished} vanished, ${Object.keys(found.broken).length} broken`,
    );
    report(
      'heals by itself: database back',
      'full success ≤ 5 s after it accepts again, same process',
      `≤ ${seconds(Math.max(...healedMs))}, ${same} of 2 processes the same, slowest answer ${seconds(slowestMs(calls))}`,
    );
    expect(found).toEqual(SOUND);
    expect(isWhole).toBe(true);
    expect(Math.max(...healedMs)).toBeLessThanOrEqual(fair(HEALED_WITHIN_MS));
    expect(same).toBe(2);
    expect(improper(calls)).toEqual([]);
    expect(slowestMs(calls)).toBeLessThanOrEqual(fair(ANSWERED_WITHIN_MS));
    callers.forEach((caller) => caller.close());
    expect(await Promise.all(services.map((service) => service.end('SIGTERM')))).toEqual([0, 0]);
  },
  LONG_MS,
);
