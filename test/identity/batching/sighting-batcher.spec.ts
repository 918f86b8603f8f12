import { jest } from '@jest/globals';
import { Registry } from 'prom-client';
import { Settings } from '../../../src/config/settings.js';
import { DatabaseUnavailableError } from '../../../src/database/session/unavailable.js';
import { OverloadedError } from '../../../src/http/problems/problem.errors.js';
import type { Call } from '../../../src/identity/batching/call.js';
import type { Contested } from '../../../src/identity/batching/decided-calls.js';
import type { Sighting } from '../../../src/identity/domain/contact.js';
import type { ReconciliationService } from '../../../src/identity/reconciliation.service.js';
import { SightingBatcher } from '../../../src/identity/batching/sighting-batcher.js';
import { IdentityMetrics } from '../../../src/identity/identity.metrics.js';

interface Taken {
  readonly tenantId: number;
  readonly phones: (string | null)[];
  readonly maxRows: number | undefined;
  readonly decide: () => void;
  /** Tells that the database could not serve it, and that it is tried again. */
  readonly stumble: () => void;
  readonly end: (error?: Error) => void;
  /** Ends it with calls that another writer is in the way of; their phone number is that of their primary. */
  readonly contest: () => void;
  /** Ends it because its identities have more rows than it may read. */
  readonly overflow: () => void;
}

interface Reports {
  readonly maxRows?: number;
  readonly onDecided: () => void;
  readonly onUnavailable: () => void;
}

const none = (): void => undefined;

interface Result<C> {
  readonly contested: Contested<C & Call>[];
  readonly unread: readonly C[];
}

/** Stands for the database work: records the batches, and ends them when told to. */
class Batches {
  readonly taken: Taken[] = [];
  /** Batches of calls that are about large identities. */
  readonly large: Taken[] = [];
  /** Calls that another writer was in the way of, by identity. */
  readonly contested: Taken[] = [];
  /** Phone numbers of identities that are known to be large. */
  readonly largePhones = new Set<string | null>();

  isAboutLarge(_tenantId: number, sighting: Sighting): boolean {
    return this.largePhones.has(phoneOf({ sighting }));
  }

  identify<C extends Call>(
    tenantId: number,
    calls: readonly C[],
    { maxRows, onDecided, onUnavailable }: Reports,
  ): Promise<Result<C>> {
    const list = maxRows === undefined ? this.large : this.taken;
    return this.record(list, tenantId, calls, { decide: onDecided, stumble: onUnavailable }, maxRows);
  }

  identifyContested<C extends Call>(
    tenantId: number,
    _primaryId: number,
    calls: readonly C[],
  ): Promise<Result<C>> {
    return this.record(this.contested, tenantId, calls, { decide: none, stumble: none });
  }

  private record<C extends Call>(
    list: Taken[],
    tenantId: number,
    calls: readonly C[],
    reports: Pick<Taken, 'decide' | 'stumble'>,
    maxRows?: number,
  ): Promise<Result<C>> {
    return new Promise((resolve, reject) => {
      const contest = (): void =>
        resolve({
          contested: calls.map((call) => ({ call, primaryId: Number(phoneOf(call)) })),
          unread: [],
        });
      const overflow = (): void => resolve({ contested: [], unread: calls });
      const end = (error?: Error): void => {
        if (error !== undefined) {
          reject(error);
          return;
        }
        for (const call of calls) {
          call.answer({
            primaryContactId: 1,
            values: new Map([['phoneNumber', [phoneOf(call)]]]),
            secondaryContactIds: [],
          });
        }
        resolve({ contested: [], unread: [] });
      };
      const phones = calls.map(phoneOf);
      list.push({ tenantId, phones, maxRows, ...reports, end, contest, overflow });
    });
  }
}

function phoneOf({ sighting }: Pick<Call, 'sighting'>): string {
  return sighting.identifiers[0]!.value;
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
        .identify(tenantId, { identifiers: [{ kind: 'phoneNumber', value: phoneNumber }] })
        .then(({ values }) => [...values.get('phoneNumber')!]);
      // Some tests end before their batches do, and those are refused one day.
      answer.catch(() => undefined);
      return answer;
    },
  };
}

// Some tests leave batches under way. Their real timers would keep the worker of the tests alive.
beforeEach(() => {
  jest.useFakeTimers({ now: 0, doNotFake: ['queueMicrotask', 'nextTick', 'setImmediate'] });
});

afterEach(() => {
  jest.useRealTimers();
});

/** Until what has happened has had its effect: a batch begins one turn of the event loop after what it takes. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('an idle batcher takes at once all that has arrived', async () => {
  const { batches, identify } = batcher({ BATCH_LANES: '1' });
  void identify('1');
  void identify('2');
  await settled();
  expect(batches.taken).toMatchObject([{ phones: ['1', '2'] }]);
});

test('what arrives while all lanes are busy goes together into the next batch, and each gets its own answer', async () => {
  const { batches, identify } = batcher({ BATCH_LANES: '1' });
  const first = identify('1');
  await settled();
  const answers = [first, ...['2', '3', '4'].map((phone) => identify(phone))];
  batches.taken[0]!.end();
  await settled();
  batches.taken[1]!.end();
  expect(await Promise.all(answers)).toEqual([['1'], ['2'], ['3'], ['4']]);
  expect(batches.taken.map(({ phones }) => phones)).toEqual([['1'], ['2', '3', '4']]);
});

test('a batch takes no more than its limit, and the rest follows', async () => {
  const { batches, identify } = batcher({ BATCH_LANES: '1', BATCH_MAX: '2' });
  ['1', '2', '3', '4'].forEach((phone) => void identify(phone));
  await settled();
  batches.taken[0]!.end();
  await settled();
  expect(batches.taken.map(({ phones }) => phones)).toEqual([
    ['1', '2'],
    ['3', '4'],
  ]);
});

test('few wait while a batch reads, and take the next lane when it writes', async () => {
  const { batches, identify } = batcher({ BATCH_LANES: '2' });
  void identify('1');
  await settled();
  void identify('2');
  void identify('3');
  await settled();
  expect(batches.taken.map(({ phones }) => phones)).toEqual([['1']]);
  batches.taken[0]!.decide();
  await settled();
  expect(batches.taken.map(({ phones }) => phones)).toEqual([['1'], ['2', '3']]);
});

test('many do not wait while a batch reads', async () => {
  const { batches, identify } = batcher({ BATCH_LANES: '2' });
  void identify('first');
  await settled();
  Array.from({ length: 16 }, (_, i) => void identify(String(i)));
  await settled();
  expect(batches.taken.map(({ phones }) => phones.length)).toEqual([1, 16]);
});

test('no more batches are under way than there are lanes', async () => {
  const { batches, identify } = batcher({ BATCH_LANES: '2' });
  for (const phone of ['1', '2', '3']) {
    void identify(phone);
    await settled();
    batches.taken.at(-1)!.decide();
    await settled();
  }
  Array.from({ length: 20 }, () => void identify('4'));
  await settled();
  expect(batches.taken.map(({ phones }) => phones)).toEqual([['1'], ['2']]);
});

test('with more waiting than there may be, a sighting is refused at once', async () => {
  const { batches, identify } = batcher({ BATCH_LANES: '1', QUEUE_MAX: '2' });
  const first = identify('1');
  await settled();
  const answers = [first, identify('2'), identify('3')];
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
  await settled();
  batches.taken[0]!.end();
  await settled();
  expect(batches.taken.map(({ tenantId }) => tenantId)).toEqual([1, 2]);
  batches.taken[1]!.end();
  expect(await calm).toEqual(['calm']);
  await settled();
  for (let i = 2; i < batches.taken.length; i++) {
    batches.taken[i]!.end();
    await settled();
  }
  expect((await Promise.all(flood)).filter((answer) => answer === null)).toHaveLength(100 - 20);
});

test('a batch that fails before it has decided does not keep the others waiting', async () => {
  const { batches, identify } = batcher({ BATCH_LANES: '2' });
  const first = identify('1');
  await settled();
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
  await settled();
  for (let i = 0; i < 4; i++) {
    batches.taken[i]!.end();
    await settled();
  }
  expect(batches.taken).toMatchObject([
    { tenantId: 1, phones: ['1', '2'] },
    { tenantId: 2, phones: ['9'] },
    { tenantId: 1, phones: ['3', '4'] },
    { tenantId: 1, phones: ['5'] },
  ]);
});

test('an error about one sighting of a batch fails that one only: the others are reconciled one by one', async () => {
  const { batches, identify } = batcher({ BATCH_LANES: '1' });
  const first = identify('1');
  await settled();
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
  await settled();
  const waiting = Promise.allSettled([identify('2'), identify('3')]);
  batches.taken[0]!.end();
  await first;
  await settled();
  batches.taken[1]!.end(new DatabaseUnavailableError('the database is not reachable'));
  expect((await waiting).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(batches.taken).toHaveLength(2);
});

describe('calls that another writer is in the way of', () => {
  test('leave the lane to the others', async () => {
    const { batches, identify } = batcher({ BATCH_LANES: '1' });
    const held = identify('1');
    await settled();
    batches.taken[0]!.contest();
    await settled();
    const other = identify('2');
    await settled();
    batches.taken[1]!.end();
    expect(await other).toEqual(['2']);
    batches.contested[0]!.end();
    expect(await held).toEqual(['1']);
  });

  test('wait by identity: one after the other those of one, beside each other those of several', async () => {
    const { batches, identify } = batcher({ BATCH_LANES: '1' });
    const answers: Promise<string[]>[] = [];
    for (const phone of ['7', '7', '8', '7']) {
      answers.push(identify(phone));
      await settled();
      batches.taken.at(-1)!.contest();
      await settled();
    }
    expect(batches.contested.map(({ phones }) => phones)).toEqual([['7'], ['8']]);
    batches.contested[0]!.end();
    await settled();
    expect(batches.contested.map(({ phones }) => phones)).toEqual([['7'], ['8'], ['7', '7']]);
    batches.contested[1]!.end();
    batches.contested[2]!.end();
    expect(await Promise.all(answers)).toEqual([['7'], ['7'], ['8'], ['7']]);
  });

  test('are no more identities at once than may hold connections', async () => {
    const { batches, identify } = batcher({ BATCH_LANES: '1' });
    for (const phone of ['1', '2', '3', '4', '5']) {
      void identify(phone);
      await settled();
      batches.taken.at(-1)!.contest();
      await settled();
    }
    expect(batches.contested).toHaveLength(4);
    batches.contested[2]!.end();
    await settled();
    expect(batches.contested.map(({ phones }) => phones)).toEqual([['1'], ['2'], ['3'], ['4'], ['5']]);
  });

  test('of several tenants are never those of one identity', async () => {
    const { batches, identify } = batcher({ BATCH_LANES: '1' });
    for (const tenantId of [1, 2]) {
      void identify('1', tenantId);
      await settled();
      batches.taken.at(-1)!.contest();
      await settled();
    }
    expect(batches.contested.map(({ tenantId }) => tenantId)).toEqual([1, 2]);
  });

  test('are refused if too many wait', async () => {
    const { batches, identify } = batcher({ BATCH_LANES: '1', QUEUE_MAX: '1' });
    void identify('1');
    await settled();
    batches.taken[0]!.contest();
    await settled();
    const second = identify('2');
    await settled();
    batches.taken[1]!.contest();
    await expect(second).rejects.toThrow(OverloadedError);
  });
});

describe('calls that have much to read', () => {
  test('may read so many rows together', async () => {
    const { batches, identify } = batcher({ BATCH_LANES: '1' });
    void identify('1');
    await settled();
    expect(batches.taken[0]!.maxRows).toBe(16_384);
  });

  test('are split until a batch may read what it has to, before those that came later', async () => {
    const { batches, identify } = batcher({ BATCH_LANES: '1' });
    const first = identify('first');
    await settled();
    const answers = Array.from({ length: 20 }, (_, i) => identify(String(i)));
    batches.taken[0]!.end();
    await first;
    await settled();
    void identify('later');
    batches.taken[1]!.overflow();
    await settled();
    expect(batches.taken.at(-1)!.phones).toEqual(['0', '1', '2']);
    for (let i = 2; i < 9; i++) {
      batches.taken[i]!.end();
      await settled();
    }
    expect(await Promise.all(answers)).toHaveLength(20);
    expect(batches.taken.slice(2).map(({ phones }) => phones.length)).toEqual([3, 3, 3, 3, 3, 3, 3]);
    expect(batches.taken.at(-1)!.phones).toEqual(['18', '19', 'later']);
  });

  test('go to the lanes of large identities if one alone has too much', async () => {
    const { batches, identify } = batcher({ BATCH_LANES: '1' });
    const answer = identify('1');
    await settled();
    batches.taken[0]!.overflow();
    await settled();
    expect(batches.large).toMatchObject([{ phones: ['1'], maxRows: undefined }]);
    batches.large[0]!.end();
    expect(await answer).toEqual(['1']);
  });
});

describe('calls about an identity that is known to be large', () => {
  test('leave the lanes to the others', async () => {
    const { batches, identify } = batcher({ BATCH_LANES: '1' });
    batches.largePhones.add('large');
    const first = identify('large');
    await settled();
    const large = [first, ...Array.from({ length: 39 }, () => identify('large'))];
    const small = identify('small');
    await settled();
    batches.taken[0]!.end();
    expect(await small).toEqual(['small']);
    expect(batches.large.map(({ phones }) => phones.length)).toEqual([1]);
    for (let i = 0; i < 4; i++) {
      batches.large[i]!.end();
      await settled();
    }
    expect(await Promise.all(large)).toHaveLength(40);
    expect(batches.large.map(({ phones }) => phones.length)).toEqual([1, 16, 16, 7]);
  });

  test('are read by one batch at a time, and another one while it writes', async () => {
    const { batches, identify } = batcher({ BATCH_LANES: '4' });
    batches.largePhones.add('large');
    Array.from({ length: 60 }, () => void identify('large'));
    await settled();
    expect(batches.large).toHaveLength(1);
    batches.large[0]!.decide();
    await settled();
    batches.large[1]!.decide();
    await settled();
    expect(batches.large).toHaveLength(2);
  });

  test('are refused if too many wait, when the others are not', async () => {
    const { batches, identify } = batcher({ QUEUE_MAX: '2' });
    batches.largePhones.add('large');
    void identify('large');
    await settled();
    void identify('large');
    void identify('large');
    await expect(identify('large')).rejects.toThrow(OverloadedError);
    const small = identify('small');
    await settled();
    batches.taken[0]!.end();
    expect(await small).toEqual(['small']);
  });

  test('are decided under the lock of their identity in parts as small', async () => {
    const { batches, identify } = batcher({});
    batches.largePhones.add('7');
    const first = identify('7');
    await settled();
    const answers = [first, ...Array.from({ length: 19 }, () => identify('7'))];
    for (let i = 0; i < 3; i++) {
      batches.large[i]!.contest();
      await settled();
    }
    batches.contested[0]!.end();
    await settled();
    batches.contested[1]!.end();
    await settled();
    batches.contested[2]!.end();
    await Promise.all(answers);
    expect(batches.contested.map(({ phones }) => phones.length)).toEqual([1, 16, 3]);
  });
});

describe('while the database keeps a lane', () => {
  test('a sighting that waits too long is refused, and not reconciled later', async () => {
    const { batches, identify } = batcher({ BATCH_LANES: '1' });
    const first = identify('1');
    await settled();
    const late = Promise.allSettled([identify('2')]);
    jest.advanceTimersByTime(1_700);
    expect(await late).toMatchObject([{ reason: { name: 'DatabaseUnavailableError' } }]);
    batches.taken[0]!.end();
    expect(await first).toEqual(['1']);
    expect(batches.taken).toHaveLength(1);
  });

  test('a call that waits too long for another writer is refused, and so is one that waits behind it', async () => {
    const { batches, identify } = batcher({ BATCH_LANES: '1' });
    const answers = [];
    for (const phone of ['1', '1']) {
      answers.push(Promise.allSettled([identify(phone)]));
      await settled();
      batches.taken.at(-1)!.contest();
      await settled();
    }
    jest.advanceTimersByTime(1_700);
    expect(await answers[1]).toMatchObject([{ reason: { name: 'ContentionError' } }]);
    jest.advanceTimersByTime(2_700);
    expect(await answers[0]).toMatchObject([
      { reason: { message: 'the database takes too long to answer' } },
    ]);
    expect(batches.contested).toHaveLength(1);
  });

  test('a caller whose batch does not end is refused in time', async () => {
    const { identify } = batcher({ BATCH_LANES: '1' });
    const first = Promise.allSettled([identify('1')]);
    await settled();
    jest.advanceTimersByTime(4_400);
    expect(await first).toMatchObject([{ reason: { message: 'the database takes too long to answer' } }]);
  });

  test('an idle batcher leaves no timer behind', async () => {
    const { batches, identify } = batcher({ BATCH_LANES: '1' });
    const first = identify('1');
    await settled();
    batches.taken[0]!.end();
    await first;
    await jest.advanceTimersByTimeAsync(200);
    expect(jest.getTimerCount()).toBe(0);
  });
});

/** The tenants of the batches that have begun. */
const begun = (taken: readonly Taken[]): number[] => taken.map(({ tenantId }) => tenantId);

describe('a tenant whose batches do not end', () => {
  test('gives its lanes to others when they are late, and is held back', async () => {
    const { batches, identify } = batcher({ BATCH_LANES: '2', BATCH_MAX: '20' });
    Array.from({ length: 60 }, () => void identify('1', 1));
    await settled();
    void identify('2', 2);
    await settled();
    expect(begun(batches.taken)).toEqual([1, 1]);
    jest.advanceTimersByTime(500);
    await settled();
    expect(begun(batches.taken)).toEqual([1, 1, 2]);
    batches.taken[2]!.end();
    void identify('2', 2);
    await settled();
    expect(begun(batches.taken)).toEqual([1, 1, 2, 2]);
  });

  test('gives its lane to others although its batch is decided', async () => {
    const { batches, identify } = batcher({ BATCH_LANES: '1' });
    void identify('1', 1);
    await settled();
    batches.taken[0]!.decide();
    void identify('2', 2);
    jest.advanceTimersByTime(500);
    await settled();
    expect(begun(batches.taken)).toEqual([1, 2]);
  });

  test('gives its lane to others at the first failure, while it tries again', async () => {
    const { batches, identify } = batcher({ BATCH_LANES: '1' });
    const slow = identify('1', 1);
    const quick = identify('2', 2);
    await settled();
    batches.taken[0]!.stumble();
    await settled();
    expect(begun(batches.taken)).toEqual([1, 2]);
    batches.taken[1]!.end();
    await quick;
    batches.taken[0]!.end();
    expect(await slow).toEqual(['1']);
  });

  test('has one batch at a time, until one ends in time', async () => {
    const { batches, identify } = batcher({ BATCH_LANES: '2', BATCH_MAX: '1' });
    void identify('2', 2);
    void identify('1', 1);
    await settled();
    batches.taken[0]!.end();
    await settled();
    batches.taken[1]!.end(new DatabaseUnavailableError('gone'));
    await settled();
    ['1', '1', '1'].forEach((phone) => void identify(phone, 1));
    await settled();
    batches.taken[2]!.decide();
    await settled();
    expect(begun(batches.taken)).toEqual([2, 1, 1]);
    batches.taken[2]!.end();
    await settled();
    batches.taken[3]!.decide();
    await settled();
    expect(begun(batches.taken)).toEqual([2, 1, 1, 1, 1]);
  });

  test('leaves places to contested calls of others', async () => {
    const { batches, identify } = batcher({ BATCH_LANES: '1' });
    for (const tenantId of [1, 1, 1, 1, 1, 2]) {
      void identify(String(batches.taken.length), tenantId);
      await settled();
      batches.taken.at(-1)!.contest();
      await settled();
    }
    expect(begun(batches.contested)).toEqual([1, 1, 1, 1]);
    jest.advanceTimersByTime(1_300);
    expect(begun(batches.contested)).toEqual([1, 1, 1, 1, 2]);
  });
});

test('a batch that fails fails its own callers, and frees its lane', async () => {
  const { batches, identify } = batcher({ BATCH_LANES: '1' });
  const first = identify('1');
  await settled();
  const second = identify('2');
  batches.taken[0]!.end(new Error('connection lost'));
  await expect(first).rejects.toThrow('connection lost');
  await settled();
  batches.taken[1]!.end();
  expect(await second).toEqual(['2']);
});
