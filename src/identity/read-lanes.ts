import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { retryUnavailable } from '../database/session/unavailable.js';
import { OverloadedError } from '../http/problems/problem.errors.js';
import { MAX_WAIT_MS } from './batching/call.js';
import { TenantLimit } from './tenant-limit.js';

/** The most reads at once. More would take the connections that batches wait for. */
const READS_AT_ONCE = 4;
const LARGE_WAITING = 256;
/** A read that takes longer is that of a tenant whose rows are slow or out of reach. */
const PATIENCE_MS = 300;
/** One of a large identity takes longer by itself. */
const LARGE_PATIENCE_MS = 800;

/** How many calls read at once, so that reading leaves connections and time for the calls that write. */
@Injectable()
export class ReadLanes {
  private readonly reads: TenantLimit;
  /** One at a time: a whole large identity takes much memory, and time from all other calls. */
  private readonly large = new TenantLimit({
    atOnce: 1,
    patienceMs: LARGE_PATIENCE_MS,
    aside: 1,
    maxWaiting: LARGE_WAITING,
    waitMs: MAX_WAIT_MS,
    refusal: tooManyAboutLarge,
  });

  constructor({ queueMax, databasePoolMax, batchLanes }: Settings) {
    this.reads = new TenantLimit({
      atOnce: Math.max(1, Math.min(READS_AT_ONCE, databasePoolMax - batchLanes)),
      patienceMs: PATIENCE_MS,
      aside: 2,
      maxWaiting: queueMax,
      waitMs: MAX_WAIT_MS,
      refusal: () => new OverloadedError('too many calls are waiting'),
    });
  }

  /** Reads something small, again if the database is away for a moment. */
  async read<T>(tenantId: number, work: () => Promise<T>): Promise<T> {
    return retryUnavailable(() => this.readOnce(tenantId, work));
  }

  /** Like {@link read}, but not again. */
  async readOnce<T>(tenantId: number, work: () => Promise<T>): Promise<T> {
    return this.reads.run(tenantId, work);
  }

  /**
   * Reads what may be large, again if the database is away for a moment.
   *
   * @param few reads it if it is small, and returns null otherwise
   * @param all reads it all, and does what takes long with it
   */
  async readAny<T>(tenantId: number, few: () => Promise<T | null>, all: () => Promise<T>): Promise<T> {
    return retryUnavailable(() => this.readAnyOnce(tenantId, few, all));
  }

  /** Like {@link readAny}, but not again. */
  async readAnyOnce<T>(tenantId: number, few: () => Promise<T | null>, all: () => Promise<T>): Promise<T> {
    return (await this.readOnce(tenantId, few)) ?? this.large.run(tenantId, all);
  }
}

/** The refusal of a call that would have to wait behind too many others about large identities. */
export function tooManyAboutLarge(): OverloadedError {
  return new OverloadedError('too many calls about large identities are waiting');
}
