import { ApiProperty } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';

/** One thing that is wrong with the request. */
export class FieldError {
  @ApiProperty({ description: 'The invalid field; `body` if it is the whole body.', example: 'email' })
  readonly field!: string;

  @ApiProperty({ description: 'What the field must be.', example: 'email must be a valid email address' })
  readonly message!: string;
}

/** A problem document as RFC 9457 defines it, served as `application/problem+json`. */
export class Problem {
  @ApiProperty({
    description: 'The kind of problem. Stable: decide by this and by `status`.',
    example: 'urn:problem:invalid-request',
  })
  readonly type!: string;

  @ApiProperty({ description: 'The kind of problem in words.', example: 'Invalid request' })
  readonly title!: string;

  @ApiProperty({ type: 'integer', description: 'The HTTP status.', example: 400, minimum: 400, maximum: 599 })
  readonly status!: number;

  @ApiProperty({
    description: 'What happened, and what to do.',
    example: 'The request has an invalid field.',
  })
  readonly detail!: string;

  @ApiProperty({
    description: 'The invalid fields; absent if no field is invalid.',
    type: [FieldError],
    required: false,
  })
  readonly errors?: readonly FieldError[];

  @ApiProperty({
    description: 'The rules that forbid the change; only with `urn:problem:do-not-link`.',
    type: 'array',
    items: { $ref: '#/components/schemas/Rule' },
    required: false,
  })
  readonly rules?: readonly object[];

  @ApiProperty({
    description: 'The id of the request, also in the `X-Request-Id` header and in the log.',
    example: '0197f2b8-7c1e-7d3a-9b1f-3f6f0f1f2a4b',
  })
  readonly requestId!: string;
}

/** A problem without its request. */
export interface ProblemDescription {
  readonly slug: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  readonly rules?: readonly object[];
  /** Headers that tell the client what to do next. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** An error that says how it is answered. Anybody may see its message. */
export interface ProblemError extends Error {
  readonly problem: ProblemDescription;
}

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** Headers of every problem document, also if it is sent before the hooks of the server have run. */
export const PROBLEM_HEADERS = {
  'content-type': PROBLEM_MEDIA_TYPE,
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
} as const;

/** The document that is sent. */
export function problemOf(
  { slug, title, status, detail, errors, rules }: ProblemDescription,
  requestId: string,
): Problem {
  const members = { ...(errors && { errors }), ...(rules && { rules }) };
  return { type: `urn:problem:${slug}`, title, status, detail, ...members, requestId };
}

/** Answers a request with a problem document. */
export function sendProblem(reply: FastifyReply, requestId: string, description: ProblemDescription): void {
  void reply
    .status(description.status)
    .headers({ ...description.headers, ...PROBLEM_HEADERS, 'x-request-id': requestId })
    .send(JSON.stringify(problemOf(description, requestId)));
}
