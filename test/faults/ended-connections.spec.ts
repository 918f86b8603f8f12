import { MikroORM } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { setTimeout as sleep } from 'node:timers/promises';
import { ormOptions } from '../../mikro-orm.config.js';
import { Settings } from '../../src/config/settings.js';
import { useDatabase } from '../support/hooks.js';
import { random, seedOf } from '../support/random.js';
import { Caller, failed, tally } from './harness/caller.js';
import { audit, SOUND } from './harness/ledger.js';
import { report, seconds } from './harness/report.js';
import { LONG_MS, scaled } from './harness/scale.js';
import { killServices, startService } from './harness/services.js';
import { fair, watchStalls } from './harness/stalls.js';
import { crowd, Traffic } from './harness/traffic.js';

const ROUNDS = scaled(20, 4);
const POOL = 4;
const FULL_WITHIN_MS = 2_000;

const database = useDatabase();

afterAll(killServices);

/** Ends every connection of the service but those of its readiness check; returns how many. */
async function endConnections(): Promise<number> {
  const ended = await database.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = 'identity-reconciliation'`,
  );
  return ended.length;
}

async function connections(): Promise<number> {
  const [row] = await database.query<{ count: string }>(
    `select count(*) from pg_stat_activity
     where datname = current_database() and application_name = 'identity-reconciliation'`,
  );
  return Number(row!.count);
}

test(
  'a failover costs no caller an error, and the pool is full again at once',
  async () => {
    const next = random(seedOf('ended connections'));
    const service = await startService({
      DATABASE_URL: database.url,
      DATABASE_POOL_MAX: String(POOL),
      BATCH_LANES: String(POOL),
      BATCH_MAX: '4',
    });
    const caller = new Caller(service.client.url);
    const traffic = new Traffic(32, () => caller, crowd(next, 2_000, 'jennifer'));
    await traffic.more(300);
    const refilledMs: number[] = [];
    watchStalls();
    for (let round = 0; round < ROUNDS; round++) {
      await traffic.more(100 + Math.floor(next() * 100));
      expect(await connections()).toBe(POOL);
      await endConnections();
      const endedAt = performance.now();
      do {
        await sleep(10);
      } while ((await connections()) < POOL && performance.now() - endedAt < 10_000);
      refilledMs.push(performance.now() - endedAt);
    }
    const calls = await traffic.stop();
    report(
      'heals by itself: all connections ended',
      'pool full again ≤ 2 s after pg_terminate_backend of all ×20',
      `≤ ${seconds(Math.max(...refilledMs))}, ×${ROUNDS}; ${calls.length} calls: ${tally(calls)}`,
    );
    expect(Math.max(...refilledMs)).toBeLessThanOrEqual(fair(FULL_WITHIN_MS));
    expect(failed(calls).slice(0, 3)).toEqual([]);
    expect(await audit(database, calls)).toEqual(SOUND);
    caller.close();
    expect(await service.end('SIGTERM')).toBe(0);
  },
  LONG_MS,
);

test(
  'a connection that dies inside a transaction of the ORM gives its place in the pool back',
  async () => {
    const settings = new Settings({ DATABASE_URL: database.url, DATABASE_POOL_MAX: '2' });
    const orm = await MikroORM.init({ ...ormOptions(settings, 'serve'), logger: () => undefined });
    const em = (): SqlEntityManager => orm.em.fork() as SqlEntityManager;
    let died = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const transactions = [1, 2].map(() =>
        em().transactional((inner) =>
          inner.execute('select pg_sleep(5)').then(() => inner.execute('select 1')),
        ),
      );
      while ((await connections()) < 2) {
        await sleep(10);
      }
      await sleep(50);
      await endConnections();
      died += (await Promise.allSettled(transactions)).filter(({ status }) => status === 'rejected').length;
    }
    const served = await Promise.allSettled([1, 2].map(() => em().execute('select 1')));
    const places = served.filter(({ status }) => status === 'fulfilled').length;
    report(
      'failover disables no replica',
      'each place in the pool serves again',
      `${places} of 2 places serve after ${died} connections that died in a transaction`,
    );
    expect(died).toBe(2 * ROUNDS);
    expect(places).toBe(2);
    await orm.close();
  },
  LONG_MS,
);
