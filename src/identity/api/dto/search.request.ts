import { ApiProperty } from '@nestjs/swagger';
import { IsNotEmpty, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { EMAIL_MAX_LENGTH } from '../../domain/normalise.js';
import { PREFIX_MIN_LENGTH } from '../../domain/search.js';

/** The body of `POST /search`. */
export class SearchRequest {
  @ApiProperty({
    type: String,
    minLength: PREFIX_MIN_LENGTH,
    maxLength: EMAIL_MAX_LENGTH,
    description: `How the identifiers begin: at least ${PREFIX_MIN_LENGTH} characters in their normal form. It gets that form as \`POST /identify\` gives it: lower case for emails, separators dropped for phone numbers, what was declared for other kinds. No character is a wildcard.`,
    example: 'mcfly@',
  })
  @Matches(/^[^\p{Cc}\p{Cs}]*$/u, { message: 'prefix must not contain control characters' })
  @MaxLength(EMAIL_MAX_LENGTH, { message: `prefix must have at most ${EMAIL_MAX_LENGTH} characters` })
  @IsNotEmpty({ message: 'prefix must not be empty' })
  @IsString({ message: 'prefix must be a string' })
  readonly prefix!: string;

  @ApiProperty({
    type: String,
    required: false,
    nullable: true,
    description:
      'Search identifiers of this kind alone: `email`, `phoneNumber`, or one that the tenant has declared. Absent: all kinds.',
    example: 'email',
  })
  @IsOptional()
  @IsString({ message: 'kind must be a string' })
  readonly kind?: string | null;
}
