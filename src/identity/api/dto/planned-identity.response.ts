import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import type { IdentityView } from '../../domain/contact.js';
import type { Kinds } from '../../domain/kinds.js';
import { IDENTIFIERS, IdentityDto } from './identity.response.js';

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

  @ApiProperty(IDENTIFIERS)
  readonly identifiers?: IdentityDto['identifiers'];

  /** @param view ids of newcomers may be provisional, below 0: nobody has drawn them. */
  constructor(view: IdentityView, kinds: Kinds) {
    const shown = new IdentityDto(view, kinds);
    const { primaryContactId, emails, phoneNumbers, secondaryContactIds } = shown;
    this.primaryContactId = drawnOrNull(primaryContactId);
    this.emails = emails;
    this.phoneNumbers = phoneNumbers;
    this.secondaryContactIds = secondaryContactIds.map(drawnOrNull);
    if (shown.identifiers !== undefined) {
      this.identifiers = shown.identifiers;
    }
  }
}

@ApiSchema({ name: 'PlannedIdentityResponse', description: 'One of the identities that a change is about.' })
export class PlannedIdentityResponse {
  @ApiProperty({ type: PlannedIdentityDto })
  readonly contact: PlannedIdentityDto;

  constructor(view: IdentityView, kinds: Kinds) {
    this.contact = new PlannedIdentityDto(view, kinds);
  }
}

function drawnOrNull(id: number): number | null {
  return id < 0 ? null : id;
}
