import { jest } from '@jest/globals';
import { Registry } from 'prom-client';
import { Settings } from '../../src/config/settings.js';
import { DatabaseUnavailableError } from '../../src/database/database-unavailable.error.js';
import { OverloadedError } from '../../src/limits/overloaded.error.js';
import type { Call, ReconciliationService } from '../../src/identity/reconciliation.service.js';
import { SightingBatcher } from '../../src/identity/sighting-batcher.js';
import { IdentityMetrics } from '../../src/metrics/identity-metrics.js';

/** Stands for the database work: records the batches, and ends them when told to. */
class Batches {
  readonly taken: {
    tenantId: number;
    phones: (string | null)[];
    decide: () => void;
    end: (error?: Error) => void;
  }[] = [];

  identify(tenantId: number, calls: readonly Call[], decide: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (error?: Error): void => {
        if (error !== undefined) {
          reject(error);
          return;
        }
        for (const { sighting, answer } of calls) {
          answer({
            primaryContactId: 1,
            emails: [],
            phoneNumbers: [sighting.phoneNumber!],
            secondaryContactIds: [],
          });
        }
        resolve();
      };
      this.taken.push({ tenantId, phones: calls.map(({ sighting }) => sighting.phoneNumber), decide, end });
    });
  }
}

function batcher(env: Record<string, string>): {
  batches: Batches;
  identify: (phone: string, tenantId?: number) => Promise<string[]>;
} {
  const batches = new Batches();
  const settings = new Settings(env);
  const metrics = new IdentityMetrics(settings, new Registry());
  const sut = new SightingBatcher(batches as unknown as ReconciliationService, settings, metrics);
  return {
    batches,
    identify: (phoneNumber, tenantId = 1) => {
      const answer = sut
        .identify(tenantId, { email: null, phoneNumber })
        .then(({ phoneNumbers }) => [...phoneNumbers]);
      // Some tests end before their batches do, and those are refused one day.
      answer.catch(() => undefined);
      return answer;
    },
  };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('an idle batcher takes a sighting at once', () => {
  const { batches, identify } = batcher({ BATCH_LANES: '1' });
  void identify('1');
  expect(batches.taken).toMatchObject([{ phones: ['1'] }]);
});

test('what arrives while all lanes are busy goes together into the next batch, and each gets its own answer', async () => {
  const { batches, identify } = batcher({ BATCH_LANES: '1' });
  const answers = ['1', '2', '3', '4'].map((phone) => identify(phone));
  batches.taken[0]!.end();
  await settled();
  batches.taken[1]!.end();
  expect(await Promise.all(answers)).toEqual([['1'], ['2'], ['3'], ['4']]);
  expect(batches.taken.map(({ phones }) => phones)).toEqual([['1'], ['2', '3', '4']]);
});

test('a batch takes no more than its limit, and the rest follows', async () => {
  const { batches, identify } = batcher({ BATCH_LANES: '1', BATCH_MAX: '2' });
  ['1', '2', '3', '4'].forEach((phone) => void identify(phone));
  batches.taken[0]!.end();
  await settled();
  batches.taken[1]!.end();
  await settled();
  expect(batches.taken.map(({ phones }) => phones)).toEqual([['1'], ['2', '3'], ['4']]);
});

test('few wait while a batch reads, and take the next lane when it writes', async () => {
  const { batches, identify } = batcher({ BATCH_LANES: '2' });
  ['1', '2', '3'].forEach((phone) => void identify(phone));
  expect(batches.taken.map(({ phones }) => phones)).toEqual([['1']]);
  batches.taken[0]!.decide();
  await settled();
  expect(batches.taken.map(({ phones }) => phones)).toEqual([['1'], ['2', '3']]);
});

test('many do not wait while a batch reads', () => {
  const { batches, identify } = batcher({ BATCH_LANES: '2' });
  Array.from({ length: 17 }, (_, i) => void identify(String(i)));
  expect(batches.taken.map(({ phones }) => phones.length)).toEqual([1, 16]);
});

test('no more batches are under way than there are lanes', async () => {
  const { batches, identify } = batcher({ BATCH_LANES: '2' });
  for (const phone of ['1', '2', '3']) {
    void identify(phone);
    batches.taken.at(-1)!.decide();
    await settled();
  }
  Array.from({ length: 20 }, () => void identify('4'));
  expect(batches.taken.map(({ phones }) => phones)).toEqual([['1'], ['2']]);
});

test('with more waiting than there may be, a sighting is refused at once', async () => {
  const { batches, identify } = batcher({ BATCH_LANES: '1', QUEUE_MAX: '2' });
  const answers = ['1', '2', '3'].map((phone) => identify(phone));
  await expect(identify('4')).rejects.toThrow(OverloadedError);
  batches.taken[0]!.end();
  await settled();
  batches.taken[1]!.end();
  expect(await Promise.all(answers)).toEqual([['1'], ['2'], ['3']]);
});

test('a flood of one tenant leaves room and turns for the others', async () => {
  const { batches, identify } = batcher({ BATCH_LANES: '1', BATCH_MAX: '5', QUEUE_MAX: '20' });
  const flood = Array.from({ length: 100 }, (_, i) => identify(String(i), 1).catch(() => null));
  const calm = identify('calm', 2);
  batches.taken[0]!.end();
  await settled();
  batches.taken[1]!.end();
  await settled();
  expect(batches.taken.map(({ tenantId }) => tenantId)).toEqual([1, 1, 2]);
  batches.taken[2]!.end();
  expect(await calm).toEqual(['calm']);
  await settled();
  for (let i = 3; i < batches.taken.length; i++) {
    batches.taken[i]!.end();
    await settled();
  }
  expect((await Promise.all(flood)).filter((answer) => answer === null)).toHaveLength(100 - 21);
});

test('a batch that fails before it has decided does not keep the others waiting', async () => {
  const { batches, identify } = batcher({ BATCH_LANES: '2' });
  const first = identify('1');
  const second = identify('2');
  batches.taken[0]!.end(new DatabaseUnavailableError('gone'));
  await expect(first).rejects.toThrow('gone');
  await settled();
  batches.taken[1]!.end();
  expect(await second).toEqual(['2']);
});

test('a batch has one tenant, and tenants take turns', async () => {
  const { batches, identify } = batcher({ BATCH_LANES: '1', BATCH_MAX: '2' });
  ['1', '2', '3', '4', '5'].forEach((phone) => void identify(phone, 1));
  void identify('9', 2);
  for (let i = 0; i < 4; i++) {
    batches.taken[i]!.end();
    await settled();
  }
  expect(batches.taken).toMatchObject([
    { tenantId: 1, phones: ['1'] },
    { tenantId: 1, phones: ['2', '3'] },
    { tenantId: 2, phones: ['9'] },
    { tenantId: 1, phones: ['4', '5'] },
  ]);
});

test('an error about one sighting of a batch fails that one only: the others are reconciled one by one', async () => {
  const { batches, identify } = batcher({ BATCH_LANES: '1' });
  const first = identify('1');
  const [second, third] = [identify('2'), identify('3')];
  batches.taken[0]!.end();
  await first;
  await settled();
  batches.taken[1]!.end(new Error('something about 2'));
  await settled();
  batches.taken[2]!.end(new Error('something about 2'));
  await expect(second).rejects.toThrow('something about 2');
  batches.taken[3]!.end();
  expect(await third).toEqual(['3']);
  expect(batches.taken.map(({ phones }) => phones)).toEqual([['1'], ['2', '3'], ['2'], ['3']]);
});

test('an error that would meet each of them fails the whole batch at once', async () => {
  const { batches, identify } = batcher({ BATCH_LANES: '1' });
  const first = identify('1');
  const waiting = Promise.allSettled([identify('2'), identify('3')]);
  batches.taken[0]!.end();
  await first;
  await settled();
  batches.taken[1]!.end(new DatabaseUnavailableError('the database is not reachable'));
  expect((await waiting).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(batches.taken).toHaveLength(2);
});

describe('while the database keeps a lane', () => {
  beforeEach(() => {
    jest.useFakeTimers({ now: 0, doNotFake: ['queueMicrotask', 'nextTick', 'setImmediate'] });
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  test('a sighting that waits too long is refused, and not reconciled later', async () => {
    const { batches, identify } = batcher({ BATCH_LANES: '1' });
    const first = identify('1');
    const late = Promise.allSettled([identify('2')]);
    jest.advanceTimersByTime(1_700);
    expect(await late).toMatchObject([{ reason: { name: 'DatabaseUnavailableError' } }]);
    batches.taken[0]!.end();
    expect(await first).toEqual(['1']);
    expect(batches.taken).toHaveLength(1);
  });

  test('a caller whose batch does not end is refused in time', async () => {
    const { identify } = batcher({ BATCH_LANES: '1' });
    const first = Promise.allSettled([identify('1')]);
    jest.advanceTimersByTime(4_400);
    expect(await first).toMatchObject([{ reason: { message: 'the database takes too long to answer' } }]);
  });

  test('an idle batcher leaves no timer behind', async () => {
    const { batches, identify } = batcher({ BATCH_LANES: '1' });
    const first = identify('1');
    batches.taken[0]!.end();
    await first;
    await jest.advanceTimersByTimeAsync(200);
    expect(jest.getTimerCount()).toBe(0);
  });
});

test('a batch that fails fails its own callers, and frees its lane', async () => {
  const { batches, identify } = batcher({ BATCH_LANES: '1' });
  const first = identify('1');
  const second = identify('2');
  batches.taken[0]!.end(new Error('connection lost'));
  await expect(first).rejects.toThrow('connection lost');
  batches.taken[1]!.end();
  expect(await second).toEqual(['2']);
});
