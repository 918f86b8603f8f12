import { ApiProperty, ApiSchema, getSchemaPath } from '@nestjs/swagger';
import type { IdentityView } from '../../domain/contact.js';
import type { Outcome } from '../../domain/batch.js';
import { IdentityDto, IdentityResponse, IgnoredDto } from './identity.response.js';

@ApiSchema({ name: 'PreviewedIdentity', description: 'An identity as it would be.' })
export class PreviewedIdentityDto {
  @ApiProperty({
    oneOf: [{ type: 'integer', minimum: 1 }, { type: 'null' }],
    description: 'The oldest contact of the identity; null: the call would create it.',
    example: 1,
  })
  readonly primaryContactId: number | null;

  @ApiProperty({
    type: [String],
    description: 'Every email, as in the answer of the call.',
    example: ['lorraine@hillvalley.edu', 'mcfly@hillvalley.edu'],
  })
  readonly emails: readonly string[];

  @ApiProperty({
    type: [String],
    description: 'Every phone number, as in the answer of the call.',
    example: ['123456'],
  })
  readonly phoneNumbers: readonly string[];

  @ApiProperty({
    type: 'array',
    items: { oneOf: [{ type: 'integer', minimum: 1 }, { type: 'null' }] },
    description: 'All contacts but the primary, the oldest first; null: the call would create it.',
    example: [23, null],
  })
  readonly secondaryContactIds: readonly (number | null)[];

  constructor(view: IdentityView) {
    const { primaryContactId, emails, phoneNumbers, secondaryContactIds } = new IdentityDto(view);
    this.primaryContactId = drawn(primaryContactId);
    this.emails = emails;
    this.phoneNumbers = phoneNumbers;
    this.secondaryContactIds = secondaryContactIds.map(drawn);
  }
}

@ApiSchema({ name: 'IdentifyDryRun', description: 'What a call would do, and answer.' })
export class IdentifyDryRunResponse {
  @ApiProperty({ type: PreviewedIdentityDto })
  readonly contact: PreviewedIdentityDto;

  @ApiProperty({
    enum: ['created', 'linked', 'merged', 'unchanged'],
    description:
      '`created`: a new identity. `linked`: a new contact of a known one. `merged`: several identities would become one. `unchanged`: nothing would be written.',
    example: 'linked',
  })
  readonly outcome: Outcome;

  @ApiProperty({
    type: [IgnoredDto],
    required: false,
    description: 'What would be left out of the call; only if something would.',
  })
  readonly ignored?: readonly IgnoredDto[];

  constructor({ view, outcome }: { readonly view: IdentityView; readonly outcome: Outcome }) {
    this.contact = new PreviewedIdentityDto(view);
    this.outcome = outcome;
    const { ignored } = new IdentityResponse(view);
    if (ignored !== undefined) {
      this.ignored = ignored;
    }
  }
}

export const IDENTIFY_ANSWERS = [IdentityResponse, IdentifyDryRunResponse] as const;
/** Not `oneOf`: what a dry run answers about known contacts has the form of both. */
export const IDENTIFY_SCHEMA = {
  anyOf: IDENTIFY_ANSWERS.map((type) => ({ $ref: getSchemaPath(type) })),
};

/** A provisional id stands for a contact that would be created. */
function drawn(id: number): number | null {
  return id < 0 ? null : id;
}
