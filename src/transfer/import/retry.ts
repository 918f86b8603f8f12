import { setTimeout as sleep } from 'node:timers/promises';
import { isOfAMoment, unavailability } from '../../database/session/unavailable.js';

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;

export interface RetryOptions {
  /** How long to keep trying a database that can't serve */
  readonly retryForMs: number;
  /** Called with the reason before each wait. */
  readonly onWait: (reason: string) => void;
  /** Ends the wait. */
  readonly stop: AbortSignal;
}

/**
 * Does work that needs the database, and repeats it for a while if the database can't serve, in growing intervals.
 *
 * @param work must be safe to repeat, whatever of it was done
 * @param reasonOf why an error is worth another try; null: it is not
 * @throws the last error of the work
 */
export async function retry<T>(
  work: () => Promise<T>,
  reasonOf: (error: unknown) => string | null,
  { retryForMs, onWait, stop }: RetryOptions,
): Promise<T> {
  const giveUpAt = performance.now() + retryForMs;
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
    try {
      return await work();
    } catch (error) {
      const reason = reasonOf(error);
      if (reason === null || stop.aborted || performance.now() + waitMs > giveUpAt) {
        throw error;
      }
      onWait(reason);
      await sleep(waitMs, undefined, { signal: stop }).catch(() => undefined);
    }
  }
}

/** Why the database can't serve; null: the error has another cause. */
export function troubleOf(error: unknown): string | null {
  const { cause } = error as { cause?: unknown };
  return unavailability(error) ?? (cause === undefined ? null : unavailability(cause));
}

/** Why the database can't serve just now; null: it refuses for good, or the error has another cause. */
export function passingTroubleOf(error: unknown): string | null {
  return isOfAMoment(error) ? troubleOf(error) : null;
}
