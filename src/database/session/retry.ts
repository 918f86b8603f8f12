import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseUnavailableError } from './unavailable.js';
import { isOfAMoment } from './unavailable.js';

/** No attempt starts later than this after the first. */
const RETRY_FOR_MS = 3_500;
const LONGEST_WAIT_MS = 400;

/**
 * Runs a whole unit of work, and repeats it from the beginning while the database is away for a moment: after lost
 * connections, a restart, a failover. Lost races with other writers are handled elsewhere.
 *
 * The wait between attempts is random, with a growing limit, so that not all callers come back at once.
 *
 * @param work takes new connections each time; must be safe to repeat, because after a lost connection nobody knows
 *   whether the last commit took place
 * @param isRepeatable asked after a failure; false stops repeating
 * @throws {DatabaseUnavailableError} the last one, if no attempt succeeded in time
 */
export async function retryUnavailable<T>(
  work: () => Promise<T>,
  isRepeatable: () => boolean = () => true,
): Promise<T> {
  const deadline = performance.now() + RETRY_FOR_MS;
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const waitMs = Math.random() * Math.min(20 * 2 ** attempt, LONGEST_WAIT_MS);
      const isWorthIt = error instanceof DatabaseUnavailableError && isOfAMoment(error);
      if (!isWorthIt || !isRepeatable() || performance.now() + waitMs > deadline) {
        throw error;
      }
      await sleep(waitMs);
    }
  }
}
