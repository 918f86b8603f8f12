import { jest } from '@jest/globals';
import { Limit } from '../../src/identity/limit.js';

class Refusal extends Error {}

const limit = (atOnce: number, maxWaiting: number): Limit =>
  new Limit({ atOnce, maxWaiting, waitMs: 1_500, refusal: () => new Refusal() });

/** Who has been let in, in order. */
function entering(sut: Limit, ...names: string[]) {
  const inside: string[] = [];
  const leave = new Map<string, () => void>();
  const entered = names.map(async (name) => {
    leave.set(name, await sut.enter());
    inside.push(name);
  });
  void Promise.allSettled(entered);
  return { inside, entered, leave: (name: string) => leave.get(name)!() };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('as many are inside as may be, and the others follow in order of arrival', async () => {
  const { inside, leave } = entering(limit(2, 10), 'doc', 'marty', 'lorraine', 'george');
  await settled();
  expect(inside).toEqual(['doc', 'marty']);
  leave('marty');
  await settled();
  expect(inside).toEqual(['doc', 'marty', 'lorraine']);
});

test('to leave twice makes room for one', async () => {
  const { inside, leave } = entering(limit(1, 10), 'doc', 'marty', 'lorraine');
  await settled();
  leave('doc');
  leave('doc');
  await settled();
  expect(inside).toEqual(['doc', 'marty']);
});

test('whoever arrives when too many wait is refused', async () => {
  const sut = limit(1, 1);
  const { entered } = entering(sut, 'doc', 'marty', 'biff');
  await expect(entered[2]).rejects.toThrow(Refusal);
  expect(sut.waiting).toBe(1);
});

test('whoever waits too long is refused, and not let in later', async () => {
  jest.useFakeTimers({ now: 0, doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
  try {
    const sut = limit(1, 10);
    const { inside, entered, leave } = entering(sut, 'doc', 'marty');
    await settled();
    jest.advanceTimersByTime(1_600);
    await expect(entered[1]).rejects.toThrow(Refusal);
    leave('doc');
    await settled();
    expect(inside).toEqual(['doc']);
    await sut.enter();
    expect(jest.getTimerCount()).toBe(0);
  } finally {
    jest.useRealTimers();
  }
});

test('work that fails makes room', async () => {
  const sut = limit(1, 0);
  await expect(sut.run(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
  expect(await sut.run(() => Promise.resolve('done'))).toBe('done');
});
