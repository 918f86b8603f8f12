import { MikroORM } from '@mikro-orm/core';
import { Injectable } from '@nestjs/common';
import { openSession } from '../../database/session/open-session.js';
import type { Query, Row } from '../../database/session/sql-session.js';
import { retryUnavailable } from '../../database/session/unavailable.js';
import * as sql from './webhook.statements.js';

/** Where a webhook leads, and what of. */
export interface WebhookTerms {
  readonly url: string;
  /** null: all types */
  readonly types: readonly string[] | null;
  readonly description: string | null;
}

/** A webhook without its secrets. Times are in µs since 1970. */
export interface StoredWebhook extends WebhookTerms {
  readonly id: number;
  /** Why it was disabled: by hand, by a 410, or by five days of failure; null: it is enabled. */
  readonly disabledReason: 'manual' | 'gone' | 'failing' | null;
  readonly disabledAt: number | null;
  /** Since when it has failed without a success; null: it does not. */
  readonly failingSince: number | null;
  /** Until when the secret before signs, too; null: there is none. */
  readonly previousSecretUntil: number | null;
  readonly createdAt: number;
}

/** What of a webhook a change sets. */
export type WebhookState = WebhookTerms &
  Pick<StoredWebhook, 'disabledAt' | 'disabledReason' | 'failingSince'>;

/** Where to send, and what to sign with. The secrets are encrypted. */
export interface Endpoint {
  readonly id: number;
  readonly url: string;
  readonly secret: Buffer;
  readonly previousSecret: Buffer | null;
  readonly previousSecretUntil: number | null;
  readonly failingSince: number | null;
  /** The time of the database when it was read, in µs since 1970 */
  readonly now: number;
}

/** The webhooks of tenants. */
@Injectable()
export class WebhookRecords {
  private readonly session = openSession(this.orm.em);

  constructor(private readonly orm: MikroORM) {}

  /**
   * Makes a webhook.
   *
   * @param seal makes its encrypted secret, for the id that it gets
   * @returns null: there are `max` already
   */
  async create(
    tenantId: number,
    terms: WebhookTerms,
    max: number,
    seal: (id: number) => Buffer,
  ): Promise<StoredWebhook | null> {
    return this.session.transaction(async (transaction) => {
      const [[drawn] = [], [counted] = []] = await transaction.send(
        [sql.DRAW_WEBHOOK_ID],
        [sql.COUNT_WEBHOOKS, tenantId],
      );
      if (Number(counted!.count) >= max) {
        return null;
      }
      const id = Number(drawn!.id);
      const { url, types, description } = terms;
      const [rows] = await transaction.commit([
        sql.INSERT_WEBHOOK,
        tenantId,
        id,
        url,
        types,
        description,
        seal(id),
      ]);
      return toldOf(rows![0]!, Number(drawn!.now));
    }, tenantId);
  }

  /** The webhooks of a tenant, the oldest first. @param after the last one seen, or 0 */
  async list(tenantId: number, after: number, limit: number): Promise<StoredWebhook[]> {
    const rows = await this.query(tenantId, [sql.WEBHOOKS_AFTER, tenantId, after, limit]);
    return rows.map((row) => toldOf(row, Number(row.now)));
  }

  /** A webhook; null if there is none with this id. */
  async find(tenantId: number, id: number): Promise<StoredWebhook | null> {
    const [webhook] = await this.list(tenantId, id - 1, 1);
    return webhook?.id === id ? webhook : null;
  }

  /**
   * Changes a webhook, which nobody else changes meanwhile.
   *
   * @param change what it is to be, from what it is and the time of the database in µs since 1970
   * @returns null: there is none with this id
   */
  async change(
    tenantId: number,
    id: number,
    change: (webhook: StoredWebhook, now: number) => WebhookState,
  ): Promise<StoredWebhook | null> {
    return this.session.transaction(async (transaction) => {
      const [[row] = []] = await transaction.send([sql.LOCK_WEBHOOK, tenantId, id]);
      if (row === undefined) {
        return null;
      }
      const now = Number(row.now);
      const state = change(toldOf(row, now), now);
      const { url, types, description, disabledAt, disabledReason, failingSince } = state;
      const [rows] = await transaction.commit([
        sql.UPDATE_WEBHOOK,
        tenantId,
        id,
        url,
        types,
        description,
        disabledAt,
        disabledReason,
        failingSince,
      ]);
      return toldOf(rows![0]!, now);
    }, tenantId);
  }

  /** Gives a webhook another secret; the one of before signs for a while, too. @returns null: there is none with this id */
  async rotate(
    tenantId: number,
    id: number,
    secret: Buffer,
    overlapMs: number,
  ): Promise<StoredWebhook | null> {
    const [[clock] = [], [row] = []] = await retryUnavailable(() =>
      this.session.transaction(
        (transaction) =>
          transaction.commit([sql.CLOCK], [sql.ROTATE_SECRET, tenantId, id, secret, overlapMs]),
        tenantId,
      ),
    );
    return row === undefined ? null : toldOf(row, Number(clock!.now));
  }

  /** Where a webhook leads; null if there is none with this id. */
  async endpoint(tenantId: number, id: number): Promise<Endpoint | null> {
    const [row] = await this.query(tenantId, [sql.ENDPOINTS, tenantId, [id]]);
    return row === undefined ? null : endpointOf(row);
  }

  /** Stores the secrets of an endpoint encrypted anew, unless it was given another one meanwhile. */
  async reseal(
    tenantId: number,
    { id, secret }: Endpoint,
    resealed: { readonly secret: Buffer; readonly previous: Buffer | null },
  ): Promise<void> {
    await this.query(tenantId, [
      sql.RESEAL_SECRETS,
      tenantId,
      id,
      resealed.secret,
      resealed.previous,
      secret,
    ]);
  }

  /** Takes a webhook away: from now on nobody sees it. Its deliveries go later. @returns whether it was there */
  async markDeleted(tenantId: number, id: number): Promise<boolean> {
    return (await this.query(tenantId, [sql.MARK_DELETED, tenantId, id])).length > 0;
  }

  private async query(tenantId: number, query: Query): Promise<Row[]> {
    return retryUnavailable(() => this.session.query(query, tenantId));
  }
}

/** Reads a row of {@link sql.ENDPOINTS}. */
export function endpointOf(row: Row): Endpoint {
  return {
    id: Number(row.id),
    url: row.url as string,
    secret: bytesOf(row.secret),
    previousSecret: row.previous_secret === null ? null : bytesOf(row.previous_secret),
    previousSecretUntil: numberOrNull(row.previous_secret_until),
    failingSince: numberOrNull(row.failing_since),
    now: Number(row.now),
  };
}

/** @param now in µs since 1970 */
function toldOf(row: Row, now: number): StoredWebhook {
  return {
    id: Number(row.id),
    url: row.url as string,
    types: row.types as string[] | null,
    description: row.description as string | null,
    disabledReason: row.disabled_reason as StoredWebhook['disabledReason'],
    disabledAt: numberOrNull(row.disabled_at),
    failingSince: numberOrNull(row.failing_since),
    previousSecretUntil: stillToCome(numberOrNull(row.previous_secret_until), now),
    createdAt: Number(row.created_at),
  };
}

function stillToCome(until: number | null, now: number): number | null {
  return until !== null && until > now ? until : null;
}

/** The embedded database gives bytes as an array, PostgreSQL as a buffer. */
function bytesOf(value: unknown): Buffer {
  return Buffer.from(value as Uint8Array);
}

function numberOrNull(value: unknown): number | null {
  return value === null ? null : Number(value);
}
