import { setTimeout as sleep } from 'node:timers/promises';
import { useDatabase } from '../support/hooks.js';
import { random, seedOf } from '../support/random.js';
import type { ServiceProcess } from '../support/service-process.js';
import { Caller, tally } from './harness/caller.js';
import { audit, isWholeAfterRepetition, SOUND } from './harness/ledger.js';
import { progress, report } from './harness/report.js';
import { LONG_MS, scaled } from './harness/scale.js';
import { killServices, startService } from './harness/services.js';
import { crowd, Traffic } from './harness/traffic.js';

const KILLS = scaled(100, 3);
const CALLS = scaled(50_000, 1_500);
const REPLICAS = 3;

const database = useDatabase();

afterAll(killServices);

test(
  'replicas that are killed again and again lose nothing that was acknowledged',
  async () => {
    const next = random(seedOf('service kills'));
    const start = async (): Promise<{ service: ServiceProcess; caller: Caller }> => {
      const service = await startService({ DATABASE_URL: database.url, BATCH_MAX: '16' });
      return { service, caller: new Caller(service.client.url) };
    };
    const replicas = await Promise.all(Array.from({ length: REPLICAS }, start));
    const traffic = new Traffic(
      24,
      (index) => replicas[index % REPLICAS]!.caller,
      crowd(next, 4_000, 'strickland'),
      // leaves the processor to the replicas that start
      20,
    );
    for (let kill = 1; kill <= KILLS; kill++) {
      await traffic.more(Math.floor((CALLS / KILLS) * (0.5 + next())));
      const victim = Math.floor(next() * REPLICAS);
      await replicas[victim]!.service.end('SIGKILL');
      replicas[victim]!.caller.close();
      replicas[victim] = await start();
      if (kill % 10 === 0) {
        progress(`${kill} kills, ${traffic.outcomes.length} calls`);
      }
    }
    await traffic.more(Math.max(CALLS - traffic.outcomes.length, 0));
    const calls = await traffic.stop();
    // what a killed replica had sent to the database may still be carried out
    await sleep(500);
    const found = await audit(database, calls);
    const isWhole = await isWholeAfterRepetition(database, calls, replicas[0]!.caller);
    report(
      'nothing acknowledged is lost: service killed',
      'kill -9 ×100 within 50 k calls, 3 replicas: 0 lost, 0 broken',
      `kill -9 ×${KILLS} within ${calls.length} calls (${tally(calls)}): ${found.lost} lost, ${found.vanished} vanished, ${Object.keys(found.broken).length} broken`,
    );
    expect(found).toEqual(SOUND);
    expect(isWhole).toBe(true);
    expect(calls.filter(({ status }) => status === 0).length).toBeGreaterThan(0);
    const merges = await database.query('select from identity_merge');
    expect(merges.length).toBeGreaterThan(0);
    replicas.forEach(({ caller }) => caller.close());
    expect(await Promise.all(replicas.map(({ service }) => service.end('SIGTERM')))).toEqual([0, 0, 0]);
  },
  LONG_MS,
);
