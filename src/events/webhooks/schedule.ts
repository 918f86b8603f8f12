const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** From a failed attempt to the next, in µs. The first attempt is made at once, so there are ten. */
const DELAYS = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
] as const;
/** By how much each delay is longer or shorter at random, so that what failed together does not come back together. */
const JITTER = 0.1;

/** Attempts after which a delivery is a dead letter. */
export const MAX_ATTEMPTS = DELAYS.length + 1;
/** An endpoint is disabled after so long without a success, in µs. */
export const FAILING_MAX = 5 * 24 * HOUR;

/** Why there was no answer. Of an expired event there was no attempt: it is no longer kept. */
export const FAILURES = [
  'address-refused',
  'name-not-resolved',
  'connection-failed',
  'tls-failed',
  'timeout',
  'secret-unreadable',
  'event-expired',
] as const;
export type Failure = (typeof FAILURES)[number];

/** What came of one attempt: the status that the receiver answered, or why there was none. */
export type AttemptResult = { readonly status: number } | { readonly failure: Failure };

/** What an attempt means for its delivery and its endpoint. Times are in µs since 1970. */
export interface Verdict {
  readonly state: 'pending' | 'delivered' | 'dead';
  /** When the next attempt is due; null: there is none. */
  readonly nextAt: number | null;
  /** Why the endpoint is disabled now; null: it is not. */
  readonly disabled: 'gone' | 'failing' | null;
}

/**
 * Decides what follows from an attempt.
 *
 * An answer of 2xx is a success. Everything else is a failure, redirects too, and is tried again at once, after 5 s, 5 min,
 * 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h; then the delivery is a dead letter. 410 says that the receiver wants nothing any more:
 * its endpoint is disabled. So is one that has not had a success for five days.
 *
 * @param attempts how many have been made, with this one
 * @param failingSince when the endpoint began to fail without a success since; null: its last attempt was a success
 * @param random from 0 to 1, for the jitter
 */
export function judgeAttempt(
  result: AttemptResult,
  attempts: number,
  failingSince: number | null,
  now: number,
  random: number,
): Verdict {
  const status = 'status' in result ? result.status : null;
  if (status !== null && status >= 200 && status < 300) {
    return { state: 'delivered', nextAt: null, disabled: null };
  }
  if (status === 410) {
    return { state: 'dead', nextAt: null, disabled: 'gone' };
  }
  const disabled = failingSince !== null && now - failingSince >= FAILING_MAX ? 'failing' : null;
  const delay = DELAYS[attempts - 1];
  return delay === undefined
    ? { state: 'dead', nextAt: null, disabled }
    : { state: 'pending', nextAt: now + Math.round(delay * (1 - JITTER + 2 * JITTER * random)), disabled };
}
