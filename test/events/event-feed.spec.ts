import { EventFeed, type FeedPage } from '../../src/events/event-feed.js';
import type { EventLog, EventPage, LoggedEvent, Numbered } from '../../src/events/event-log.js';
import type { EventRelay } from '../../src/events/event-relay.js';
import type { ReadLanes } from '../../src/identity/read-lanes.js';

const TENANT = 1;

/** Stands for the log and its relay: an event is there once it is told. */
class Log {
  readonly settings = { hasEvents: true };
  private readonly events: LoggedEvent[] = [];
  private listener: (numbered: Numbered) => void = () => undefined;
  /** Called once, after the last position was read. */
  afterLastPosition: () => void = () => undefined;

  tell(): void {
    const position = this.events.length + 1;
    this.events.push({ position, at: 0, type: 'identity.created', data: {} as LoggedEvent['data'] });
    this.listener({ tenantId: TENANT, count: 1, lastPosition: position, waited: 0, hasMore: false });
  }

  onNumbered(listener: (numbered: Numbered) => void): void {
    this.listener = listener;
  }

  catchUp(): Promise<void> {
    return Promise.resolve();
  }

  lastPosition(): Promise<number> {
    const last = this.events.length;
    this.afterLastPosition();
    this.afterLastPosition = () => undefined;
    return Promise.resolve(last);
  }

  read(_tenantId: number, after: number): Promise<EventPage> {
    return this.page(this.events.filter(({ position }) => position > after));
  }

  readBack(_tenantId: number, before: number): Promise<EventPage> {
    return this.page(this.events.filter(({ position }) => position < before).toReversed());
  }

  private page(events: LoggedEvent[]): Promise<EventPage> {
    const position = this.events.length;
    const epochs = [{ name: 'one', start: 0 }];
    const head = { position, trimmed: 0, epochs, origin: '', isPaused: false };
    return Promise.resolve({ head, events, lastPosition: position, isBehind: false });
  }
}

function feedOf(log: Log): EventFeed {
  const lanes = { read: <T>(_tenantId: number, work: () => Promise<T>): Promise<T> => work() };
  return new EventFeed(
    log as unknown as EventLog,
    log as unknown as EventRelay,
    lanes as unknown as ReadLanes,
  );
}

const positionsOf = ({ events }: FeedPage): number[] => events.map(({ position }) => position);

test('200 calls wait, and a further one is answered as if it did not wish to', async () => {
  const log = new Log();
  const feed = feedOf(log);
  const wait = (): Promise<FeedPage> =>
    feed.read(TENANT, 'oldest', { limit: 50, types: null, waitMs: 8_000 });
  const waiting = Array.from({ length: 200 }, wait);
  expect(positionsOf(await wait())).toEqual([]);
  log.tell();
  expect((await Promise.all(waiting)).map(positionsOf)).toEqual(waiting.map(() => [1]));
});

test('the newest events are those that were there before, also if one gets its number meanwhile', async () => {
  const log = new Log();
  log.afterLastPosition = () => log.tell();
  expect(positionsOf(await feedOf(log).readNewest(TENANT, null, { limit: 50, types: null }))).toEqual([1]);
});
