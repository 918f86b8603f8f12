import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { Problem } from './problem.js';
import { PROBLEM_MEDIA_TYPE } from './send-problem.js';

/** Documents that a route answers with problem documents of these statuses, each with what it means there. */
export function ApiProblems(problems: Readonly<Record<number, string>>): MethodDecorator & ClassDecorator {
  return applyDecorators(
    ApiExtraModels(Problem),
    ...Object.entries(problems).map(([status, description]) =>
      ApiResponse({
        status: Number(status),
        description,
        ...(status === '503' && {
          headers: { 'Retry-After': { description: 'Seconds to wait before the next try.', schema: { type: 'integer' } } },
        }),
        content: { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: getSchemaPath(Problem) } } },
      }),
    ),
  );
}
