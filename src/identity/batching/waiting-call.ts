import type { Span } from '@opentelemetry/api';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import type { Traced } from '../../telemetry/tracing/tracing.js';
import { ANSWER_WITHIN_MS, tooSlow } from './answer-in-time.js';
import { ContentionError } from '../identity.errors.js';
import type { IdentityView, Sighting } from '../domain/contact.js';
import type { Call } from './open-calls.js';

/** How long a call waits for its turn at the most; longer, and the caller had better try again elsewhere. */
const MAX_WAIT_MS = 1_500;

/** A call that is to be answered once, with an identity or an error. */
export class WaitingCall implements Call, Traced {
  readonly since = performance.now();
  isEnded = false;

  constructor(
    readonly sighting: Sighting,
    readonly span: Span | null,
    private readonly resolve: (view: IdentityView) => void,
    private readonly reject: (reason: unknown) => void,
  ) {}

  /** A property, because it is passed on by itself. */
  readonly answer = (view: IdentityView): void => {
    this.isEnded = true;
    this.resolve(view);
  };

  fail(reason: unknown): void {
    this.isEnded = true;
    this.reject(reason);
  }

  /** Answers that it takes too long. The work on it goes on, and may still be written: safe, because a repeated call is. */
  failIfLate(): void {
    if (!this.isEnded && this.hasWaited(ANSWER_WITHIN_MS)) {
      this.fail(tooSlow());
    }
  }

  hasWaited(ms: number): boolean {
    return performance.now() - this.since > ms;
  }
}

/**
 * Takes those out of a queue that have waited for their turn for too long, and answers them.
 *
 * @param calls in order of arrival
 * @returns how many they were
 */
export function refuseLate(calls: WaitingCall[], reason: () => Error): number {
  const firstInTime = calls.findIndex((call) => !call.hasWaited(MAX_WAIT_MS));
  const refused = calls.splice(0, firstInTime === -1 ? calls.length : firstInTime);
  refused.forEach((call) => call.fail(reason()));
  return refused.length;
}

/** Works on calls together. If that fails because of one of them, each of the others gets its answer alone. */
export async function together(
  calls: readonly WaitingCall[],
  work: (calls: readonly WaitingCall[]) => Promise<void>,
): Promise<void> {
  try {
    await work(calls);
  } catch (error) {
    const left = calls.filter(({ isEnded }) => !isEnded);
    if (left.length <= 1 || isForAll(error)) {
      left.forEach((call) => call.fail(error));
      return;
    }
    for (const call of left) {
      await together([call], work);
    }
  }
}

/** Whether an error would meet the calls just as well one by one. */
function isForAll(error: unknown): boolean {
  return error instanceof DatabaseUnavailableError || error instanceof ContentionError;
}
