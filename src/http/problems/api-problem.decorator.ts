import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { describeProblem } from './describe-problem.js';
import { InvalidRequestError } from './problem.errors.js';
import {
  Problem,
  type ProblemDescription,
  type ProblemError,
  PROBLEM_MEDIA_TYPE,
  problemOf,
} from './problem.js';

const REQUEST_ID = '0197f2b8-7c1e-7d3a-9b1f-3f6f0f1f2a4b';

/** Examples of the problems that every route may have. */
const EXAMPLES: readonly ProblemDescription[] = [
  new InvalidRequestError([{ field: 'email', message: 'email must be a valid email address' }]).problem,
  describeProblem({ code: 'FST_ERR_CTP_BODY_TOO_LARGE', statusCode: 413 }),
  describeProblem({ code: 'FST_ERR_CTP_INVALID_MEDIA_TYPE', statusCode: 415 }),
];

/**
 * Documents the statuses that a route answers with problem documents, and what each means there.
 *
 * @param errors errors that the route throws for these statuses; they become the examples
 */
export function ApiProblems(
  problems: Readonly<Record<number, string>>,
  ...errors: readonly ProblemError[]
): MethodDecorator & ClassDecorator {
  const examples = [...errors.map(({ problem }) => problem), ...EXAMPLES];
  return applyDecorators(
    ApiExtraModels(Problem),
    ...Object.entries(problems).map(([status, description]) =>
      ApiResponse({
        status: Number(status),
        description,
        ...(['429', '503'].includes(status) && {
          headers: {
            'Retry-After': {
              description: 'Seconds to wait before the next attempt.',
              schema: { type: 'integer' },
            },
          },
        }),
        content: {
          [PROBLEM_MEDIA_TYPE]: {
            schema: { $ref: getSchemaPath(Problem) },
            example: exampleOf(Number(status)),
          },
        },
      }),
    ),
  );

  function exampleOf(status: number): Problem | undefined {
    const example = examples.find((each) => each.status === status);
    // Plain objects, because a YAML document can't be made of instances of classes.
    return example && (JSON.parse(JSON.stringify(problemOf(example, REQUEST_ID))) as Problem);
  }
}
