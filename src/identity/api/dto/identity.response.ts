import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import type { IdentityView } from '../../domain/contact.js';

@ApiSchema({ name: 'Identity', description: 'One person: all that is known of them.' })
export class IdentityDto implements IdentityView {
  @ApiProperty({
    type: 'integer',
    minimum: 1,
    description: 'The oldest contact of the identity.',
    example: 1,
  })
  readonly primaryContactId!: number;

  @ApiProperty({
    type: [String],
    description: 'Every email, the one of the primary first, then by age of the contact; none twice.',
    example: ['lorraine@hillvalley.edu', 'mcfly@hillvalley.edu'],
  })
  readonly emails!: readonly string[];

  @ApiProperty({
    type: [String],
    description: 'Every phone number, the one of the primary first, then by age of the contact; none twice.',
    example: ['123456'],
  })
  readonly phoneNumbers!: readonly string[];

  @ApiProperty({
    type: 'array',
    items: { type: 'integer', minimum: 1 },
    description: 'All contacts but the primary, the oldest first.',
    example: [23],
  })
  readonly secondaryContactIds!: readonly number[];
}

/** The answer of `POST /identify` and `GET /contacts/{id}`. */
export class IdentityResponse {
  @ApiProperty({ type: IdentityDto })
  readonly contact: IdentityDto;

  constructor(contact: IdentityDto) {
    this.contact = contact;
  }
}
