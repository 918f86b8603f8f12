import { ApiProperty } from '@nestjs/swagger';

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
  /** Headers that tell the client what to do next. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** An error that says how it is answered. Anybody may see its message. */
export interface ProblemError extends Error {
  readonly problem: ProblemDescription;
}
