import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { IsEmail, IsNotEmpty, IsString, Matches, MaxLength, ValidateIf } from 'class-validator';

const NOTHING_GIVEN = 'give email, phoneNumber, or both';
const INVALID_EMAIL = 'email must be a valid email address';
/** No control character, no lone surrogate, and nothing invisible, which would make two people of one. */
const WELL_FORMED = /^[^\p{Cc}\p{Cs}\p{Cf}]*$/u;
const isGiven = (value: unknown): boolean => value !== null;

/**
 * The body of `POST /identify`. The rules hold for the normalised values; see the pipe beside it. They are checked from
 * the bottom up, and the first that fails is told.
 */
@ApiSchema({ description: 'Identifiers that a customer gave together. At least one must be given.' })
export class IdentifyRequest {
  @ApiProperty({
    type: String,
    required: false,
    nullable: true,
    format: 'email',
    description:
      'An email address of at most 254 characters. Trimmed, brought to Unicode NFC and lower case. Null, absent, empty and blank all mean "not given".',
    example: 'mcfly@hillvalley.edu',
  })
  @ValidateIf((request: IdentifyRequest) => isGiven(request.email) || !isGiven(request.phoneNumber))
  @IsEmail({}, { message: INVALID_EMAIL })
  @Matches(WELL_FORMED, { message: INVALID_EMAIL })
  @MaxLength(254, { message: 'email must have at most 254 characters' })
  @IsString({ message: 'email must be a string' })
  @IsNotEmpty({ message: NOTHING_GIVEN })
  readonly email: unknown;

  @ApiProperty({
    required: false,
    nullable: true,
    oneOf: [{ type: 'string' }, { type: 'integer' }],
    description:
      'A phone number of 1 to 15 digits, as a string or an integer. Spaces, hyphens, dots, parentheses and slashes are dropped. `+…` and `00…` become E.164; a national number does if the service is set up for its country, and stays its digits otherwise. Null, absent, empty and blank all mean "not given".',
    example: '123456',
  })
  @ValidateIf((request: IdentifyRequest) => isGiven(request.phoneNumber) || !isGiven(request.email))
  @Matches(/^(\d{1,15}|\+[1-9]\d{0,14})$/, {
    message: 'phoneNumber must have 1 to 15 digits, and may start with + and a country code',
  })
  @IsString({ message: 'phoneNumber must be a string or an integer' })
  @IsNotEmpty({ message: NOTHING_GIVEN })
  readonly phoneNumber: unknown;

  constructor(email: unknown, phoneNumber: unknown) {
    this.email = email;
    this.phoneNumber = phoneNumber;
  }
}
