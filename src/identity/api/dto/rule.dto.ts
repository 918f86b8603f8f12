import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import type { ToldRule } from '../../change-writer.js';
import { IdentifierDto } from './identifier.dto.js';
import { isoOf, isoOrNull } from './moment.js';

/** For the OpenAPI document. */
export const EXAMPLE_RULE = {
  id: 3,
  identifiers: [
    { kind: 'email', value: 'george@hillvalley.edu' },
    { kind: 'phoneNumber', value: '717171' },
  ],
  createdAt: Date.UTC(2026, 10, 25, 18, 41, 6) * 1000 + 123_456,
  actor: 'k3v9q0w2x1z7 crm',
  reason: 'Two customers share this number',
} as const;

@ApiSchema({ name: 'Rule', description: 'Two identifiers that must not come to lie in one identity.' })
export class RuleDto {
  @ApiProperty({
    oneOf: [{ type: 'integer', minimum: 1 }, { type: 'null' }],
    description: 'The id of the rule. Null after a dry run.',
    example: EXAMPLE_RULE.id,
  })
  readonly id: number | null;

  @ApiProperty({
    type: [IdentifierDto],
    minItems: 2,
    maxItems: 2,
    description: 'Both identifiers, in the order in which they were named.',
    example: EXAMPLE_RULE.identifiers,
  })
  readonly identifiers: readonly IdentifierDto[];

  @ApiProperty({
    oneOf: [{ type: 'string', format: 'date-time' }, { type: 'null' }],
    description: 'When it was made. Null after a dry run.',
    example: isoOf(EXAMPLE_RULE.createdAt),
  })
  readonly createdAt: string | null;

  @ApiProperty({ description: 'Who made it: id and name of the key.', example: EXAMPLE_RULE.actor })
  readonly actor: string;

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Why it was made, in the words of who made it; null: it was erased.',
    example: EXAMPLE_RULE.reason,
  })
  readonly reason: string | null;

  constructor({ id, identifiers, createdAt, actor, reason }: ToldRule) {
    this.id = id;
    this.identifiers = identifiers.map((identifier) => new IdentifierDto(identifier));
    this.createdAt = isoOrNull(createdAt);
    this.actor = actor;
    this.reason = reason;
  }
}
