import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayUnique, IsArray, IsInt, IsOptional, Max, Min } from 'class-validator';
import type { Identifier } from '../../domain/contact.js';
import type { Kinds } from '../../domain/kinds.js';
import { readBody } from './read-body.js';
import { GivenIdentifier, readIdentifiers } from './read-identifiers.js';
import type { ReadingOptions } from './read-sighting.js';
import { Reason } from './reason.js';

const MAX_ITEMS = 1_000;
const ID = 'must be a whole number from 1 to 9007199254740991';
const IDS = `each of contactIds ${ID}`;

@ApiSchema({
  name: 'SplitRequest',
  description: 'What is to leave an identity, and why. At least one of identifiers and contactIds.',
})
export class SplitRequest {
  @ApiProperty({
    type: 'integer',
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
    description: 'A contact of the identity, primary or secondary.',
    example: 1,
  })
  @Max(Number.MAX_SAFE_INTEGER, { message: `contactId ${ID}` })
  @Min(1, { message: `contactId ${ID}` })
  @IsInt({ message: `contactId ${ID}` })
  readonly contactId!: number;

  @ApiProperty({
    type: [GivenIdentifier],
    required: false,
    maxItems: MAX_ITEMS,
    description:
      'Identifiers that leave. A contact that has others too stays with these; a contact that has no others leaves.',
    example: [{ kind: 'phoneNumber', value: '123456' }],
  })
  @ArrayMaxSize(MAX_ITEMS, { message: `identifiers must have at most ${MAX_ITEMS} items` })
  @IsArray({ message: 'identifiers must be an array' })
  @IsOptional()
  readonly identifiers?: readonly unknown[] | null;

  @ApiProperty({
    type: 'array',
    items: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
    required: false,
    maxItems: MAX_ITEMS,
    uniqueItems: true,
    description: 'Contacts that leave with all their identifiers; other contacts lose these.',
    example: [23],
  })
  @Max(Number.MAX_SAFE_INTEGER, { each: true, message: IDS })
  @Min(1, { each: true, message: IDS })
  @IsInt({ each: true, message: IDS })
  @ArrayUnique({ message: 'contactIds must not name a contact twice' })
  @ArrayMaxSize(MAX_ITEMS, { message: `contactIds must have at most ${MAX_ITEMS} items` })
  @IsArray({ message: 'contactIds must be an array' })
  @IsOptional()
  readonly contactIds?: readonly number[] | null;

  @Reason()
  readonly reason!: string;
}

/**
 * Reads the body of `POST /splits`; see {@link readBody}. What is left out is empty.
 *
 * @throws {InvalidRequestError} naming each invalid field
 */
export function readSplit(
  body: unknown,
  settings: ReadingOptions,
  kinds: Kinds,
): {
  readonly contactId: number;
  readonly identifiers: readonly Identifier[];
  readonly contactIds: readonly number[];
  readonly reason: string;
} {
  const { contactId, identifiers, contactIds, reason } = readBody(
    SplitRequest,
    body,
    settings.unknownProperties,
  );
  return {
    contactId,
    identifiers: readIdentifiers('identifiers', identifiers ?? [], settings, kinds),
    contactIds: contactIds ?? [],
    reason,
  };
}
