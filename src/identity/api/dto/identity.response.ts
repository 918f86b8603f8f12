import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import type { FieldError } from '../../../http/problems/problem.js';
import { IGNORED_REASONS, type Ignored, type IdentityView } from '../../domain/contact.js';
import { EMAIL, PHONE_NUMBER, type Kinds } from '../../domain/kinds.js';

/** The property `identifiers` of an identity. */
export const IDENTIFIERS = {
  type: 'object',
  additionalProperties: { type: 'array', items: { type: 'string' } },
  selfRequired: false,
  description:
    'Every value of the kinds that the tenant has declared, by kind, in the order of `emails`. Absent if it has declared none.',
  example: { customerId: ['C-1'] },
} as const;

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

  @ApiProperty(IDENTIFIERS)
  readonly identifiers?: Readonly<Record<string, readonly string[]>>;

  constructor({ primaryContactId, values, secondaryContactIds }: IdentityView, kinds: Kinds) {
    this.primaryContactId = primaryContactId;
    this.emails = values.get(EMAIL.name) ?? [];
    this.phoneNumbers = values.get(PHONE_NUMBER.name) ?? [];
    this.secondaryContactIds = secondaryContactIds;
    if (kinds.further.length > 0) {
      this.identifiers = furtherValues(values, kinds);
    }
  }
}

/** What an identity has of the kinds that its tenant declared. A retired kind is left out if there is nothing of it. */
function furtherValues(
  values: IdentityView['values'],
  { further }: Kinds,
): Readonly<Record<string, readonly string[]>> {
  const shown = further.filter(({ name, isRetired }) => !isRetired || values.has(name));
  return Object.fromEntries(shown.map(({ name }) => [name, values.get(name) ?? []]));
}

/** Why policy left out a field, or that it is not valid. */
type IgnoredReason = Ignored['reason'] | 'invalid';

@ApiSchema({
  name: 'Ignored',
  description: 'A field that was left out of a call, so that the rest could be taken.',
})
export class IgnoredDto {
  @ApiProperty({ description: 'The field of the call.', example: 'phoneNumber' })
  readonly field: string;

  @ApiProperty({
    enum: [...IGNORED_REASONS, 'invalid'],
    description:
      '`invalid`: the field is not valid, and the call was sent with `Prefer: handling=lenient`. `blocked`: the value may link nobody. `do-not-link`: a rule keeps the holders of two of the identifiers apart. `limit`: the identity would have grown beyond a limit.',
    example: 'do-not-link',
  })
  readonly reason: IgnoredReason;

  @ApiProperty({
    type: 'integer',
    minimum: 1,
    required: false,
    description:
      'The review of the link that was withheld; see `GET /reviews`. Absent if nobody is asked, and after a dry run if it would be opened.',
    example: 17,
  })
  readonly reviewId?: number;

  constructor(field: string, reason: IgnoredReason, reviewId = 0) {
    this.field = field;
    this.reason = reason;
    // a provisional one is not told
    if (reviewId > 0) {
      this.reviewId = reviewId;
    }
  }
}

/** The answer of `POST /identify` and `GET /contacts/{id}`. */
export class IdentityResponse {
  @ApiProperty({ type: IdentityDto })
  readonly contact: IdentityDto;

  @ApiProperty({
    type: [IgnoredDto],
    required: false,
    description:
      'What was left out of the call; only in answers of `POST /identify`, and only if something was.',
  })
  readonly ignored?: readonly IgnoredDto[];

  /** @param mistakes the fields that are not valid and were left out; absent: none */
  constructor(view: IdentityView, kinds: Kinds, mistakes: readonly FieldError[] = []) {
    this.contact = new IdentityDto(view, kinds);
    if (view.ignored !== undefined || mistakes.length > 0) {
      this.ignored = [
        ...mistakes.map(({ field }) => new IgnoredDto(fieldName(field, kinds), 'invalid')),
        ...(view.ignored ?? []).map(({ kind, reason, reviewId }) => new IgnoredDto(kind, reason, reviewId)),
      ];
    }
  }
}

/** What policy leaves out is named by its kind. */
function fieldName(field: string, { further }: Kinds): string {
  return further.find(({ name }) => field === `identifiers.${name}`)?.name ?? field;
}
