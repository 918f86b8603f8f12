import { MikroORM } from '@mikro-orm/core';
import { ormOptions } from '../../mikro-orm.config.js';
import { RateLimiter } from '../../src/access/rate-limiter.js';
import { TooManyCallsError, type Allowance } from '../../src/access/allowance.js';
import { startApp } from '../support/app.js';
import { useDatabase } from '../support/hooks.js';
import { administerKeys } from '../support/keys.js';
import { settingsOf } from '../support/settings.js';

const database = useDatabase();
let orms: MikroORM[];
let replicas: RateLimiter[];

beforeEach(async () => {
  const settings = settingsOf({ DATABASE_URL: database.url, AUTH_MODE: 'api-key' });
  orms = await Promise.all(
    [1, 2, 3].map(() => MikroORM.init({ ...ormOptions(settings, 'serve'), logger: () => undefined })),
  );
  replicas = orms.map((orm) => new RateLimiter(orm, settings));
});

afterEach(async () => {
  await Promise.all(orms.map((orm) => orm.close()));
  await database.query('truncate rate_limit');
});

/** Calls at once, dealt out to the replicas; how many were granted. */
async function granted(key: string, limit: number, calls: number, of = replicas): Promise<number> {
  const results = await Promise.allSettled(
    Array.from({ length: calls }, async (_, i) => of[i % of.length]!.take(key, limit)),
  );
  for (const result of results) {
    if (result.status === 'rejected') {
      expect(result.reason).toBeInstanceOf(TooManyCallsError);
    }
  }
  return results.filter(({ status }) => status === 'fulfilled').length;
}

/** How many blocks of 50 were taken. */
async function writes(): Promise<number> {
  const [row] = await database.query<{ points: number }>('select points from rate_limit');
  return row!.points / 50;
}

test.each([1, 7, 20, 100, 1000])('one replica grants exactly the limit of %d', async (limit) => {
  expect(await granted('a', limit, limit + 50, replicas.slice(0, 1))).toBe(limit);
});

test('replicas together never grant more than the limit, and less by no more than a block each', async () => {
  const calls = await granted('a', 200, 600);
  expect(calls).toBeLessThanOrEqual(200);
  expect(calls).toBeGreaterThanOrEqual(200 - 2 * 10);
});

test('keys are counted apart', async () => {
  expect(await granted('a', 20, 40, replicas.slice(0, 1))).toBe(20);
  expect(await granted('b', 20, 10, replicas.slice(0, 1))).toBe(10);
});

test('the database is written to once a block, and not at all for a key that is refused', async () => {
  const [replica] = replicas;
  await granted('a', 1000, 120, [replica!]);
  expect(await writes()).toBe(3);
  await granted('a', 1000, 2000, [replica!]);
  const spent = await writes();
  await granted('a', 1000, 500, [replica!]);
  expect(await writes()).toBe(spent);
});

test('what remains and when the window ends is told', async () => {
  const allowance: Allowance = await replicas[0]!.take('a', 100);
  expect(allowance).toMatchObject({ callsPerMinute: 100, remaining: 99 });
  expect(allowance.resetSeconds).toBeGreaterThan(50);
  expect(allowance.resetSeconds).toBeLessThanOrEqual(60);
});

test('a new window begins when the old one has ended', async () => {
  expect(await granted('a', 20, 30, replicas.slice(0, 1))).toBe(20);
  await database.query('update rate_limit set expire = 0');
  // another replica, since the first one knows that the key is refused
  expect(await granted('a', 20, 30, replicas.slice(1, 2))).toBe(20);
});

test.each([
  ['by the replica that saw it', 0],
  ['by another replica', 1],
])('a clock that was an hour ahead does not close a key for an hour: %s', async (_, after) => {
  const now = Date.now;
  Date.now = () => now() + 3_600_000;
  try {
    expect(await granted('a', 20, 30, replicas.slice(0, 1))).toBe(20);
  } finally {
    Date.now = now;
  }
  expect(await granted('a', 20, 30, replicas.slice(after, after + 1))).toBe(20);
});

test('a caller is told its limit, and refused with 429 and Retry-After beyond it', async () => {
  const keys = await administerKeys(database.url);
  const [slow, fast] = [await keys.make({ callsPerMinute: 3 }), await keys.make()];
  await keys.close();
  await using app = await startApp({
    DATABASE_URL: database.url,
    AUTH_MODE: 'api-key',
    RATE_LIMIT_PER_MINUTE: '1000',
  });
  const call = (key: string) =>
    app.client.send<{ type: string; detail: string }>('GET', '/contacts/1', undefined, { 'x-api-key': key });
  const replies = [];
  for (let i = 0; i < 4; i++) {
    replies.push(await call(slow));
  }
  expect(replies.map(({ status }) => status)).toEqual([404, 404, 404, 429]);
  expect(replies[0]!.headers.get('ratelimit-policy')).toBe('"key";q=3;w=60');
  expect(replies[0]!.headers.get('ratelimit')).toMatch(/^"key";r=2;t=\d+$/);
  expect(replies[3]!.headers.get('ratelimit-policy')).toBe('"key";q=3;w=60');
  expect(replies[3]!.headers.get('ratelimit')).toBe(`"key";r=0;t=${replies[3]!.headers.get('retry-after')}`);
  expect(replies[3]).toMatchObject({
    body: {
      type: 'urn:problem:too-many-calls',
      detail: 'The API key has used its 3 calls of this minute.',
    },
  });
  const retryAfter = Number(replies[3]!.headers.get('retry-after'));
  expect(retryAfter).toBeGreaterThan(0);
  expect(retryAfter).toBeLessThanOrEqual(60);
  expect((await call(fast)).headers.get('ratelimit-policy')).toBe('"key";q=1000;w=60');
  expect((await app.client.send('GET', '/health/live')).headers.get('ratelimit')).toBeNull();
});

test('calls that a key has no scope for are counted like all others', async () => {
  const keys = await administerKeys(database.url);
  const key = await keys.make({ scopes: ['identify'], callsPerMinute: 3 });
  await keys.close();
  await using app = await startApp({ DATABASE_URL: database.url, AUTH_MODE: 'api-key' });
  const statuses: number[] = [];
  for (let i = 0; i < 4; i++) {
    statuses.push((await app.client.send('DELETE', '/contacts/1', undefined, { 'x-api-key': key })).status);
  }
  expect(statuses).toEqual([403, 403, 403, 429]);
});
