import type { FieldError } from './problem.js';

/** The request is understood but not acceptable; names each field at fault. */
export class InvalidRequestError extends Error {
  override readonly name = 'InvalidRequestError';

  constructor(readonly errors: readonly FieldError[]) {
    super(errors.map(({ message }) => message).join('; '));
  }
}
