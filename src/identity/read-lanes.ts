import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { retryUnavailable } from '../database/session/unavailable.js';
import { OverloadedError } from '../http/problems/problem.errors.js';
import { MAX_WAIT_MS } from './batching/call.js';
import { Limit } from './limit.js';

/** The most reads at once. More would take the connections that batches wait for. */
const READS_AT_ONCE = 4;
const LARGE_WAITING = 256;

/** How many calls read at once, so that reading leaves connections and time for the calls that write. */
@Injectable()
export class ReadLanes {
  private readonly reads: Limit;
  /** One at a time: a whole large identity takes much memory, and time from all other calls. */
  private readonly large = new Limit({
    atOnce: 1,
    maxWaiting: LARGE_WAITING,
    waitMs: MAX_WAIT_MS,
    refusal: tooManyAboutLarge,
  });

  constructor({ queueMax, databasePoolMax, batchLanes }: Settings) {
    this.reads = new Limit({
      atOnce: Math.max(1, Math.min(READS_AT_ONCE, databasePoolMax - batchLanes)),
      maxWaiting: queueMax,
      waitMs: MAX_WAIT_MS,
      refusal: () => new OverloadedError('too many calls are waiting'),
    });
  }

  /** Reads something small, again if the database is away for a moment. */
  async read<T>(work: () => Promise<T>): Promise<T> {
    return retryUnavailable(() => this.reads.run(work));
  }

  /**
   * Reads what may be large.
   *
   * @param few reads it if it is small, and returns null otherwise
   * @param all reads it all, and does what takes long with it
   */
  async readAny<T>(few: () => Promise<T | null>, all: () => Promise<T>): Promise<T> {
    return retryUnavailable(async () => (await this.reads.run(few)) ?? (await this.large.run(all)));
  }
}

export function tooManyAboutLarge(): OverloadedError {
  return new OverloadedError('too many calls about large identities are waiting');
}
