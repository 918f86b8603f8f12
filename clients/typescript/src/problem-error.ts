import type { Problem } from './generated/types.gen.js';

/** The service refused a call, or could not answer it. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';

  /**
   * @param problem the answer, as RFC 9457 defines it; if something in between answered, it has the type `about:blank`
   * @param response its headers tell more; its body was read
   */
  constructor(
    readonly problem: Problem,
    readonly response: Response,
  ) {
    super(`${problem.status} ${problem.title}: ${problem.detail}`);
  }

  /** The kind of problem, such as `urn:problem:invalid-request`. Stable: decide by it. */
  get type(): string {
    return this.problem.type;
  }

  /** The HTTP status. */
  get status(): number {
    return this.problem.status;
  }
}

/** The error of a call that was answered. */
export function problemErrorOf(body: unknown, response: Response): ProblemError {
  return new ProblemError(isProblem(body) ? body : unknownProblem(response), response);
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'type' in body && 'status' in body;
}

function unknownProblem({ status, statusText, headers }: Response): Problem {
  return {
    type: 'about:blank',
    title: statusText || 'No problem document',
    status,
    detail: 'The answer is no problem document; something between client and service may have given it.',
    requestId: headers.get('x-request-id') ?? '',
  };
}
