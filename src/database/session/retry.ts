import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseUnavailableError } from './unavailable.js';
import { isOfAMoment } from './unavailable.js';

/** No attempt begins later than this after the first. */
const RETRY_FOR_MS = 3_500;
const LONGEST_WAIT_MS = 400;

/**
 * Runs a whole unit of work, and runs it again from its beginning while the database is away for a moment: connections
 * that were ended, a restart, a failover. What is lost to others in a race is not its concern.
 *
 * Waits between attempts are random between nothing and a limit that grows, so that not all come back at once.
 *
 * @param work takes its connections anew each time; must bear to be done twice, since a lost connection does not tell
 *   whether its last commit was carried out
 * @param isRepeatable asked after a failure; false ends it
 * @throws {DatabaseUnavailableError} the last one, if it did not succeed in time
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
