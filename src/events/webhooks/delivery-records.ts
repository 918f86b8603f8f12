import { MikroORM } from '@mikro-orm/core';
import { Injectable } from '@nestjs/common';
import { openSession } from '../../database/session/open-session.js';
import type { Query, Row } from '../../database/session/sql-session.js';
import { retryUnavailable } from '../../database/session/unavailable.js';
import { timestampOf } from '../../identity/store/contact.statements.js';
import type { LoggedEvent } from '../event-log.js';
import { HEAD } from '../event.statements.js';
import { headOf, type Head } from '../head.js';
import type { AttemptResult, Failure, Verdict } from './schedule.js';
import { endpointOf, type Endpoint } from './webhook-records.js';
import * as sql from './webhook.statements.js';

/** Rows that one statement deletes or renews. */
const STEP = 1_000;
const FOREIGN_KEY_VIOLATION = '23503';
const UNIQUE_VIOLATION = '23505';

export const DELIVERY_STATES = ['pending', 'delivered', 'dead'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** A webhook and when its next delivery is due. Times are in µs since 1970. */
export interface DueWebhook {
  readonly id: number;
  readonly isOn: boolean;
  readonly isDeleted: boolean;
  readonly isFailing: boolean;
  /** null: none is pending */
  readonly dueAt: number | null;
  readonly now: number;
}

/** A delivery that this process has taken up. */
export interface Taken {
  readonly webhookId: number;
  readonly position: number;
  /** How many attempts were made before */
  readonly attempts: number;
  /** Until when nobody else takes it up, in µs since 1970; by this it is known to be ours */
  readonly lease: number;
  /** null: it is no longer kept */
  readonly event: LoggedEvent | null;
}

/** Deliveries that were taken up together, where they go, and the head of the log at that moment. */
export interface TakenBatch {
  readonly deliveries: readonly Taken[];
  readonly endpoints: readonly Endpoint[];
  readonly head: Head | null;
}

/** A delivery as it is told. Times are in µs since 1970. */
export interface StoredDelivery {
  readonly position: number;
  /** null: the event is no longer kept */
  readonly type: string | null;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly dueAt: number | null;
  readonly lastAttemptAt: number | null;
  readonly lastStatus: number | null;
  readonly lastFailure: Failure | null;
  readonly createdAt: number;
}

/** Which events to deliver again: those after one position and before another, whose deliveries are in a state (null: all). */
export interface ReplayRange {
  readonly after: number;
  readonly before: number;
  readonly state: DeliveryState | null;
}

/** The deliveries of webhooks, which many processes make together. */
@Injectable()
export class DeliveryRecords {
  private readonly session = openSession(this.orm.em);

  constructor(private readonly orm: MikroORM) {}

  /** All webhooks of a tenant, deleted ones too, and when each has something to deliver. */
  async due(tenantId: number): Promise<DueWebhook[]> {
    return (await this.session.query([sql.DUE, tenantId], tenantId)).map((row) => ({
      id: Number(row.id),
      isOn: row.is_on as boolean,
      isDeleted: row.is_deleted as boolean,
      isFailing: row.is_failing as boolean,
      dueAt: numberOrNull(row.due_at),
      now: Number(row.now),
    }));
  }

  /**
   * Takes up deliveries that are due, the longest due first. Those that another process is taking up are passed over.
   *
   * @param wanted the most deliveries to take, by webhook
   * @param leaseMs after this time others may take them up, if this process has ended
   */
  async take(
    tenantId: number,
    wanted: readonly { readonly webhookId: number; readonly limit: number }[],
    leaseMs: number,
  ): Promise<TakenBatch> {
    return this.session.transaction(async (transaction) => {
      const claimed = await transaction.send(
        ...wanted.map(({ webhookId, limit }): Query => [sql.CLAIM, tenantId, webhookId, limit]),
      );
      const positions = claimed.map((rows) => rows.map((row) => Number(row.event_position)));
      const leases = wanted
        .map(({ webhookId }, i) => ({ webhookId, taken: positions[i]! }))
        .filter(({ taken }) => taken.length > 0);
      if (leases.length === 0) {
        return { deliveries: [], endpoints: [], head: null };
      }
      const [[head] = [], endpoints = [], events = [], ...leased] = await transaction.commit(
        [HEAD, tenantId],
        [sql.ENDPOINTS, tenantId, leases.map(({ webhookId }) => webhookId)],
        [sql.EVENTS_AT, tenantId, [...new Set(positions.flat())]],
        ...leases.map(({ webhookId, taken }): Query => [sql.LEASE, tenantId, webhookId, taken, leaseMs]),
      );
      const eventAt = new Map(events.map((row) => [Number(row.position), eventOf(row)]));
      return {
        head: head === undefined ? null : headOf(head),
        endpoints: endpoints.map(endpointOf),
        deliveries: leased
          .flat()
          .map((row) => takenOf(row, eventAt))
          .toSorted((a, b) => a.position - b.position),
      };
    }, tenantId);
  }

  /**
   * Writes what came of an attempt down.
   *
   * @param url where it was sent to; if the webhook leads elsewhere by now, it says nothing of the webhook
   * @param now in µs since 1970
   * @returns whether the endpoint was disabled by it
   */
  async end(
    tenantId: number,
    { webhookId, position, attempts, lease }: Taken,
    url: string,
    { state, nextAt, disabled }: Verdict,
    result: AttemptResult,
    now: number,
  ): Promise<boolean> {
    const [status, failure] = 'status' in result ? [result.status, null] : ([null, result.failure] as const);
    const end: Query = [
      sql.END_ATTEMPT,
      tenantId,
      webhookId,
      position,
      lease,
      state,
      attempts + 1,
      nextAt,
      status,
      failure,
    ];
    const notes: Query[] =
      failure === 'event-expired'
        ? []
        : state === 'delivered'
          ? [[sql.NOTE_SUCCESS, tenantId, webhookId, url]]
          : [
              [sql.NOTE_FAILURE, tenantId, webhookId, url, now],
              ...(disabled === null ? [] : [[sql.DISABLE, tenantId, webhookId, url, disabled] as const]),
            ];
    const ended = await retryUnavailable(() =>
      this.session.transaction((transaction) => transaction.commit(end, ...notes), tenantId),
    );
    return disabled !== null && ended.at(-1)!.length > 0;
  }

  /** Gives deliveries back that were taken up and not attempted. */
  async release(tenantId: number, deliveries: readonly Taken[]): Promise<void> {
    const queries = [...Map.groupBy(deliveries, ({ webhookId }) => webhookId)].map(
      ([webhookId, ofOne]): Query => [
        sql.RELEASE,
        tenantId,
        webhookId,
        ofOne.map(({ position }) => position),
        ofOne.map(({ lease }) => timestampOf(lease)),
      ],
    );
    await this.session.transaction((transaction) => transaction.commit(...queries), tenantId);
  }

  /** Deliveries in the order of their events, or the newest first. @param after the last position seen; null: none */
  async list(
    tenantId: number,
    webhookId: number,
    state: DeliveryState | null,
    after: number | null,
    limit: number,
    isNewestFirst: boolean,
  ): Promise<StoredDelivery[]> {
    const [all, inState, start] = isNewestFirst
      ? [sql.DELIVERIES_BEFORE, sql.DELIVERIES_IN_STATE_BEFORE, Number.MAX_SAFE_INTEGER]
      : [sql.DELIVERIES_AFTER, sql.DELIVERIES_IN_STATE, 0];
    const rows = await this.session.query(
      state === null
        ? [all, tenantId, webhookId, after ?? start, limit]
        : [inState, tenantId, webhookId, after ?? start, limit, state],
      tenantId,
    );
    return rows.map((row) => ({
      position: Number(row.event_position),
      type: row.type as string | null,
      state: row.state as DeliveryState,
      attempts: Number(row.attempts),
      dueAt: numberOrNull(row.due_at),
      lastAttemptAt: numberOrNull(row.last_attempt_at),
      lastStatus: numberOrNull(row.last_status),
      lastFailure: row.last_failure as Failure | null,
      createdAt: Number(row.created_at),
    }));
  }

  /** How far the events of a tenant go; null: it never had any. */
  async head(tenantId: number): Promise<Head | null> {
    const [row] = await this.session.query([HEAD, tenantId], tenantId);
    return row === undefined ? null : headOf(row);
  }

  /**
   * Makes some of the events of a range due again, as if they had never been tried. Without a state, also those that the webhook was
   * not sent: it may have been disabled, or not been there.
   *
   * @param types those that the webhook wants; null: all
   * @returns how many, and up to which position all are done; null: the whole range is
   */
  async replay(
    tenantId: number,
    webhookId: number,
    types: readonly string[] | null,
    { after, before, state }: ReplayRange,
  ): Promise<{ readonly count: number; readonly doneUntil: number | null }> {
    return this.session.transaction(async (transaction) => {
      const end = Math.min(after + STEP, before - 1);
      const [rows = [], events = []] = await transaction.send(
        ...(state === null
          ? [
              [sql.POSITIONS_BETWEEN, tenantId, webhookId, after, end] as const,
              [sql.POSITIONS_OF_TYPES, tenantId, after, end, types] as const,
            ]
          : [[sql.POSITIONS_IN_STATE, tenantId, webhookId, after, before, state, STEP] as const]),
      );
      const there = rows.map((row) => Number(row.event_position));
      const seen = new Set(there);
      const missing = events.map(({ position }) => Number(position)).filter((each) => !seen.has(each));
      const [renewed = []] = await transaction.commit(
        [sql.RENEW_DELIVERIES, tenantId, webhookId, there],
        ...(missing.length > 0 ? [[sql.INSERT_MISSING, tenantId, webhookId, missing] as const] : []),
      );
      const isDone = state === null ? end >= before - 1 : there.length < STEP;
      const last = state === null ? end : there.at(-1)!;
      return { count: renewed.length + missing.length, doneUntil: isDone ? null : last };
    }, tenantId);
  }

  /** Deletes some of the deliveries of a webhook, the lowest first. @returns whether there may be more */
  async forget(tenantId: number, webhookId: number, upTo: number): Promise<boolean> {
    const rows = await this.session.query([sql.LOWEST_DELIVERIES, tenantId, webhookId, upTo, STEP], tenantId);
    const positions = rows.map((row) => Number(row.event_position));
    if (positions.length > 0) {
      await this.session.query([sql.REMOVE_DELIVERIES, tenantId, webhookId, positions], tenantId);
    }
    return positions.length === STEP;
  }

  /** Removes a deleted webhook for good. @returns false: events were just being numbered for it; its deliveries must go first */
  async remove(tenantId: number, webhookId: number): Promise<boolean> {
    return this.session.query([sql.REMOVE_WEBHOOK, tenantId, webhookId], tenantId).then(
      () => true,
      (error: unknown) => {
        if ((error as { code?: unknown }).code === FOREIGN_KEY_VIOLATION) {
          return false;
        }
        throw error;
      },
    );
  }
}

/** Whether another call made the same deliveries at the same moment. */
export function isMadeMeanwhile(error: unknown): boolean {
  return (error as { code?: unknown }).code === UNIQUE_VIOLATION;
}

function takenOf(row: Row, eventAt: ReadonlyMap<number, LoggedEvent>): Taken {
  const position = Number(row.event_position);
  return {
    webhookId: Number(row.webhook_id),
    position,
    attempts: Number(row.attempts),
    lease: Number(row.lease),
    event: eventAt.get(position) ?? null,
  };
}

function eventOf(row: Row): LoggedEvent {
  return {
    position: Number(row.position),
    at: Number(row.at),
    type: row.type as string,
    data: row.data as LoggedEvent['data'],
  };
}

function numberOrNull(value: unknown): number | null {
  return value === null ? null : Number(value);
}
