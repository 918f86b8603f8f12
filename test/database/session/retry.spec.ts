import { jest } from '@jest/globals';

let now = 0;
jest.unstable_mockModule('node:timers/promises', () => ({
  setTimeout: (ms: number) => Promise.resolve(void (now += ms)),
}));
const { DatabaseUnavailableError, retryUnavailable } =
  await import('../../../src/database/session/unavailable.js');

beforeEach(() => {
  now = 0;
  jest.spyOn(performance, 'now').mockImplementation(() => now);
});

afterEach(() => jest.restoreAllMocks());

function unavailable(code: string | null, message = '') {
  return new DatabaseUnavailableError('away', { cause: Object.assign(new Error(message), { code }) });
}

/** Work that fails with each of the errors, one after the other, and is done at last. */
function failing(...errors: Error[]): jest.Mock<() => Promise<string>> {
  return jest.fn(() => {
    const error = errors.shift();
    return error === undefined ? Promise.resolve('done') : Promise.reject(error);
  });
}

test.each([
  unavailable('57P01'),
  unavailable('08006'),
  unavailable('53300'),
  unavailable('40001'),
  unavailable('40P01'),
  unavailable('55P03'),
  unavailable('ECONNREFUSED'),
  unavailable(null, 'Connection terminated unexpectedly'),
  unavailable(null, 'Connection terminated due to connection timeout'),
])('work that a failure of a moment ended is done again (%#)', async (error) => {
  const work = failing(error, error);
  expect(await retryUnavailable(work)).toBe('done');
  expect(work).toHaveBeenCalledTimes(3);
});

test.each([
  unavailable('42P01'),
  unavailable('28P01'),
  unavailable('57014'),
  unavailable(null, 'timeout exceeded when trying to connect'),
  new Error('a fault'),
])('what would only happen again is not tried again (%#)', async (error) => {
  const work = failing(error);
  await expect(retryUnavailable(work)).rejects.toBe(error);
  expect(work).toHaveBeenCalledTimes(1);
});

test('work that must not be done twice is not', async () => {
  const error = unavailable('57P01');
  await expect(retryUnavailable(failing(error), () => false)).rejects.toBe(error);
});

test.each([
  // the longest waits, and shorter ones
  { random: 1, starts: [0, 20, 60, 140, 300, 620, 1020, 1420, 1820, 2220, 2620, 3020, 3420] },
  {
    random: 0.75,
    starts: [0, 15, 45, 105, 225, 465, 765, 1065, 1365, 1665, 1965, 2265, 2565, 2865, 3165, 3465],
  },
])(
  'a database that stays away is tried less and less often, and for 3.5 s (%#)',
  async ({ random, starts }) => {
    jest.spyOn(Math, 'random').mockReturnValue(random);
    const startedAt: number[] = [];
    const work = (): Promise<never> => {
      startedAt.push(now);
      return Promise.reject(unavailable('ECONNREFUSED'));
    };
    await expect(retryUnavailable(work)).rejects.toThrow(DatabaseUnavailableError);
    expect(startedAt).toEqual(starts);
  },
);

test('work that takes long itself is not done again after 3.5 s', async () => {
  const work = jest.fn(() => {
    now += 1_500;
    return Promise.reject(unavailable('ECONNREFUSED'));
  });
  await expect(retryUnavailable(work)).rejects.toThrow(DatabaseUnavailableError);
  expect(work).toHaveBeenCalledTimes(3);
});
