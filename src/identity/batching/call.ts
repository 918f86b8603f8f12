import type { Span } from '@opentelemetry/api';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import type { Traced } from '../../telemetry/tracing/tracing.js';
import type { IdentityView, Sighting } from '../domain/contact.js';
import { ContentionError } from '../identity.errors.js';

// The life of a call:
//
//   arrives ──► waits in the queue of its tenant ──► is decided in a batch ──► answered: it brings no news
//                    │        ▲                         │      │      └─────► answered: its batch is committed
//                    │        └─ its batch reads too ───┤      └► contested: another writer holds its identity
//                    │           much: in a smaller one │             └► waits by identity ► decided under lock ► answered
//                    └─ after 1.5 s: 503                └─ 4.2 s after its arrival: 503, wherever it is
//
// A call about a large identity does the same in queues and lanes for such calls.
//
// A call ends once, with an answer or an error. If it ends with 503 while a batch works on it, it leaves the batch at the next
// attempt. What is already on its way to the database may still be written, which is safe, because a call may be repeated.

/** The longest time that a call waits for its turn. After that its caller should try another replica. */
export const MAX_WAIT_MS = 1_500;
/** The longest time that a caller waits for an answer or an error. With the rest of the call it stays below 5 s. */
const ANSWER_WITHIN_MS = 4_200;

/** A sighting whose caller waits for an answer. */
export interface Call {
  readonly sighting: Sighting;
  /** Whether it was answered, with an identity or an error; true after `answer`. */
  readonly isEnded: boolean;
  readonly answer: (view: IdentityView) => void;
  readonly fail: (reason: unknown) => void;
}

/** A call until it is answered or has failed. What comes after that is ignored. */
export class WaitingCall implements Call, Traced {
  readonly since = performance.now();
  isEnded = false;
  /** The most calls in its batch, itself included; fewer if the batch would read too many rows. */
  togetherMax = Infinity;

  constructor(
    readonly sighting: Sighting,
    readonly span: Span | null,
    private readonly resolve: (view: IdentityView) => void,
    private readonly reject: (reason: unknown) => void,
  ) {}

  answer(view: IdentityView): void {
    if (!this.isEnded) {
      this.isEnded = true;
      this.resolve(view);
    }
  }

  fail(reason: unknown): void {
    this.isEnded = true;
    this.reject(reason);
  }

  /** Fails the call if its time to be answered is over. */
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
 * Takes calls that are decided together from the front of a queue.
 *
 * @param max the most calls; fewer if one of them allows only a smaller batch
 */
export function takeTogether(queue: WaitingCall[], max: number): WaitingCall[] {
  let count = 0;
  for (let limit = max; count < queue.length; count++) {
    limit = Math.min(limit, queue[count]!.togetherMax);
    if (count >= limit) {
      break;
    }
  }
  return queue.splice(0, count);
}

/**
 * Takes the calls out of a queue that have waited too long for their turn, and answers them.
 *
 * @param calls in order of arrival
 * @returns how many there were
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

/** Whether each of the calls would fail with this error on its own, too. */
function isForAll(error: unknown): boolean {
  return error instanceof DatabaseUnavailableError || error instanceof ContentionError;
}

/**
 * The result of `work`, or an error if it takes too long for a caller. The work is not stopped: it has its own limits.
 *
 * @param late the error for the caller
 */
export async function answerInTime<T>(work: Promise<T>, late: () => Error = tooSlow): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const refusal = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ANSWER_WITHIN_MS);
  });
  try {
    return await Promise.race([work, refusal]);
  } finally {
    clearTimeout(timer);
  }
}

function tooSlow(): DatabaseUnavailableError {
  return new DatabaseUnavailableError('the database takes too long to answer');
}
