import { jest } from '@jest/globals';
import { Settings } from '../../src/config/settings.js';
import { DatabaseUnavailableError } from '../../src/database/session/unavailable.js';
import { OverloadedError } from '../../src/http/problems/problem.errors.js';
import { ReadLanes } from '../../src/identity/read-lanes.js';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Work that ends when it is told to, and how much of it has begun. */
class Work {
  begun = 0;
  private readonly ends: (() => void)[] = [];

  readonly run = async (): Promise<string> => {
    this.begun++;
    await new Promise<void>((resolve) => this.ends.push(resolve));
    return 'done';
  };

  endOne(): void {
    this.ends.shift()!();
  }
}

const failing = async (): Promise<never> => Promise.reject(new Error('broken'));

test('four read at once, and never more than leave the batches their connections', async () => {
  for (const [env, atOnce] of [
    [{}, 4],
    [{ DATABASE_POOL_MAX: '4', BATCH_LANES: '2' }, 2],
  ] as const) {
    const [lanes, work] = [new ReadLanes(new Settings(env)), new Work()];
    const reads = Array.from({ length: 6 }, () => lanes.read(1, work.run));
    await settled();
    expect(work.begun).toBe(atOnce);
    for (let ended = 0; ended < 6; ended++) {
      work.endOne();
      await settled();
    }
    expect(await Promise.all(reads)).toEqual(Array.from({ length: 6 }, () => 'done'));
  }
});

test('what is large is read one at a time, and holds no small read up', async () => {
  const [lanes, large] = [new ReadLanes(new Settings({})), new Work()];
  const reads = Array.from({ length: 5 }, () => lanes.readAny<string>(1, async () => null, large.run));
  await settled();
  expect(large.begun).toBe(1);
  expect(await lanes.readAny(1, async () => 'small', large.run)).toBe('small');
  for (let begun = 1; begun <= 5; begun++) {
    expect(large.begun).toBe(begun);
    large.endOne();
    await settled();
  }
  expect(await Promise.all(reads)).toHaveLength(5);
});

test('a read that fails frees its place', async () => {
  const lanes = new ReadLanes(new Settings({}));
  for (let tries = 0; tries < 6; tries++) {
    await expect(lanes.read(1, failing)).rejects.toThrow('broken');
    await expect(lanes.readAny(1, async () => null, failing)).rejects.toThrow('broken');
  }
});

test('a read is repeated while the database is away for a moment, and not if too many wait', async () => {
  const lanes = new ReadLanes(new Settings({ QUEUE_MAX: '1' }));
  let tries = 0;
  const read = lanes.read(1, async () => {
    if (tries++ === 0) {
      throw Object.assign(new DatabaseUnavailableError('away'), { cause: { code: '57P01' } });
    }
    return tries;
  });
  expect(await read).toBe(2);
  const work = new Work();
  const waiting = Array.from({ length: 5 }, () => lanes.read(1, work.run));
  await expect(lanes.read(1, work.run)).rejects.toThrow(OverloadedError);
  for (let ended = 0; ended < 5; ended++) {
    await settled();
    work.endOne();
  }
  await Promise.all(waiting);
});

describe('a tenant whose reads do not end', () => {
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['queueMicrotask', 'nextTick', 'setImmediate'] });
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  test('gives its places to others, and then has one at a time', async () => {
    const [lanes, slow, quick] = [new ReadLanes(new Settings({})), new Work(), new Work()];
    await lanes.read(2, async () => undefined);
    const reads = Array.from({ length: 6 }, () => lanes.read(1, slow.run));
    const other = lanes.read(2, quick.run);
    await settled();
    expect([slow.begun, quick.begun]).toEqual([4, 0]);
    jest.advanceTimersByTime(400);
    await settled();
    expect([slow.begun, quick.begun]).toEqual([4, 1]);
    quick.endOne();
    await other;
    for (let ended = 1; ended <= 4; ended++) {
      slow.endOne();
      await settled();
      expect(slow.begun).toBe(ended < 4 ? 4 : 5);
    }
    slow.endOne();
    await settled();
    slow.endOne();
    await Promise.all(reads);
  });

  test('has its places again once a read of it ends in time', async () => {
    const [lanes, slow] = [new ReadLanes(new Settings({})), new Work()];
    await lanes.read(2, async () => undefined);
    await expect(
      lanes.read(1, () => Promise.reject(new DatabaseUnavailableError('broken'))),
    ).rejects.toThrow();
    const reads = Array.from({ length: 4 }, () => lanes.read(1, slow.run));
    await settled();
    expect(slow.begun).toBe(1);
    slow.endOne();
    await settled();
    expect(slow.begun).toBe(4);
    for (let ended = 0; ended < 3; ended++) {
      slow.endOne();
    }
    await Promise.all(reads);
  });

  test('keeps them while it has them for itself', async () => {
    const [lanes, slow] = [new ReadLanes(new Settings({})), new Work()];
    const reads = Array.from({ length: 6 }, () => lanes.read(1, slow.run));
    await settled();
    jest.advanceTimersByTime(1_000);
    slow.endOne();
    await settled();
    expect(slow.begun).toBe(5);
    for (let ended = 0; ended < 5; ended++) {
      slow.endOne();
      await settled();
    }
    await Promise.all(reads);
  });
});
