import { MikroORM } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { RateLimiterPostgres, type RateLimiterRes } from 'rate-limiter-flexible';
import { Settings } from '../config/settings.js';
import { openSession } from '../database/session/open-session.js';
import type { SqlSession } from '../database/session/sql-session.js';
import { TooManyCallsError, type Allowance } from './allowance.js';

const WINDOW_SECONDS = 60;
/** A replica takes calls from the common count by so large a part of the limit: 20 writes a minute, not one a call. */
const PART = 1 / 20;
/** By so much the clocks of replicas may differ; a window that ends later than that allows was begun by a wrong one. */
const LONGEST_MS = WINDOW_SECONDS * 1000 + 10_000;
const SWEEP_MS = 600_000;
const MAX_KEYS = 20_000;

const DELETE_EXPIRED = { name: 'rate_limit_sweep', text: 'delete from rate_limit where expire < $1' };

/** What this replica has taken from the common count of a key. */
interface Lease {
  /** Calls taken and not made yet. */
  left: number;
  /** Of the common count, when it was last asked; 0: the key is refused until the window ends. */
  remaining: number;
  /** End of the window in ms since 1970; what is left by then is void. */
  until: number;
  /** The next block, while it is on its way. */
  renewal: Promise<void> | null;
}

/**
 * Counts calls by key across all replicas, in windows of a minute that begin with the first call.
 *
 * The count is in the database, but a replica takes calls from it by the block: a twentieth of the limit. Never more
 * calls are made in a window than the limit says. Fewer may be, by what other replicas have taken and not used: at most
 * one block each. The clocks of the replicas bound the windows, so they should agree within seconds.
 */
@Injectable()
export class RateLimiter implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly leases = new LRUCache<string, Lease>({ max: MAX_KEYS });
  private readonly count: RateLimiterPostgres;
  private session: Promise<SqlSession> | null = null;

  private sweeping: NodeJS.Timeout | null = null;

  constructor(
    private readonly orm: MikroORM,
    private readonly settings: Settings,
  ) {
    this.count = new RateLimiterPostgres({
      storeClient: { query: (query: LimiterQuery) => this.query(query) },
      storeType: 'pool',
      tableName: 'rate_limit',
      tableCreated: true,
      // Its own timer can't be ended.
      clearExpiredByTimeout: false,
      keyPrefix: '',
      // Limits are of keys: they are compared here.
      points: Number.MAX_SAFE_INTEGER,
      duration: WINDOW_SECONDS,
    });
  }

  onApplicationBootstrap(): void {
    if (this.settings.isRateLimited) {
      this.sweeping = setInterval(() => void this.sweep(), SWEEP_MS).unref();
    }
  }

  beforeApplicationShutdown(): void {
    clearInterval(this.sweeping ?? undefined);
  }

  /**
   * Counts one call; at once, unless a block has to be taken first.
   *
   * @throws {TooManyCallsError} if the key has made all its calls
   */
  take(keyId: string, callsPerMinute: number): Allowance | Promise<Allowance> {
    let lease = this.leases.get(keyId);
    if (lease === undefined) {
      lease = { left: 0, remaining: 0, until: 0, renewal: null };
      this.leases.set(keyId, lease);
    }
    return lease.left > 0 && !isOver(lease)
      ? spend(lease, callsPerMinute)
      : this.takeAfterRenewal(keyId, callsPerMinute, lease);
  }

  private async takeAfterRenewal(keyId: string, callsPerMinute: number, lease: Lease): Promise<Allowance> {
    // More than once if others were faster to use up what was taken.
    while (lease.left <= 0 || isOver(lease)) {
      if (lease.left <= 0 && lease.remaining <= 0 && !isOver(lease)) {
        throw new TooManyCallsError(callsPerMinute, Math.max(1, secondsUntil(lease.until)));
      }
      lease.renewal ??= this.renew(keyId, callsPerMinute, lease);
      await lease.renewal;
    }
    return spend(lease, callsPerMinute);
  }

  /** Takes a block, or what remains if that is less. */
  private async renew(keyId: string, callsPerMinute: number, lease: Lease): Promise<void> {
    try {
      const block = Math.max(1, Math.floor(callsPerMinute * PART));
      const { consumedPoints, msBeforeNext } = await this.add(keyId, block);
      const before = consumedPoints - block;
      lease.left = Math.max(0, Math.min(block, callsPerMinute - before));
      lease.remaining = Math.max(0, callsPerMinute - consumedPoints);
      lease.until = Date.now() + Math.min(msBeforeNext, LONGEST_MS);
    } finally {
      lease.renewal = null;
    }
  }

  /** Counts calls. A clock that was wrong must not close a key for longer than a window, so its window is begun anew. */
  private async add(keyId: string, calls: number): Promise<RateLimiterRes> {
    const result = await this.count.penalty(keyId, calls);
    if (result.msBeforeNext <= LONGEST_MS) {
      return result;
    }
    await this.count.delete(keyId);
    return this.count.penalty(keyId, calls);
  }

  /** There is a row a key; what can't be deleted now is deleted the next time. */
  private async sweep(): Promise<void> {
    await this.query({ ...DELETE_EXPIRED, values: [Date.now()] }).catch(() => undefined);
  }

  private async query({ name = '', text, values }: LimiterQuery): Promise<{ rows: object[] }> {
    this.session ??= openSession(this.orm.em as SqlEntityManager);
    return { rows: await (await this.session).query([{ name, text }, ...values], null) };
  }
}

/** Makes one of the calls that were taken. */
function spend(lease: Lease, callsPerMinute: number): Allowance {
  lease.left--;
  return {
    callsPerMinute,
    remaining: lease.left + lease.remaining,
    resetSeconds: secondsUntil(lease.until),
  };
}

interface LimiterQuery {
  readonly name?: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** Whether a window has ended, or was taken while the clock was ahead. */
function isOver({ until }: Lease): boolean {
  const now = Date.now();
  return until <= now || until > now + LONGEST_MS;
}

function secondsUntil(time: number): number {
  return Math.max(0, Math.ceil((time - Date.now()) / 1000));
}
