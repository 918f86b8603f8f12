import { jest } from '@jest/globals';
import type { EntityManager } from '@mikro-orm/core';
import type { HttpAdapterHost } from '@nestjs/core';
import { CallOutcomes } from '../../src/health/call-outcomes.js';

beforeEach(() => {
  jest.useFakeTimers({ now: 0 });
});

afterEach(() => {
  jest.useRealTimers();
});

/** The outcomes of a process that can't read any tenant. */
function outcomes(): CallOutcomes {
  return new CallOutcomes({} as HttpAdapterHost, { getConnection: () => null } as unknown as EntityManager);
}

/** One call a second, in turn of each tenant, all with the same status. */
function call(sut: CallOutcomes, tenantIds: readonly number[], status: number, seconds: number): void {
  for (let second = 0; second < seconds; second++) {
    tenantIds.forEach((tenantId) => sut.note(tenantId, status, 100));
    jest.advanceTimersByTime(1_000);
  }
}

test('few failures do not take a replica out', () => {
  const sut = outcomes();
  call(sut, [1], 503, 9);
  expect(sut.areFailing()).toBe(false);
  call(sut, [1], 503, 1);
  expect(sut.areFailing()).toBe(true);
});

test('one call that is served keeps it in, and one that is refused for its form does not', () => {
  const sut = outcomes();
  call(sut, [1], 503, 9);
  call(sut, [1], 400, 1);
  call(sut, [1], 200, 1);
  call(sut, [1], 503, 9);
  expect(sut.areFailing()).toBe(false);
  call(sut, [1], 400, 1);
  call(sut, [1], 503, 1);
  expect(sut.areFailing()).toBe(true);
  call(sut, [1], 200, 1);
  expect(sut.areFailing()).toBe(false);
});

test('many failures within a moment do not take it out', () => {
  const sut = outcomes();
  Array.from({ length: 50 }, () => sut.note(1, 503, 100));
  expect(sut.areFailing()).toBe(false);
});

test('calls of one tenant of several do not take it out', () => {
  const sut = outcomes();
  call(sut, [1, 2], 200, 1);
  call(sut, [1], 503, 20);
  expect(sut.areFailing()).toBe(false);
  call(sut, [2], 503, 1);
  expect(sut.areFailing()).toBe(true);
});

test('it stays out while none of its tenants can be read', async () => {
  const sut = outcomes();
  call(sut, [1], 503, 10);
  expect(sut.areFailing()).toBe(true);
  for (let tries = 0; tries < 3; tries++) {
    jest.advanceTimersByTime(60_000);
    expect(sut.areFailing()).toBe(true);
    await Promise.resolve();
  }
});
