import { setTimeout as sleep } from 'node:timers/promises';
import { useDatabase } from '../support/hooks.js';
import { random, seedOf } from '../support/random.js';
import type { ServiceProcess } from '../support/service-process.js';
import { Balancer } from './harness/balancer.js';
import { Caller, failed, slowestMs, tally } from './harness/caller.js';
import { audit, SOUND } from './harness/ledger.js';
import { progress, report, seconds } from './harness/report.js';
import { LONG_MS, scaled } from './harness/scale.js';
import { killServices, startService } from './harness/services.js';
import { crowd, Traffic } from './harness/traffic.js';

const ROLLS = scaled(20, 1);
const REPLICAS = 3;
const GRACE_MS = 45_000;

const database = useDatabase();

afterAll(killServices);

test(
  'rolling restarts behind a balancer that polls readiness fail no call',
  async () => {
    const balancer = await Balancer.start();
    const start = async (): Promise<ServiceProcess> => {
      const service = await startService({ DATABASE_URL: database.url });
      balancer.add(service.client.url);
      return service;
    };
    const replicas = await Promise.all(Array.from({ length: REPLICAS }, start));
    const ready = async (): Promise<void> => {
      while (balancer.ready < REPLICAS) {
        await sleep(50);
      }
    };
    await ready();
    const caller = new Caller(balancer.url);
    const next = random(seedOf('rolling restart'));
    const traffic = new Traffic(16, () => caller, crowd(next, 4_000, 'lorraine'), 10);
    const codes: (number | null)[] = [];
    const tookMs: number[] = [];
    for (let roll = 1; roll <= ROLLS; roll++) {
      for (let i = 0; i < REPLICAS; i++) {
        const old = replicas[i]!;
        const toldAt = performance.now();
        codes.push(await old.end('SIGTERM'));
        tookMs.push(performance.now() - toldAt);
        balancer.remove(old.client.url);
        replicas[i] = await start();
        await ready();
      }
      progress(`roll ${roll}: ${traffic.outcomes.length} calls, ${tally(traffic.outcomes)}`);
    }
    const calls = await traffic.stop();
    const failures = failed(calls);
    report(
      'deploys are invisible',
      'SIGTERM rolling restart of 3 replicas ×20: 0 failed, exit 0 within the grace',
      `×${ROLLS}, ${calls.length} calls (${tally(calls)}): ${failures.length} failed, slowest ${seconds(slowestMs(calls))}; ${codes.filter((code) => code === 0).length} of ${codes.length} exits with 0, ≤ ${seconds(Math.max(...tookMs))}`,
    );
    expect(failures.slice(0, 3)).toEqual([]);
    expect(codes.every((code) => code === 0)).toBe(true);
    expect(Math.max(...tookMs)).toBeLessThan(GRACE_MS);
    expect(await audit(database, calls)).toEqual(SOUND);
    caller.close();
    await Promise.all(replicas.map((replica) => replica.end('SIGTERM')));
    await balancer.close();
  },
  LONG_MS,
);
