import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { IdentifierDto } from './identifier.dto.js';

@ApiSchema({ name: 'Rule', description: 'Two identifiers that must not come to lie in one identity.' })
export class RuleDto {
  @ApiProperty({ type: 'integer', minimum: 1, description: 'The id of the rule.', example: 3 })
  readonly id!: number;

  @ApiProperty({ type: [IdentifierDto], minItems: 2, maxItems: 2, description: 'Both identifiers.' })
  readonly identifiers!: readonly IdentifierDto[];

  @ApiProperty({
    format: 'date-time',
    description: 'When it was made.',
    example: '2026-11-25T18:41:06.123456Z',
  })
  readonly createdAt!: string;

  @ApiProperty({ description: 'Who made it.', example: 'k3v9q0w2x1z7 crm' })
  readonly actor!: string;

  @ApiProperty({ description: 'Why it was made.', example: 'Two customers share this number' })
  readonly reason!: string;
}
