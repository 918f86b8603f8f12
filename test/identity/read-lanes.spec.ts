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
    const reads = Array.from({ length: 6 }, () => lanes.read(work.run));
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
  const reads = Array.from({ length: 5 }, () => lanes.readAny<string>(async () => null, large.run));
  await settled();
  expect(large.begun).toBe(1);
  expect(await lanes.readAny(async () => 'small', large.run)).toBe('small');
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
    await expect(lanes.read(failing)).rejects.toThrow('broken');
    await expect(lanes.readAny(async () => null, failing)).rejects.toThrow('broken');
  }
});

test('a read is repeated while the database is away for a moment, and not if too many wait', async () => {
  const lanes = new ReadLanes(new Settings({ QUEUE_MAX: '1' }));
  let tries = 0;
  const read = lanes.read(async () => {
    if (tries++ === 0) {
      throw Object.assign(new DatabaseUnavailableError('away'), { cause: { code: '57P01' } });
    }
    return tries;
  });
  expect(await read).toBe(2);
  const work = new Work();
  const waiting = Array.from({ length: 5 }, () => lanes.read(work.run));
  await expect(lanes.read(work.run)).rejects.toThrow(OverloadedError);
  for (let ended = 0; ended < 5; ended++) {
    await settled();
    work.endOne();
  }
  await Promise.all(waiting);
});
