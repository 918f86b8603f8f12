import { ApiProperty, ApiSchema } from '@nestjs/swagger';

const CHECK = {
  type: 'object',
  properties: { status: { type: 'string', enum: ['up', 'down'] }, message: { type: 'string' } },
  required: ['status'],
};

/** The answer of a probe, as Terminus formats it. */
@ApiSchema({ name: 'Health' })
export class HealthResponse {
  @ApiProperty({
    enum: ['ok', 'error', 'shutting_down'],
    description: '`ok` if everything is up.',
    example: 'ok',
  })
  readonly status!: string;

  @ApiProperty({
    type: 'object',
    additionalProperties: CHECK,
    description: 'What is up.',
    example: { database: { status: 'up' } },
  })
  readonly info!: object;

  @ApiProperty({
    type: 'object',
    additionalProperties: CHECK,
    description: 'What is down, and why.',
    example: {},
  })
  readonly error!: object;

  @ApiProperty({
    type: 'object',
    additionalProperties: CHECK,
    description: 'Both.',
    example: { database: { status: 'up' } },
  })
  readonly details!: object;
}
