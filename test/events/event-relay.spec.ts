import { Registry } from 'prom-client';
import type { EventLog, Numbered } from '../../src/events/event-log.js';
import { EventMetrics } from '../../src/events/event.metrics.js';
import { EventRelay } from '../../src/events/event-relay.js';
import type { ContactRepository } from '../../src/identity/store/contact.repository.js';
import { until } from '../support/until.js';

const NONE = { count: 0, hasMore: false } as Numbered;

/** A relay over a log of which only this much is there, and the tenants whose events it numbered. */
function relay(log: Partial<EventLog>): { sut: EventRelay; numbered: number[] } {
  const numbered: number[] = [];
  const number = async (tenantId: number): Promise<Numbered> => {
    const result = await (log.number?.(tenantId) ?? NONE);
    numbered.push(tenantId);
    return result;
  };
  const whole = { settings: { hasEvents: true }, trim: () => Promise.resolve(false), ...log, number };
  const contacts = {} as ContactRepository;
  return {
    sut: new EventRelay(whole as unknown as EventLog, new EventMetrics(new Registry()), contacts),
    numbered,
  };
}

test('tenants whose turns do not end leave turns to others', async () => {
  const { sut, numbered } = relay({
    number: (tenantId) => (tenantId < 3 ? new Promise(() => undefined) : Promise.resolve(NONE)),
  });
  [1, 2, 3].forEach((tenantId) => sut.wake(tenantId));
  await until(() => numbered.length > 0);
  expect(numbered).toEqual([3]);
  sut.beforeApplicationShutdown();
});

test('a tenant that can not be looked at does not end the sweep', async () => {
  const { sut, numbered } = relay({
    tenantIds: () => Promise.resolve([1, 2]),
    hasWaiting: (tenantId) => (tenantId === 1 ? Promise.reject(new Error('gone')) : Promise.resolve(true)),
  });
  sut.onApplicationBootstrap();
  await until(() => numbered.length > 0);
  expect(numbered[0]).toBe(2);
  sut.beforeApplicationShutdown();
});
