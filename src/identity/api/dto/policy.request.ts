import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import {
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Max,
  Min,
  ValidateIf,
} from 'class-validator';
import type { UnknownProperties } from '../../../config/settings.js';
import { InvalidRequestError } from '../../../http/problems/problem.errors.js';
import type { FieldError } from '../../../http/problems/problem.js';
import { NORMALISERS, type Normaliser } from '../../domain/kinds.js';
import { DEFAULT_MAX_CONTACTS } from '../../domain/policy.js';
import {
  DEFAULT_PRIORITY,
  FURTHER_KINDS_MAX,
  KIND_MAX_LENGTH,
  KIND_NAME,
  type WantedKind,
  type WantedPolicy,
} from '../../domain/revise-policy.js';
import { readBody } from './read-body.js';
import { OptionalReason } from './reason.js';

const LIMIT_MAX = 1_000_000;
const PRIORITY_MAX = 1_000;
const IS_LIMIT = `must be a whole number from 1 to ${LIMIT_MAX.toLocaleString('en-US')}, or null for no limit`;
const IS_PRIORITY = `priority must be a whole number from 1 to ${PRIORITY_MAX}`;
const IS_LENGTH = `maxLength must be a whole number from 1 to ${KIND_MAX_LENGTH}`;
const IS_NAME = 'name must have 1 to 63 letters and digits of ASCII, and begin with a lower-case letter';

@ApiSchema({ name: 'GivenKind', description: 'A kind of identifiers as a policy is to have it.' })
export class GivenKind {
  @ApiProperty({
    type: String,
    pattern: KIND_NAME.source,
    description: 'As bodies and columns spell it. It can’t be changed.',
    example: 'customerId',
  })
  @Matches(KIND_NAME, { message: IS_NAME })
  @IsString({ message: IS_NAME })
  readonly name!: string;

  @ApiProperty({
    enum: NORMALISERS,
    required: false,
    description:
      'How values get their normal form; by default `trim`. It can’t be changed, because stored values have that form.',
    example: 'trim',
  })
  @IsOptional()
  @IsIn(NORMALISERS, {
    message: `normaliser must be ${NORMALISERS.join(', ').replace(/, (\w+)$/, ' or $1')}`,
  })
  readonly normaliser?: Normaliser | null;

  @ApiProperty({
    type: 'integer',
    minimum: 1,
    maximum: PRIORITY_MAX,
    required: false,
    description: `A lower number is stronger. By default ${DEFAULT_PRIORITY}; 20 for emails and 30 for phone numbers.`,
    example: 10,
  })
  @IsOptional()
  @Max(PRIORITY_MAX, { message: IS_PRIORITY })
  @Min(1, { message: IS_PRIORITY })
  @IsInt({ message: IS_PRIORITY })
  readonly priority?: number | null;

  @ApiProperty({
    type: Boolean,
    required: false,
    description: 'Whether two values are never one person’s. By default false.',
    example: true,
  })
  @IsOptional()
  @IsBoolean({ message: 'onePerIdentity must be true or false' })
  readonly onePerIdentity?: boolean | null;

  @ApiProperty({
    oneOf: [{ type: 'integer', minimum: 1, maximum: LIMIT_MAX }, { type: 'null' }],
    required: false,
    description: 'How many values an identity may have. Null, the default: any number.',
    example: null,
  })
  @IsOptional()
  @Max(LIMIT_MAX, { message: `maxPerIdentity ${IS_LIMIT}` })
  @Min(1, { message: `maxPerIdentity ${IS_LIMIT}` })
  @IsInt({ message: `maxPerIdentity ${IS_LIMIT}` })
  readonly maxPerIdentity?: number | null;

  @ApiProperty({
    type: 'integer',
    minimum: 1,
    maximum: KIND_MAX_LENGTH,
    required: false,
    description: `Characters that a value may have. By default ${KIND_MAX_LENGTH}, or as it is. It can grow and not shrink.`,
    example: 64,
  })
  @IsOptional()
  @Max(KIND_MAX_LENGTH, { message: IS_LENGTH })
  @Min(1, { message: IS_LENGTH })
  @IsInt({ message: IS_LENGTH })
  readonly maxLength?: number | null;

  @ApiProperty({
    type: Boolean,
    required: false,
    description: 'Whether new calls may not name it any more. What is stored stays. By default false.',
    example: false,
  })
  @IsOptional()
  @IsBoolean({ message: 'retired must be true or false' })
  readonly retired?: boolean | null;
}

@ApiSchema({ name: 'PolicyRequest', description: 'The limits and kinds that the policy is to have.' })
export class PolicyRequest {
  @ApiProperty({
    oneOf: [{ type: 'integer', minimum: 1, maximum: LIMIT_MAX }, { type: 'null' }],
    required: false,
    description: `Contacts that an identity may grow to; null: any number. By default ${DEFAULT_MAX_CONTACTS.toLocaleString('en-US')}.`,
    example: 500,
  })
  @ValidateIf(({ maxContacts }: PolicyRequest) => maxContacts !== undefined && maxContacts !== null)
  @Max(LIMIT_MAX, { message: `maxContacts ${IS_LIMIT}` })
  @Min(1, { message: `maxContacts ${IS_LIMIT}` })
  @IsInt({ message: `maxContacts ${IS_LIMIT}` })
  readonly maxContacts?: number | null;

  @ApiProperty({
    type: [GivenKind],
    required: false,
    description: `All kinds that were declared, with their changes, and new ones: at most ${FURTHER_KINDS_MAX} beside \`email\` and \`phoneNumber\`, which stay as they are if they are absent. What is absent of a kind gets its default.`,
  })
  @IsOptional()
  @IsArray({ message: 'kinds must be an array' })
  readonly kinds?: readonly unknown[] | null;

  @OptionalReason()
  readonly reason?: string | null;
}

/** A policy as a caller wants it, and why. */
export interface PolicyBody {
  readonly wanted: WantedPolicy;
  readonly reason: string | null;
}

/**
 * Reads a {@link PolicyRequest}.
 *
 * @throws {InvalidRequestError} naming each invalid field
 */
export function readPolicy(body: unknown, unknownProperties: UnknownProperties): PolicyBody {
  const { maxContacts, kinds, reason } = readBody(PolicyRequest, body, unknownProperties);
  const mistakes: FieldError[] = [];
  const wanted = (kinds ?? []).flatMap((each, i) =>
    readKind(`kinds[${i}]`, each, unknownProperties, mistakes),
  );
  if (mistakes.length > 0) {
    throw new InvalidRequestError(mistakes);
  }
  return {
    wanted: {
      maxContacts: maxContacts === undefined ? DEFAULT_MAX_CONTACTS : (maxContacts ?? Infinity),
      kinds: wanted,
    },
    reason: reason ?? null,
  };
}

/** @returns empty if it is not valid; then `mistakes` tells why */
function readKind(
  field: string,
  given: unknown,
  unknownProperties: UnknownProperties,
  mistakes: FieldError[],
): WantedKind[] {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    mistakes.push({ field, message: `${field} must be an object with a name` });
    return [];
  }
  try {
    const kind = readBody(GivenKind, given, unknownProperties);
    return [
      {
        name: kind.name,
        normaliser: kind.normaliser ?? undefined,
        maxLength: kind.maxLength ?? undefined,
        priority: kind.priority ?? undefined,
        onePerIdentity: kind.onePerIdentity ?? false,
        maxPerIdentity: kind.maxPerIdentity ?? null,
        isRetired: kind.retired ?? false,
      },
    ];
  } catch (error) {
    if (!(error instanceof InvalidRequestError)) {
      throw error;
    }
    mistakes.push(...error.errors.map((each) => ({ ...each, field: `${field}.${each.field}` })));
    return [];
  }
}
