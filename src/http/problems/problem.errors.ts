import type { FieldError, ProblemDescription, ProblemError } from './problem.js';

/** For calls that may succeed a moment later. */
export const RETRY_IN_A_SECOND: Readonly<Record<string, string>> = { 'retry-after': '1' };

/** The request has invalid fields; names each of them. */
export class InvalidRequestError extends Error implements ProblemError {
  override readonly name: string = 'InvalidRequestError';

  constructor(readonly errors: readonly FieldError[]) {
    super(errors.map(({ message }) => message).join('; '));
  }

  get problem(): ProblemDescription {
    const { errors } = this;
    const detail =
      errors.length === 1
        ? 'The request has an invalid field.'
        : `The request has ${errors.length} invalid fields.`;
    return { slug: 'invalid-request', title: 'Invalid request', status: 400, detail, errors };
  }
}

/** The service is overloaded and has not started this call. */
export class OverloadedError extends Error implements ProblemError {
  override readonly name = 'OverloadedError';

  get problem(): ProblemDescription {
    return {
      slug: 'overloaded',
      title: 'Overloaded',
      status: 503,
      detail: `The call was not started: ${this.message}. Try again.`,
      headers: RETRY_IN_A_SECOND,
    };
  }
}
