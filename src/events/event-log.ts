import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable } from '@nestjs/common';
import { tenantIds } from '../access/tenants.js';
import { Settings } from '../config/settings.js';
import { openSession } from '../database/session/open-session.js';
import type { Query, Row, Statement, Transaction } from '../database/session/sql-session.js';
import { DatabaseUnavailableError } from '../database/session/unavailable.js';
import type { IdentityEvent, ReviewEvent } from '../identity/domain/events.js';
import { ContactRepository } from '../identity/store/contact.repository.js';
import { Contact } from '../identity/store/entities/contact.js';
import { ONE_SNAPSHOT } from '../identity/store/reading.statements.js';
import * as sql from './event.statements.js';
import { Passed } from './passed.js';
import { INSERT_DELIVERIES } from './webhooks/webhook.statements.js';
import {
  cursorAfter,
  headOf,
  isIntact,
  mended,
  newEpochName,
  rangesOf,
  type Cursor,
  type Head,
} from './head.js';

/** The most decisions that get their numbers in one transaction, and the most events, unless one decision has more. */
const DECISIONS_AT_ONCE = 1_000;
const EVENTS_AT_ONCE = 2_000;
/** Events that are looked at for some types in one call, and that are deleted in one transaction. */
const SCANNED_AT_ONCE = 10_000;

/** What the second one violates who begins a log. */
const HEAD_CONSTRAINT = 'event_head_pkey';

/** Events that got their numbers. */
export interface Numbered {
  readonly tenantId: number;
  /** How many; 0: none was waiting */
  readonly count: number;
  readonly lastPosition: number;
  /** How long the oldest of them waited, in seconds */
  readonly waited: number;
  /** Whether more may be waiting */
  readonly hasMore: boolean;
}

/** What a snapshot shows of events. */
interface Moment {
  readonly head: Head;
  /** Its decisions whose events had no numbers yet */
  readonly waitingIds: readonly number[];
}

/** An event with its number. */
export interface LoggedEvent {
  readonly position: number;
  /** In µs since 1970 */
  readonly at: number;
  readonly type: string;
  readonly data: IdentityEvent | ReviewEvent;
}

/** Some events of the log, and how the log was at that moment. */
export interface EventPage {
  readonly head: Head;
  readonly events: readonly LoggedEvent[];
  /** All events up to here were looked at. */
  readonly lastPosition: number;
  /** Whether decisions have left events that have no numbers yet, or the head must be mended first. */
  readonly isBehind: boolean;
}

/** The log of events of each tenant, and the outbox that it is fed from. */
@Injectable()
export class EventLog {
  private readonly passed = new Passed();
  private readonly session = openSession(this.contacts.getEntityManager());
  private isOriginWhole: Promise<boolean> | null = null;

  constructor(
    @InjectRepository(Contact) private readonly contacts: ContactRepository,
    readonly settings: Settings,
  ) {}

  /**
   * Gives the events that wait the next positions, in the order of the decisions about each identity, and makes their deliveries.
   * Many processes may do so at the same time: the head of the tenant is locked, so that positions have no gap and become visible
   * in order.
   */
  async number(tenantId: number, { isFromStart = false } = {}): Promise<Numbered> {
    try {
      return await this.numberOrBegin(tenantId, isFromStart ? 0 : this.passed.of(tenantId));
    } catch (error) {
      if (!(error as Error).message.includes(HEAD_CONSTRAINT)) {
        throw error;
      }
      // another process has begun the log just now
      return { tenantId, count: 0, lastPosition: 0, waited: 0, hasMore: true };
    }
  }

  private async numberOrBegin(tenantId: number, afterId: number): Promise<Numbered> {
    const lock = (await this.knowsOrigin()) ? sql.LOCK_HEAD : sql.LOCK_HEAD_PLAIN;
    return this.session.transaction(async (transaction) => {
      const [[row] = [], waiting = []] = await transaction.send(
        [lock, tenantId],
        [sql.WAITING, tenantId, afterId, DECISIONS_AT_ONCE],
      );
      if (row === undefined) {
        await transaction.commit([sql.INSERT_HEAD, tenantId, newEpochName()]);
        return { tenantId, count: 0, lastPosition: 0, waited: 0, hasMore: true };
      }
      const stored = headOf(row);
      const originNow = row.origin_now as string;
      const isMended = !isIntact(stored, originNow);
      const head = isMended ? mended(stored, originNow, newEpochName()) : stored;
      const taken = takeFirst(waiting);
      const count = taken.reduce((sum, { events }) => sum + Number(events), 0);
      const lastPosition = head.position + count;
      const ids = taken.map(({ id }) => id);
      if (count > 0 || isMended) {
        await transaction.commit(
          ...(isMended ? [setHead(tenantId, head)] : []),
          ...(count > 0
            ? [
                [sql.NUMBER_EVENTS, tenantId, head.position, ids] as const,
                [sql.DELETE_WAITING, tenantId, ids] as const,
                [sql.MOVE_HEAD, tenantId, lastPosition] as const,
                [INSERT_DELIVERIES, tenantId, head.position + 1, lastPosition] as const,
              ]
            : []),
        );
      }
      if (isMended) {
        this.passed.forget(tenantId);
      }
      this.passed.note(tenantId, Number(ids.at(-1) ?? 0));
      return {
        tenantId,
        count,
        lastPosition,
        waited: Number(taken[0]?.age ?? 0),
        hasMore: isMended || taken.length < waiting.length || waiting.length === DECISIONS_AT_ONCE,
      };
    }, tenantId);
  }

  /** Whether events wait for their numbers. @param isFromStart see {@link Passed} */
  async hasWaiting(tenantId: number, { isFromStart = false } = {}): Promise<boolean> {
    const afterId = isFromStart ? 0 : this.passed.of(tenantId);
    const waiting = await this.session.query([sql.HAS_WAITING, tenantId, afterId], tenantId);
    return waiting.length > 0;
  }

  /**
   * The next events, and how the log is, at one moment.
   *
   * @param types null: all
   * @returns null: the log of the tenant was not begun yet
   */
  async read(
    tenantId: number,
    position: number,
    limit: number,
    types: readonly string[] | null,
  ): Promise<EventPage | null> {
    const scanEnd = position + SCANNED_AT_ONCE;
    const query: Query =
      types === null
        ? [sql.EVENTS_AFTER, tenantId, position, limit]
        : [sql.EVENTS_OF_TYPES_AFTER, tenantId, position, limit, scanEnd, types];
    return this.readPage(tenantId, query, limit, (head, events) =>
      Math.min(types === null ? (events.at(-1)?.position ?? position) : scanEnd, head.position),
    );
  }

  /**
   * The events before a position, the newest first, and how the log is, at one moment.
   *
   * @param types null: all
   * @returns null: the log of the tenant was not begun yet; its `lastPosition` is the lowest that was looked at
   */
  async readBack(
    tenantId: number,
    position: number,
    limit: number,
    types: readonly string[] | null,
  ): Promise<EventPage | null> {
    const scanEnd = Math.max(position - SCANNED_AT_ONCE, 1);
    const query: Query = [sql.EVENTS_BEFORE, tenantId, position, limit, scanEnd, types];
    return this.readPage(tenantId, query, limit, (head) =>
      Math.min(Math.max(scanEnd, head.trimmed + 1), head.position),
    );
  }

  /** The last position that was given; 0: none. */
  async lastPosition(tenantId: number): Promise<number> {
    const [row] = await this.session.query([sql.LAST_POSITION, tenantId], tenantId);
    return Number(row?.position ?? 0);
  }

  /** The tenants that the connections may work for. */
  tenantIds(): Promise<number[]> {
    return tenantIds(this.session, this.settings);
  }

  /** Makes all cursors of a tenant invalid, because changes are made that leave no events. */
  async pause(tenantId: number): Promise<void> {
    await this.write(tenantId, [sql.PAUSE, tenantId]);
  }

  /**
   * Deletes some of the events whose time is over.
   *
   * @returns whether there may be more of them
   */
  async trim(tenantId: number): Promise<boolean> {
    return this.session.transaction(async (transaction) => {
      const [[row] = []] = await transaction.send([sql.LOCK_HEAD_PLAIN, tenantId]);
      if (row === undefined) {
        return false;
      }
      const days = this.settings.eventsRetentionDays;
      const { trimmed } = headOf(row);
      const [[expired] = []] = await transaction.send([
        sql.EXPIRED,
        tenantId,
        trimmed,
        SCANNED_AT_ONCE,
        days,
      ]);
      const position = Number(expired?.position ?? 0);
      if (position === 0) {
        return false;
      }
      await transaction.commit([sql.DELETE_EVENTS, tenantId, position], [sql.TRIM_HEAD, tenantId, position]);
      return position - trimmed >= SCANNED_AT_ONCE;
    }, tenantId);
  }

  /** Begins the log of a tenant, if nobody has done so. */
  async begin(tenantId: number): Promise<void> {
    await this.number(tenantId);
    await this.number(tenantId);
  }

  /** What a snapshot shows of events, for {@link cursorOf}. The log must have been begun. */
  async momentOf(transaction: Transaction, tenantId: number): Promise<Moment> {
    const readHead = (await this.knowsOrigin()) ? sql.READ_HEAD : sql.READ_HEAD_PLAIN;
    const [[row] = [], waiting = []] = await transaction.send(
      [readHead, tenantId, 0],
      [sql.WAITING_IDS, tenantId],
    );
    return { head: headOf(row!), waitingIds: waiting.map(({ id }) => Number(id)) };
  }

  /** The cursor of a snapshot: all events of changes that it does not show are after it, and none of those that it shows. */
  async cursorOf(tenantId: number, { head, waitingIds }: Moment): Promise<Cursor> {
    if (waitingIds.length === 0) {
      return cursorAfter(head, head.position);
    }
    while ((await this.number(tenantId, { isFromStart: true })).hasMore) {
      // until all of them have numbers
    }
    const rows = await this.session.query([sql.POSITIONS_OF, tenantId, head.position, waitingIds], tenantId);
    const seen = rows.map(({ position }) => Number(position));
    const gap = seen.findIndex((position, i) => position !== head.position + i + 1);
    const atOnce = gap === -1 ? seen.length : gap;
    return cursorAfter(head, head.position + atOnce, rangesOf(seen));
  }

  /** @param seenEnd the last position that was looked at, if there were fewer events than `limit` */
  private async readPage(
    tenantId: number,
    query: Query,
    limit: number,
    seenEnd: (head: Head, events: readonly LoggedEvent[]) => number,
  ): Promise<EventPage | null> {
    const readHead = (await this.knowsOrigin()) ? sql.READ_HEAD : sql.READ_HEAD_PLAIN;
    return this.session.transaction(async (transaction) => {
      const [, rows = [], [row] = []] = await transaction.send([ONE_SNAPSHOT], query, [
        readHead,
        tenantId,
        this.passed.of(tenantId),
      ]);
      if (row === undefined) {
        return null;
      }
      const head = headOf(row);
      const events = rows.map(eventOf);
      return {
        head,
        events,
        lastPosition: events.length === limit ? events.at(-1)!.position : seenEnd(head, events),
        isBehind: (row.has_waiting as boolean) || !isIntact(head, row.origin_now as string),
      };
    }, tenantId);
  }

  private async write(tenantId: number, ...queries: Query[]): Promise<void> {
    await this.session.transaction((transaction) => transaction.commit(...queries), tenantId);
  }

  /** Whether the role may ask which cluster and timeline this is. Some providers of PostgreSQL refuse that. */
  private knowsOrigin(): Promise<boolean> {
    this.isOriginWhole ??= this.asks(sql.WHOLE_ORIGIN).catch((error: unknown) => {
      this.isOriginWhole = null;
      throw error;
    });
    return this.isOriginWhole;
  }

  private async asks(statement: Statement): Promise<boolean> {
    return this.session.query([statement], null).then(
      () => true,
      (error: unknown) => {
        if (error instanceof DatabaseUnavailableError) {
          throw error;
        }
        return false;
      },
    );
  }
}

function takeFirst(waiting: readonly Row[]): Row[] {
  let events = 0;
  const end = waiting.findIndex((row) => (events += Number(row.events)) > EVENTS_AT_ONCE);
  return waiting.slice(0, end === -1 ? waiting.length : Math.max(end, 1));
}

function setHead(tenantId: number, { position, trimmed, epochs, origin }: Head): Query {
  const names = epochs.map(({ name }) => name);
  const starts = epochs.map(({ start }) => start);
  return [sql.SET_HEAD, tenantId, position, trimmed, names, starts, origin];
}

function eventOf({ position, at, type, data }: Row): LoggedEvent {
  return {
    position: Number(position),
    at: Number(at),
    type: type as string,
    data: data as LoggedEvent['data'],
  };
}
