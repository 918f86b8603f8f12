import type { ProblemDescription, ProblemError } from '../http/problems/problem.js';

/** How many calls a key may still make in the current window. */
export interface Allowance {
  readonly callsPerMinute: number;
  /** As far as this replica knows. */
  readonly remaining: number;
  readonly resetSeconds: number;
}

/** The fields of draft-ietf-httpapi-ratelimit-headers. */
export function allowanceHeaders({
  callsPerMinute,
  remaining,
  resetSeconds,
}: Allowance): Record<string, string> {
  return {
    'ratelimit-policy': `"key";q=${callsPerMinute};w=60`,
    ratelimit: `"key";r=${remaining};t=${resetSeconds}`,
  };
}

/** A key has used its calls of this minute. */
export class TooManyCallsError extends Error implements ProblemError {
  override readonly name = 'TooManyCallsError';

  /**
   * @param callsPerMinute the limit of the key
   * @param retryAfterSeconds time until it may call again
   */
  constructor(
    readonly callsPerMinute: number,
    readonly retryAfterSeconds: number,
  ) {
    super(`The API key has used its ${callsPerMinute} calls of this minute.`);
  }

  get problem(): ProblemDescription {
    const { callsPerMinute, retryAfterSeconds: resetSeconds } = this;
    return {
      slug: 'too-many-calls',
      title: 'Too many calls',
      status: 429,
      detail: this.message,
      headers: {
        'retry-after': String(resetSeconds),
        ...allowanceHeaders({ callsPerMinute, remaining: 0, resetSeconds }),
      },
    };
  }
}
