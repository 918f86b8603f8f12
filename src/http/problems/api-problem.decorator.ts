import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { ForbiddenError } from '../../access/forbidden.error.js';
import { UnauthorizedError } from '../../access/unauthorized.error.js';
import { DatabaseUnavailableError } from '../../database/session/database-unavailable.error.js';
import { ContactNotFoundError } from '../../identity/contact-not-found.error.js';
import { TooManyCallsError } from '../../access/too-many-calls.error.js';
import { describeProblem, type ProblemDescription } from './describe-problem.js';
import { InvalidRequestError } from './invalid-request.error.js';
import { Problem } from './problem.js';
import { PROBLEM_MEDIA_TYPE, problemOf } from './send-problem.js';

const REQUEST_ID = '0197f2b8-7c1e-7d3a-9b1f-3f6f0f1f2a4b';
const EXAMPLES: Readonly<Record<string, ProblemDescription>> = {
  400: describeProblem(
    new InvalidRequestError([{ field: 'email', message: 'email must be a valid email address' }]),
  ),
  401: describeProblem(new UnauthorizedError(false)),
  403: describeProblem(new ForbiddenError('read')),
  404: describeProblem(new ContactNotFoundError(4711)),
  413: describeProblem({ code: 'FST_ERR_CTP_BODY_TOO_LARGE', statusCode: 413 }),
  415: describeProblem({ code: 'FST_ERR_CTP_INVALID_MEDIA_TYPE', statusCode: 415 }),
  429: describeProblem(new TooManyCallsError(6000, 17)),
  503: describeProblem(new DatabaseUnavailableError('the database is not reachable')),
};

/** Documents that a route answers with problem documents of these statuses, each with what it means there. */
export function ApiProblems(problems: Readonly<Record<number, string>>): MethodDecorator & ClassDecorator {
  return applyDecorators(
    ApiExtraModels(Problem),
    ...Object.entries(problems).map(([status, description]) =>
      ApiResponse({
        status: Number(status),
        description,
        ...(['429', '503'].includes(status) && {
          headers: {
            'Retry-After': {
              description: 'Seconds to wait before the next try.',
              schema: { type: 'integer' },
            },
          },
        }),
        content: {
          [PROBLEM_MEDIA_TYPE]: { schema: { $ref: getSchemaPath(Problem) }, example: exampleOf(status) },
        },
      }),
    ),
  );
}

function exampleOf(status: string): Problem | undefined {
  const description = EXAMPLES[status];
  return description && problemOf(description, REQUEST_ID);
}
