import { ApiProperty } from '@nestjs/swagger';

/** One thing that is wrong with the request. */
export class FieldError {
  @ApiProperty({ description: 'The field at fault; `body` if it is the body as a whole.', example: 'email' })
  readonly field!: string;

  @ApiProperty({ description: 'What the field must be.', example: 'email must be a valid email address' })
  readonly message!: string;
}

/** A problem document as RFC 9457 defines it, served as `application/problem+json`. */
export class Problem {
  @ApiProperty({ description: 'Names the kind of problem; stable.', example: 'urn:problem:invalid-request' })
  readonly type!: string;

  @ApiProperty({ description: 'The kind of problem in words.', example: 'Invalid request' })
  readonly title!: string;

  @ApiProperty({ type: 'integer', description: 'The HTTP status.', example: 400, minimum: 400, maximum: 599 })
  readonly status!: number;

  @ApiProperty({
    description: 'What happened this time, and what to do.',
    example: 'The request has an invalid field.',
  })
  readonly detail!: string;

  @ApiProperty({
    description: 'The fields at fault; absent if no field is.',
    type: [FieldError],
    required: false,
  })
  readonly errors?: readonly FieldError[];

  @ApiProperty({
    description: 'The id of the request, as in the `X-Request-Id` header and in the log.',
    example: '0197f2b8-7c1e-7d3a-9b1f-3f6f0f1f2a4b',
  })
  readonly requestId!: string;
}

/** A problem before it is tied to a request. */
export interface ProblemDescription {
  readonly slug: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  /** Headers that tell the client how to go on. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** An error that says itself how it is answered. Its message may be shown to anyone. */
export interface ProblemError extends Error {
  readonly problem: ProblemDescription;
}
