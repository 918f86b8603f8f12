import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import type { IdentityView } from '../../domain/contact.js';
import { IdentityDto } from './identity.response.js';

const ID_OR_NULL = { oneOf: [{ type: 'integer', minimum: 1 }, { type: 'null' }] };

@ApiSchema({
  name: 'PlannedIdentity',
  description: 'An identity as it is after a call, or as it would be.',
})
export class PlannedIdentityDto {
  @ApiProperty({
    ...ID_OR_NULL,
    description: 'The oldest contact of the identity. Null after a dry run if it would be a new one.',
    example: 1,
  })
  readonly primaryContactId: number | null;

  @ApiProperty({
    type: [String],
    description: 'Every email, as in `Identity`.',
    example: ['lorraine@hillvalley.edu', 'mcfly@hillvalley.edu'],
  })
  readonly emails: readonly string[];

  @ApiProperty({
    type: [String],
    description: 'Every phone number, as in `Identity`.',
    example: ['123456'],
  })
  readonly phoneNumbers: readonly string[];

  @ApiProperty({
    type: 'array',
    items: ID_OR_NULL,
    description: 'All contacts but the primary, the oldest first. Null stands for a new one after a dry run.',
    example: [23],
  })
  readonly secondaryContactIds: readonly (number | null)[];

  /** @param view ids of newcomers may be provisional, below 0: nobody has drawn them. */
  constructor(view: IdentityView) {
    const { primaryContactId, emails, phoneNumbers, secondaryContactIds } = new IdentityDto(view);
    this.primaryContactId = drawnOrNull(primaryContactId);
    this.emails = emails;
    this.phoneNumbers = phoneNumbers;
    this.secondaryContactIds = secondaryContactIds.map(drawnOrNull);
  }
}

@ApiSchema({ name: 'PlannedIdentityResponse', description: 'One of the identities that a change is about.' })
export class PlannedIdentityResponse {
  @ApiProperty({ type: PlannedIdentityDto })
  readonly contact: PlannedIdentityDto;

  constructor(view: IdentityView) {
    this.contact = new PlannedIdentityDto(view);
  }
}

function drawnOrNull(id: number): number | null {
  return id < 0 ? null : id;
}
