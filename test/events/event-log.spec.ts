import { jest } from '@jest/globals';
import pg from 'pg';
import { Settings } from '../../src/config/settings.js';
import type { EventLog } from '../../src/events/event-log.js';
import { openService, type OpenService } from '../../src/transfer/open-service.js';
import { use, useDatabase } from '../support/hooks.js';
import { until, untilLocked } from '../support/until.js';

const database = useDatabase();
const open = (): OpenService =>
  use(
    () => openService(new Settings({ DATABASE_URL: database.url, EVENTS_RETENTION_DAYS: '30' }), 2, null),
    (service) => service[Symbol.asyncDispose]() as Promise<void>,
  );
const [one, other] = [open(), open()];

beforeEach(async () => {
  await database.clear();
  await database.query('truncate webhook, webhook_delivery');
});

afterEach(() => {
  jest.restoreAllMocks();
});

/** Decisions that left so many events each. */
async function leave(...counts: readonly number[]): Promise<void> {
  for (const [i, count] of counts.entries()) {
    const events = Array.from({ length: count }, (_, n) => ({
      type: n % 2 === 0 ? 'identity.created' : 'identity.updated',
      data: { decision: i, event: n },
    }));
    await database.query(`insert into event_outbox (tenant_id, id, at, events) values (1, $1, now(), $2)`, [
      i + 1,
      JSON.stringify(events),
    ]);
  }
}

async function numberAll(log: EventLog): Promise<void> {
  while ((await log.number(1)).hasMore) {
    // until nothing waits
  }
}

interface Logged {
  readonly position: number;
  readonly outbox_id: number;
  readonly event: number;
}

const logged = (): Promise<Logged[]> =>
  database.query<Logged>(
    `select position::int, outbox_id::int, (data ->> 'event')::int as event from event_log order by position`,
  );

/** As they were left, each once, without a gap. */
async function expectAll(counts: readonly number[]): Promise<void> {
  const all = counts.flatMap((count, i) =>
    Array.from({ length: count }, (_, event) => ({ outbox_id: i + 1, event })),
  );
  expect(await logged()).toEqual(all.map((event, i) => ({ position: i + 1, ...event })));
  expect(await database.query('select from event_outbox')).toEqual([]);
}

test('two processes at the same time give each event one number, in the order of decisions', async () => {
  const counts = Array.from({ length: 300 }, (_, i) => (i % 7) + 1);
  await leave(...counts);
  await Promise.all([one.events!, other.events!, one.events!, other.events!].map(numberAll));
  await expectAll(counts);
});

test('a process that comes while another one gives numbers waits for it, and finds what is left', async () => {
  await one.events!.begin(1);
  await leave(1, 1);
  const first = new pg.Client({ connectionString: database.adminUrl });
  await first.connect();
  await first.query('begin');
  await first.query('select position from event_head where tenant_id = 1 for update');
  await first.query(
    `insert into event_log (tenant_id, position, outbox_id, at, type, data)
      select tenant_id, 1, id, at, 'identity.created', events -> 0 -> 'data' from event_outbox where id = 1`,
  );
  await first.query('delete from event_outbox where id = 1');
  await first.query('update event_head set position = 1');
  const second = one.events!.number(1);
  await untilLocked(database);
  await first.query('commit');
  await first.end();
  expect(await second).toMatchObject({ count: 1, lastPosition: 2 });
  await expectAll([1, 1]);
});

test('a decision with more events than a turn takes gets its numbers in one', async () => {
  await one.events!.begin(1);
  await leave(1, 2_500, 1);
  expect(await one.events!.number(1)).toMatchObject({ count: 1, hasMore: true });
  expect(await one.events!.number(1)).toMatchObject({ count: 2_500, lastPosition: 2_501, hasMore: true });
  expect(await one.events!.number(1)).toMatchObject({ count: 1, hasMore: false });
  await expectAll([1, 2_500, 1]);
});

test('a process that ends before its commit has done nothing, and the next one does it', async () => {
  await one.events!.begin(1);
  await leave(3, 2);
  const blocker = new pg.Client({ connectionString: database.adminUrl });
  await blocker.connect();
  // the turn has taken the events when it comes to the log
  await blocker.query('begin; lock table event_log in exclusive mode');
  const turn = one.events!.number(1).then(
    () => 'numbered',
    () => 'failed',
  );
  await untilLocked(database);
  await database.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
  );
  expect(await turn).toBe('failed');
  await blocker.query('rollback');
  await blocker.end();
  expect(await logged()).toEqual([]);
  await until(async () => (await other.events!.number(1)).count > 0);
  await expectAll([3, 2]);
});

test('events get their deliveries with their numbers, whoever gives them', async () => {
  await database.query(
    `insert into webhook (tenant_id, id, url, types, secret, created_at, disabled_at, disabled_reason) values
      (1, 1, 'https://a.example', null, '', now(), null, null),
      (1, 2, 'https://b.example', '{identity.updated}', '', now(), null, null),
      (1, 3, 'https://c.example', null, '', now(), now(), 'gone')`,
  );
  await leave(2, 1);
  await numberAll(one.events!);
  expect(
    await database.query(
      'select webhook_id::int, event_position::int from webhook_delivery order by webhook_id, event_position',
    ),
  ).toEqual([
    { webhook_id: 1, event_position: 1 },
    { webhook_id: 1, event_position: 2 },
    { webhook_id: 1, event_position: 3 },
    { webhook_id: 2, event_position: 2 },
  ]);
});

test('events are deleted when their time is over, and no younger ones', async () => {
  await leave(2, 3);
  await numberAll(one.events!);
  await database.query(`update event_log set at = now() - interval '29 days 23 hours'`);
  expect(await one.events!.trim(1)).toBe(false);
  expect(await logged()).toHaveLength(5);
  await database.query(`update event_log set at = now() - interval '30 days 1 hour' where position <= 3`);
  expect(await one.events!.trim(1)).toBe(false);
  expect((await logged()).map(({ position }) => position)).toEqual([4, 5]);
  const page = await one.events!.read(1, 3, 10, null);
  expect(page!.head).toMatchObject({ position: 5, trimmed: 3 });
  expect(page!.events.map(({ position }) => position)).toEqual([4, 5]);
});

test('events that were left late, with an id that was passed long ago, are found from the first id on', async () => {
  const later = performance.now() + 60_001;
  jest.spyOn(performance, 'now').mockReturnValue(later);
  await leave(1, 1, 1);
  await database.query('update event_outbox set id = id + 10');
  await numberAll(one.events!);
  jest.spyOn(performance, 'now').mockReturnValue(later + 60_001);
  await one.events!.number(1);
  await leave(1);
  expect(await one.events!.hasWaiting(1)).toBe(false);
  expect(await one.events!.number(1)).toMatchObject({ count: 0 });
  expect(await one.events!.hasWaiting(1, { isFromStart: true })).toBe(true);
  expect(await one.events!.number(1, { isFromStart: true })).toMatchObject({ count: 1, lastPosition: 4 });
});

test('after a restore, which draws ids anew, events are searched for from the first id on', async () => {
  const later = performance.now() + 60_001;
  jest.spyOn(performance, 'now').mockReturnValue(later);
  await leave(1);
  await database.query('update event_outbox set id = id + 1000');
  await numberAll(other.events!);
  jest.spyOn(performance, 'now').mockReturnValue(later + 60_001);
  await other.events!.number(1);
  await leave(1);
  expect(await other.events!.number(1)).toMatchObject({ count: 0, hasMore: false });
  await database.query("update event_head set origin = 'elsewhere'");
  expect(await other.events!.number(1)).toMatchObject({ hasMore: true });
  expect(await other.events!.number(1)).toMatchObject({ count: 1, lastPosition: 2 });
});

test('an export that sees decisions without numbers skips just their events', async () => {
  await one.events!.begin(1);
  await leave(1, 1, 1, 1, 1);
  const { head } = (await one.events!.read(1, 0, 10, null))!;
  const cursor = await one.events!.cursorOf(1, { head, waitingIds: [1, 2, 4] });
  expect(cursor).toMatchObject({ position: 2, skipped: [[4, 4]] });
  expect(await one.events!.cursorOf(1, { head, waitingIds: [] })).toMatchObject({ position: 0, skipped: [] });
});
