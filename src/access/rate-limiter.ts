import { MikroORM } from '@mikro-orm/core';
import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { RateLimiterPostgres, type RateLimiterRes } from 'rate-limiter-flexible';
import { Settings } from '../config/settings.js';
import { openSession } from '../database/session/open-session.js';
import type { Statement } from '../database/session/sql-session.js';
import { TooManyCallsError, type Allowance } from './allowance.js';

const WINDOW_SECONDS = 60;
/** A replica takes one twentieth of the limit at a time from the common count: 20 writes a minute, not one per call. */
const PART = 1 / 20;
/** How much the clocks of replicas may differ. A window that ends later than this allows was started by a wrong clock. */
const LONGEST_MS = WINDOW_SECONDS * 1000 + 10_000;
const SWEEP_MS = 600_000;
const MAX_KEYS = 20_000;

export const DELETE_EXPIRED: Statement = {
  name: 'rate_limit_sweep',
  text: 'delete from rate_limit where expire < $1',
};

/** What this replica has taken from the common count of a key. */
interface Lease {
  /** Calls that were taken and not yet made. */
  left: number;
  /** Calls left in the common count when it was last read; 0: the key is refused until the window ends. */
  remaining: number;
  /** End of the window in ms since 1970; calls that are left then expire. */
  until: number;
  /** The next block, while it is being taken. */
  renewal: Promise<void> | null;
}

/**
 * Counts calls by key across all replicas, in windows of a minute that begin with the first call.
 *
 * The count is in the database, but a replica takes calls from it in blocks of one twentieth of the limit. A key never makes
 * more calls in a window than its limit. It may make fewer, by what other replicas have taken and not used: at most one
 * block each. The clocks of the replicas define the windows, so they should agree within seconds.
 */
@Injectable()
export class RateLimiter implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly leases = new LRUCache<string, Lease>({ max: MAX_KEYS });
  private readonly count: RateLimiterPostgres;
  private readonly session = openSession(this.orm.em);

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
      // The library's own timer can't be stopped.
      clearExpiredByTimeout: false,
      keyPrefix: '',
      // Each key has its own limit, so limits are compared here.
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
   * Counts one call. Immediate, unless a block must be taken first.
   *
   * @throws {TooManyCallsError} if the key has used its calls of this minute
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
    // More than once if other calls used up the block first.
    while (lease.left <= 0 || isOver(lease)) {
      if (lease.left <= 0 && lease.remaining <= 0 && !isOver(lease)) {
        throw new TooManyCallsError(callsPerMinute, Math.max(1, secondsUntil(lease.until)));
      }
      lease.renewal ??= this.renew(keyId, callsPerMinute, lease);
      await lease.renewal;
    }
    return spend(lease, callsPerMinute);
  }

  /** Takes a block, or the rest if that is less. */
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

  /** Counts calls. A wrong clock must not block a key for longer than one window, so such a window is started again. */
  private async add(keyId: string, calls: number): Promise<RateLimiterRes> {
    const result = await this.count.penalty(keyId, calls);
    if (result.msBeforeNext <= LONGEST_MS) {
      return result;
    }
    await this.count.delete(keyId);
    return this.count.penalty(keyId, calls);
  }

  /** Each key has one row; rows that can't be deleted now are deleted the next time. */
  private async sweep(): Promise<void> {
    await this.query({ ...DELETE_EXPIRED, values: [Date.now()] }).catch(() => undefined);
  }

  private async query({ name = '', text, values }: LimiterQuery): Promise<{ rows: object[] }> {
    return { rows: await this.session.query([{ name, text }, ...values], null) };
  }
}

/** Uses one of the calls that were taken. */
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

/** Whether a window has ended, or was started by a clock that was ahead. */
function isOver({ until }: Lease): boolean {
  const now = Date.now();
  return until <= now || until > now + LONGEST_MS;
}

function secondsUntil(time: number): number {
  return Math.max(0, Math.ceil((time - Date.now()) / 1000));
}
