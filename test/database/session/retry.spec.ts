import { jest } from '@jest/globals';
import { DatabaseUnavailableError, retryUnavailable } from '../../../src/database/session/unavailable.js';

function unavailable(code: string | null, message = ''): DatabaseUnavailableError {
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

test('nobody is kept waiting for a database that stays away, and it is not stormed', async () => {
  const work = jest.fn(() => Promise.reject(unavailable('ECONNREFUSED')));
  const startedAt = performance.now();
  await expect(retryUnavailable(work)).rejects.toThrow(DatabaseUnavailableError);
  expect(performance.now() - startedAt).toBeLessThan(4_000);
  expect(work.mock.calls.length).toBeLessThan(60);
});
