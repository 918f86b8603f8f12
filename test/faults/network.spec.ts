import { setTimeout as sleep } from 'node:timers/promises';
import { useDatabase } from '../support/hooks.js';
import { random, seedOf } from '../support/random.js';
import type { ServiceProcess } from '../support/service-process.js';
import { Caller, failed, improper, slowestMs, tally, type Outcome } from './harness/caller.js';
import { audit, SOUND } from './harness/ledger.js';
import { residentMb } from './harness/memory.js';
import { report, seconds } from './harness/report.js';
import { LONG_MS, scaled } from './harness/scale.js';
import { killServices, startService } from './harness/services.js';
import { fair, watchStalls } from './harness/stalls.js';
import { TcpProxy } from './harness/tcp-proxy.js';
import { crowd, Traffic, type Identified } from './harness/traffic.js';

const ANSWERED_WITHIN_MS = 5_000;
const BLACK_HOLE_MS = scaled(60_000, 6_000);
const ROUNDS = scaled(20, 3);
/** No test may make a service grow by so much; its heap alone comes and goes by some 60 MB under full traffic. */
const FLAT_MB = 100;

const database = useDatabase();
let proxy: TcpProxy;
let service: ServiceProcess;
let caller: Caller;
let next: () => number;

beforeAll(() => {
  next = random(seedOf('network'));
});

beforeEach(async () => {
  await database.clear();
  proxy = await TcpProxy.start(database.url);
  service = await startService({
    DATABASE_URL: proxy.through(database.url),
    // small, so that some callers wait for their turn
    BATCH_MAX: '8',
    // as `npm start` and the image run it
    NODE_OPTIONS: '--max-semi-space-size=8',
  });
  caller = new Caller(service.client.url);
});

afterEach(async () => {
  caller.close();
  expect(await service.end('SIGTERM')).toBe(0);
  await proxy.close();
});

afterAll(killServices);

/** Calls of every kind while `disturb` lasts, and after it until all is well again. */
async function during(disturb: (traffic: Traffic) => Promise<void>): Promise<{
  identified: readonly Identified[];
  all: Outcome[];
  grownMb: number;
}> {
  const traffic = new Traffic(32, () => caller, crowd(next, 1_000, 'doc'), 5);
  await traffic.more(4_000);
  const before = await residentMb(service.pid);
  const others: Outcome[] = [];
  watchStalls();
  let isOver = false;
  const reader = async (): Promise<void> => {
    while (!isOver) {
      others.push(await caller.send('GET', '/contacts/1'));
      others.push(await caller.send('GET', '/health/live'));
      await sleep(20);
    }
  };
  const readers = [reader(), reader()];
  await disturb(traffic);
  await traffic.more(500);
  // What nobody needs any more counts until it is collected, which more calls bring about; what leaks stays.
  let grownMb = (await residentMb(service.pid)) - before;
  for (let tries = 0; grownMb >= FLAT_MB && tries < 20; tries++) {
    await traffic.more(1_000);
    grownMb = (await residentMb(service.pid)) - before;
  }
  isOver = true;
  await Promise.all(readers);
  const identified = await traffic.stop();
  expect(failed(identified.slice(-100))).toEqual([]);
  return { identified, all: [...identified, ...others], grownMb };
}

async function expectPromiseKept(
  name: string,
  { identified, all, grownMb }: Awaited<ReturnType<typeof during>>,
): Promise<void> {
  report(
    `always answers: ${name}`,
    'every call ≤ 5 s with 2xx or 503 + Retry-After, memory flat',
    `${all.length} calls: ${tally(all)}, slowest ${seconds(slowestMs(all))}, ${improper(all).length} improper, memory ${grownMb < 0 ? '' : '+'}${grownMb} MB`,
  );
  expect(improper(all)).toEqual([]);
  expect(slowestMs(all)).toBeLessThanOrEqual(fair(ANSWERED_WITHIN_MS));
  expect(await audit(database, identified)).toEqual(SOUND);
  expect(grownMb).toBeLessThan(FLAT_MB);
}

test(
  'a database 500 ms away is slow and nothing worse',
  async () => {
    const outcome = await during(async () => {
      proxy.latencyMs = 250;
      await sleep(scaled(30_000, 4_000));
      proxy.latencyMs = 0;
    });
    await expectPromiseKept('latency of 500 ms', outcome);
  },
  LONG_MS,
);

test(
  'connections that are reset again and again cost no caller an error',
  async () => {
    const outcome = await during(async (traffic) => {
      for (let round = 0; round < ROUNDS * 5; round++) {
        await sleep(20 + next() * 200);
        // on a slow machine no call would ever come through otherwise
        await traffic.more(10);
        proxy.reset();
      }
    });
    await expectPromiseKept('connection resets', outcome);
    expect(failed(outcome.identified).slice(0, 3)).toEqual([]);
  },
  LONG_MS,
);

test(
  'a database that swallows everything is answered for',
  async () => {
    const outcome = await during(async () => {
      proxy.isBlackHole = true;
      await sleep(BLACK_HOLE_MS);
      proxy.isBlackHole = false;
      await sleep(5_000);
    });
    await expectPromiseKept(`black hole of ${BLACK_HOLE_MS / 1000} s`, outcome);
  },
  LONG_MS,
);

test(
  'connections that only the service believes in are found out in time',
  async () => {
    const outcome = await during(async () => {
      for (let round = 0; round < scaled(5, 1); round++) {
        proxy.halfOpen();
        await sleep(7_000);
      }
    });
    await expectPromiseKept('half-open peers', outcome);
  },
  LONG_MS,
);
