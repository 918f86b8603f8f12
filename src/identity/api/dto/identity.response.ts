import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import type { IdentityView } from '../../domain/contact.js';
import { EMAIL, PHONE_NUMBER } from '../../domain/kinds.js';

@ApiSchema({ name: 'Identity', description: 'One person: all that is known of them.' })
export class IdentityDto {
  @ApiProperty({
    type: 'integer',
    minimum: 1,
    description: 'The oldest contact of the identity.',
    example: 1,
  })
  readonly primaryContactId: number;

  @ApiProperty({
    type: [String],
    description: 'Every email, the one of the primary first, then by age of the contact; none twice.',
    example: ['lorraine@hillvalley.edu', 'mcfly@hillvalley.edu'],
  })
  readonly emails: readonly string[];

  @ApiProperty({
    type: [String],
    description: 'Every phone number, the one of the primary first, then by age of the contact; none twice.',
    example: ['123456'],
  })
  readonly phoneNumbers: readonly string[];

  @ApiProperty({
    type: 'array',
    items: { type: 'integer', minimum: 1 },
    description: 'All contacts but the primary, the oldest first.',
    example: [23],
  })
  readonly secondaryContactIds: readonly number[];

  constructor({ primaryContactId, values, secondaryContactIds }: IdentityView) {
    this.primaryContactId = primaryContactId;
    this.emails = values.get(EMAIL.name) ?? [];
    this.phoneNumbers = values.get(PHONE_NUMBER.name) ?? [];
    this.secondaryContactIds = secondaryContactIds;
  }
}

/** The answer of `POST /identify` and `GET /contacts/{id}`. */
export class IdentityResponse {
  @ApiProperty({ type: IdentityDto })
  readonly contact: IdentityDto;

  constructor(view: IdentityView) {
    this.contact = new IdentityDto(view);
  }
}
