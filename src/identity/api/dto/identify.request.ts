import { ApiProperty, ApiSchema, getSchemaPath } from '@nestjs/swagger';
import { IsEmail, IsNotEmpty, IsString, Matches, MaxLength, ValidateBy, ValidateIf } from 'class-validator';
import { EMAIL_MAX_LENGTH, hasReadableDomain, UNSEEN } from '../../domain/normalise.js';

const NOTHING_GIVEN = 'give email, phoneNumber, or both';
const INVALID_EMAIL = 'email must be a valid email address';
/** Nothing that nobody sees, which would make two identifiers of one. */
export const WELL_FORMED = new RegExp(`^(?!.*${UNSEEN.source})`, 'su');
const isGiven = (value: unknown): boolean => value !== null;

/**
 * The rules for the normalised values of `POST /identify`; `readSighting` applies them. They are checked from the bottom
 * up, and the first that fails is told.
 */
export class IdentifyRequest {
  @ValidateIf((request: IdentifyRequest) => isGiven(request.email) || !isGiven(request.phoneNumber))
  @ValidateBy(
    { name: 'hasReadableDomain', validator: { validate: (email) => hasReadableDomain(email as string) } },
    { message: INVALID_EMAIL },
  )
  @IsEmail({}, { message: INVALID_EMAIL })
  @Matches(WELL_FORMED, { message: INVALID_EMAIL })
  @MaxLength(EMAIL_MAX_LENGTH, { message: `email must have at most ${EMAIL_MAX_LENGTH} characters` })
  @IsString({ message: 'email must be a string' })
  @IsNotEmpty({ message: NOTHING_GIVEN })
  readonly email: unknown;

  @ValidateIf((request: IdentifyRequest) => isGiven(request.phoneNumber) || !isGiven(request.email))
  @Matches(/^(\d{1,15}|\+[1-9]\d{0,14})$/, {
    message: 'phoneNumber must have 1 to 15 digits, and may start with + and a country code',
  })
  @Matches(/^(?!\D*\d.*(?:x|ext|#|;))/is, {
    message: 'phoneNumber must not have an extension: all who share the number before it would be one person',
  })
  @Matches(/^(?!.*\d\.\d)/s, {
    message: 'phoneNumber must not have a fraction: a spreadsheet may have made another number of it',
  })
  @IsString({ message: 'phoneNumber must be a string or an integer' })
  @IsNotEmpty({ message: NOTHING_GIVEN })
  readonly phoneNumber: unknown;

  constructor(email: unknown, phoneNumber: unknown) {
    this.email = email;
    this.phoneNumber = phoneNumber;
  }
}

const EMAIL = {
  type: String,
  format: 'email',
  description:
    'An email address of at most 254 characters. It is trimmed, composed to Unicode NFC and lower-cased, and its domain is read as browsers do. Dots and `+tags` stay, unless the service is set to the rules of Gmail for its addresses. An empty or blank one counts as null.',
  example: 'mcfly@hillvalley.edu',
};
const PHONE_NUMBER = {
  oneOf: [{ type: 'string' }, { type: 'integer' }],
  description:
    'A phone number of 1 to 15 digits, as a string or an integer. Spaces, hyphens, dots, parentheses and slashes are dropped. `+…` and `00…` become E.164, also in a `tel:` link. A national number becomes E.164 if the service has a default country, and keeps its digits otherwise. An empty or blank one counts as null.',
  example: '+1 (555) 010-9999',
};

const IDENTIFIERS = {
  type: 'object' as const,
  additionalProperties: { oneOf: [{ type: 'string' }, { type: 'integer' }, { type: 'null' }] },
  description:
    'Values of the kinds that the tenant has declared, by kind. Each gets the normal form that was declared for its kind. An empty or blank one counts as null. Emails and phone numbers have their own properties.',
  example: { customerId: 'C-1' },
};
const MAY_HAVE_IDENTIFIERS = { ...IDENTIFIERS, selfRequired: false, nullable: true };

// Several schemas, because generators of clients make a type of `anyOf` and know nothing of a rule between properties.

@ApiSchema({ description: 'An email, and what else was given with it.' })
export class IdentifyByEmail {
  @ApiProperty({ ...EMAIL, minLength: 1 })
  readonly email!: string;

  @ApiProperty({ ...PHONE_NUMBER, required: false, nullable: true })
  readonly phoneNumber?: string | number | null;

  @ApiProperty(MAY_HAVE_IDENTIFIERS)
  readonly identifiers?: Readonly<Record<string, string | number | null>> | null;
}

@ApiSchema({ description: 'A phone number, and what else was given with it.' })
export class IdentifyByPhoneNumber {
  @ApiProperty({ ...EMAIL, required: false, nullable: true })
  readonly email?: string | null;

  @ApiProperty({ ...PHONE_NUMBER, oneOf: [{ type: 'string', minLength: 1 }, { type: 'integer' }] })
  readonly phoneNumber!: string | number;

  @ApiProperty(MAY_HAVE_IDENTIFIERS)
  readonly identifiers?: Readonly<Record<string, string | number | null>> | null;
}

@ApiSchema({
  description: 'An identifier of a kind that the tenant has declared, and what else was given with it.',
})
export class IdentifyByIdentifiers {
  @ApiProperty({ ...EMAIL, required: false, nullable: true })
  readonly email?: string | null;

  @ApiProperty({ ...PHONE_NUMBER, required: false, nullable: true })
  readonly phoneNumber?: string | number | null;

  @ApiProperty({ ...IDENTIFIERS, selfRequired: true, minProperties: 1 })
  readonly identifiers!: Readonly<Record<string, string | number | null>>;
}

/** The schemas of the body of a call that takes a sighting: at least one identifier. */
export const SIGHTINGS = [IdentifyByEmail, IdentifyByPhoneNumber, IdentifyByIdentifiers] as const;
export const SIGHTING_BODY = { anyOf: SIGHTINGS.map((type) => ({ $ref: getSchemaPath(type) })) };
export const SIGHTING_EXAMPLES = {
  both: { summary: 'Email and phone', value: { email: 'lorraine@hillvalley.edu', phoneNumber: '123456' } },
  email: { summary: 'Email only', value: { email: 'lorraine@hillvalley.edu', phoneNumber: null } },
  phone: { summary: 'Phone only', value: { phoneNumber: '+1 (555) 010-9999' } },
  customer: {
    summary: 'A customer number, where the tenant has declared the kind `customerId`',
    value: { email: 'lorraine@hillvalley.edu', identifiers: { customerId: 'C-1' } },
  },
};
