import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import { ApiProblems } from '../../http/problems/api-problem.decorator.js';
import type { ProblemError } from '../../http/problems/problem.js';
import { InvalidRequestError } from '../../http/problems/problem.errors.js';
import {
  ChangeUnderWayError,
  IdempotencyKeyInFlightError,
  IdempotencyKeyReusedError,
  PreconditionFailedError,
} from '../change.errors.js';
import { NotFoundError } from '../identity.errors.js';

const PROBLEMS = {
  400: 'The body is malformed, or a field, a parameter or a header is invalid.',
  404: 'A contact is unknown or was deleted.',
  409: 'A call with the same Idempotency-Key is under way.',
  412: 'What the change rests on has moved since the dry run that If-Match names. Nothing was changed.',
  413: 'The body is larger than 16 KiB.',
  415: 'The body is not JSON in UTF-8, or is encoded.',
  422: 'The Idempotency-Key was used for another route or body.',
  503: 'The database is not available, too many calls change the identity at once, or the change takes longer than a call may wait and goes on. Safe to repeat with an Idempotency-Key.',
};

/**
 * Documents the problems that every change may have.
 *
 * @param described what some statuses mean on a route; null: it has no such answer
 * @param errors examples for these
 */
export function ApiChangeProblems(
  described: Readonly<Record<number, string | null>> = {},
  ...errors: readonly ProblemError[]
): MethodDecorator & ClassDecorator {
  return ApiProblems(
    without({ ...PROBLEMS, ...described }),
    ...errors,
    new InvalidRequestError([{ field: 'reason', message: 'reason must not be empty' }]),
    new NotFoundError('contact', 4711),
    new IdempotencyKeyInFlightError(),
    new PreconditionFailedError(),
    new IdempotencyKeyReusedError(),
    new ChangeUnderWayError(),
    new DatabaseUnavailableError('the database is not reachable'),
  );
}

/** As {@link ApiChangeProblems}, for a deletion: it takes no `If-Match`. */
export function ApiDeletionProblems(
  described: Readonly<Record<number, string | null>> = {},
  ...errors: readonly ProblemError[]
): MethodDecorator & ClassDecorator {
  return ApiProblems(
    without({
      ...PROBLEMS,
      400: 'The body is malformed, a field or a header is invalid, or `dryRun` or `If-Match` was sent, which deletions do not take.',
      412: null,
      ...described,
    }),
    ...errors,
    new InvalidRequestError([{ field: 'reason', message: 'reason must have at most 500 characters' }]),
    new NotFoundError('contact', 4711),
    new IdempotencyKeyInFlightError(),
    new IdempotencyKeyReusedError(),
    new DatabaseUnavailableError('the database is not reachable'),
  );
}

function without(problems: Readonly<Record<number, string | null>>): Readonly<Record<number, string>> {
  return Object.fromEntries(
    Object.entries(problems).filter((problem): problem is [string, string] => problem[1] !== null),
  );
}
