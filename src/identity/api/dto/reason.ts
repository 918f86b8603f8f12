import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { IsNotEmpty, IsOptional, IsString, Matches, MaxLength } from 'class-validator';

const MAX_LENGTH = 500;
const REASON = {
  type: String,
  minLength: 1,
  maxLength: MAX_LENGTH,
  description:
    'Why the change is made: 1 to 500 characters after trimming, in one line. It is recorded; put no identifiers in it.',
  example: 'The customer called: both are her addresses',
};
const RULES = [
  IsString({ message: `reason must be a string of 1 to ${MAX_LENGTH} characters` }),
  IsNotEmpty({ message: 'reason must not be empty' }),
  MaxLength(MAX_LENGTH, { message: `reason must have at most ${MAX_LENGTH} characters` }),
  Matches(/^[^\p{Cc}\p{Cs}]*$/u, { message: 'reason must not contain control characters' }),
];

/** Why a change is made. */
export function Reason(): PropertyDecorator {
  return applyDecorators(ApiProperty(REASON), ...RULES);
}

/** As {@link Reason}, where none has to be given. */
export function OptionalReason(): PropertyDecorator {
  return applyDecorators(ApiProperty({ ...REASON, required: false }), IsOptional(), ...RULES);
}
