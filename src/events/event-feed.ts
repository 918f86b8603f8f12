import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { ReadLanes } from '../identity/read-lanes.js';
import { CursorExpiredError, EventsDisabledError } from './event.errors.js';
import { EventLog, type EventPage, type LoggedEvent } from './event-log.js';
import { EventRelay } from './event-relay.js';
import { cursorAfter, isReadable, skips, type Cursor, type Head } from './head.js';

/** How often a tenant that calls wait for is looked at: another process may have given events their numbers. */
const LOOK_MS = 200;
/** Calls that wait at the same time. Further ones are answered at once, as if they did not wish to wait. */
const WAITING_MAX = 200;

/** From where events are read: the oldest that is there, the end of the log, or a cursor. */
export type Start = 'oldest' | 'latest' | Cursor;

/** Events of the log, and where to go on. */
export interface FeedPage {
  readonly head: Head;
  readonly events: readonly LoggedEvent[];
  readonly next: Cursor;
  readonly hasMore: boolean;
}

/** A call that waits for events after a position. */
interface Waiter {
  readonly position: number;
  end: () => void;
}

/** The feed of events: all of them in order, from a cursor on. */
@Injectable()
export class EventFeed implements BeforeApplicationShutdown {
  /** By tenant */
  private readonly waiting = new Map<number, Set<Waiter>>();
  private readonly watched = new Set<number>();
  private waitingCount = 0;
  private isEnding = false;

  constructor(
    private readonly log: EventLog,
    private readonly relay: EventRelay,
    private readonly lanes: ReadLanes,
  ) {
    relay.onNumbered(({ tenantId, lastPosition }) => this.endWaits(tenantId, lastPosition));
  }

  beforeApplicationShutdown(): void {
    this.isEnding = true;
    [...this.waiting.keys()].forEach((tenantId) => this.endWaits(tenantId, Infinity));
  }

  /**
   * The next events after a place.
   *
   * @param options `types`: null: all; `waitMs`: how long to wait if there are none
   * @throws {CursorExpiredError} if not all events after the cursor are there
   * @throws {EventsDisabledError}
   */
  async read(
    tenantId: number,
    start: Start,
    options: { readonly limit: number; readonly types: readonly string[] | null; readonly waitMs: number },
  ): Promise<FeedPage> {
    if (!this.log.settings.hasEvents) {
      throw new EventsDisabledError();
    }
    const deadline = performance.now() + options.waitMs;
    let place = start;
    for (;;) {
      const page = await this.page(tenantId, place, options);
      const remainingMs = deadline - performance.now();
      if (page.events.length > 0 || page.hasMore || remainingMs <= 0 || !this.mayWait) {
        return page;
      }
      place = page.next;
      await this.news(tenantId, page.next.position, remainingMs);
    }
  }

  /**
   * The events before a place, the newest first. It does not wait.
   *
   * @param before null: the end of the log
   * @param options `types`: null: all
   * @throws {CursorExpiredError} if not all events around the cursor are there
   * @throws {EventsDisabledError}
   */
  async readNewest(
    tenantId: number,
    before: Cursor | null,
    { limit, types }: { readonly limit: number; readonly types: readonly string[] | null },
  ): Promise<FeedPage> {
    if (!this.log.settings.hasEvents) {
      throw new EventsDisabledError();
    }
    let end = before?.position ?? (await this.endOf(tenantId));
    const read = (): Promise<EventPage | null> =>
      this.lanes.read(tenantId, () => this.log.readBack(tenantId, end, limit, types));
    let page = await read();
    // Events that waited may have got their numbers since the end of the log was read.
    if (page === null || (before === null && (page.isBehind || page.head.position >= end))) {
      await this.relay.catchUp(tenantId);
      end = before?.position ?? (await this.endOf(tenantId));
      page = await read();
    }
    if (page === null) {
      throw new Error('the log of events was not begun');
    }
    const { head, events, lastPosition } = page;
    if (before !== null && !isReadable(head, before)) {
      throw new CursorExpiredError();
    }
    return {
      head,
      events,
      next: cursorAfter(head, lastPosition),
      hasMore: lastPosition > head.trimmed + 1,
    };
  }

  /** The position after the last one that was given. */
  private async endOf(tenantId: number): Promise<number> {
    return (await this.log.lastPosition(tenantId)) + 1;
  }

  private get mayWait(): boolean {
    return !this.isEnding && this.waitingCount < WAITING_MAX;
  }

  private async page(
    tenantId: number,
    start: Start,
    { limit, types }: { readonly limit: number; readonly types: readonly string[] | null },
  ): Promise<FeedPage> {
    const from = typeof start === 'string' ? 0 : start.position;
    const read = (position: number): Promise<EventPage | null> =>
      this.lanes.read(tenantId, () => this.log.read(tenantId, position, limit, types));
    let page = await read(from);
    if (page === null || (page.isBehind && page.events.length === 0)) {
      await this.relay.catchUp(tenantId);
      page = await read(from);
    }
    if (page === null) {
      throw new Error('the log of events was not begun');
    }
    const { head } = page;
    if (start === 'latest') {
      return { head, events: [], next: cursorAfter(head, head.position), hasMore: false };
    }
    if (start === 'oldest' && from < head.trimmed) {
      return this.page(tenantId, cursorAfter(head, head.trimmed), { limit, types });
    }
    if (start !== 'oldest' && !isReadable(head, start)) {
      throw new CursorExpiredError();
    }
    const skipped = start === 'oldest' ? [] : start.skipped;
    return {
      head,
      events: page.events.filter(({ position }) => !skips({ skipped }, position)),
      next: cursorAfter(head, page.lastPosition, skipped),
      hasMore: page.lastPosition < head.position,
    };
  }

  /** Resolves when there are events after a position, or after a while. */
  private async news(tenantId: number, position: number, ms: number): Promise<void> {
    const waiters = this.waiting.get(tenantId) ?? new Set();
    this.waiting.set(tenantId, waiters);
    this.waitingCount++;
    await new Promise<void>((resolve) => {
      const waiter: Waiter = { position, end: resolve };
      const timer = setTimeout(() => this.endWait(tenantId, waiter), ms);
      waiter.end = () => {
        clearTimeout(timer);
        resolve();
      };
      waiters.add(waiter);
      void this.watch(tenantId);
    });
  }

  /** Looks for what other processes do, once for all calls that wait for the tenant. */
  private async watch(tenantId: number): Promise<void> {
    if (this.watched.has(tenantId)) {
      return;
    }
    this.watched.add(tenantId);
    while (this.waiting.has(tenantId)) {
      await sleep(LOOK_MS);
      const position = await this.log.lastPosition(tenantId).catch(() => 0);
      this.endWaits(tenantId, position);
    }
    this.watched.delete(tenantId);
  }

  /** Ends the waits for events that there are by now. */
  private endWaits(tenantId: number, lastPosition: number): void {
    for (const waiter of this.waiting.get(tenantId) ?? []) {
      if (waiter.position < lastPosition) {
        this.endWait(tenantId, waiter);
      }
    }
  }

  private endWait(tenantId: number, waiter: Waiter): void {
    const waiters = this.waiting.get(tenantId);
    if (waiters?.delete(waiter) === true) {
      this.waitingCount--;
      waiter.end();
    }
    if (waiters?.size === 0) {
      this.waiting.delete(tenantId);
    }
  }
}
