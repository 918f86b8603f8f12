import type { ProblemDescription, ProblemError } from '../http/problems/problem.js';

/** What a key may still do in the window under way. */
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

/** A key has made all the calls that it may make for now. */
export class TooManyCallsError extends Error implements ProblemError {
  override readonly name = 'TooManyCallsError';

  /**
   * @param callsPerMinute what the key may make
   * @param retryAfterSeconds until it may go on
   */
  constructor(
    readonly callsPerMinute: number,
    readonly retryAfterSeconds: number,
  ) {
    super(`The API key may make ${callsPerMinute} calls a minute, and has made them.`);
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
