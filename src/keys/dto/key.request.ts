import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import {
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import type { UnknownProperties } from '../../config/settings.js';
import { InvalidRequestError } from '../../http/problems/problem.errors.js';
import { readMoment } from '../../identity/api/dto/moment.js';
import { OptionalReason } from '../../identity/api/dto/reason.js';
import { readBody } from '../../identity/api/dto/read-body.js';
import type { KeyTerms } from '../keys.service.js';
import { DEFAULT_SCOPES, SCOPES, type Scope } from '../../access/scope.js';

const NAME_MAX = 100;
const CALLS_MAX = 1_000_000_000;
const DAY_S = 86_400;
const OVERLAP_MAX_S = 30 * DAY_S;
const IS_NAME = `name must have 1 to ${NAME_MAX} characters, none of them a control character`;
const IS_SCOPES = `scopes must be an array of ${SCOPES.join(', ')}`;
const IS_CALLS = `callsPerMinute must be a whole number from 1 to ${CALLS_MAX}`;
const IS_OVERLAP = `overlapSeconds must be a whole number from 0 to ${OVERLAP_MAX_S}`;

@ApiSchema({ name: 'KeyRequest', description: 'A key that is to be made.' })
export class KeyRequest {
  @ApiProperty({
    minLength: 1,
    maxLength: NAME_MAX,
    description: 'Whose it is, or what for. It is recorded with what the key changes.',
    example: 'crm',
  })
  @Matches(/^(?!\s*$)[^\p{Cc}\p{Cf}\p{Cs}]+$/u, { message: IS_NAME })
  @MaxLength(NAME_MAX, { message: IS_NAME })
  @IsString({ message: IS_NAME })
  readonly name!: string;

  @ApiProperty({
    type: 'array',
    items: { type: 'string', enum: [...SCOPES] },
    required: false,
    uniqueItems: true,
    minItems: 1,
    default: [...DEFAULT_SCOPES],
    description: 'What it may do. `admin` allows everything, and making keys.',
    example: ['identify', 'read'],
  })
  @IsOptional()
  @IsIn(SCOPES, { each: true, message: IS_SCOPES })
  @ArrayUnique({ message: 'scopes must not repeat a scope' })
  @ArrayMinSize(1, { message: IS_SCOPES })
  @IsArray({ message: IS_SCOPES })
  readonly scopes?: readonly Scope[] | null;

  @ApiProperty({
    type: 'string',
    format: 'date-time',
    nullable: true,
    required: false,
    description: 'When it ends, in ISO 8601 with a zone. Null or absent: never.',
    example: '2027-11-25T00:00:00Z',
  })
  @IsOptional()
  @IsString({ message: 'expiresAt must be a time in ISO 8601 with a zone' })
  readonly expiresAt?: string | null;

  @ApiProperty({
    type: 'integer',
    minimum: 1,
    maximum: CALLS_MAX,
    nullable: true,
    required: false,
    description:
      'How many calls it may make in a minute, at most as many as the key that makes it. Null or absent: as many as that.',
    example: 600,
  })
  @IsOptional()
  @Max(CALLS_MAX, { message: IS_CALLS })
  @Min(1, { message: IS_CALLS })
  @IsInt({ message: IS_CALLS })
  readonly callsPerMinute?: number | null;

  @OptionalReason()
  readonly reason?: string | null;
}

@ApiSchema({ name: 'RotateKeyRequest', description: 'How a key is to be rotated.' })
export class RotateKeyRequest {
  @ApiProperty({
    type: 'integer',
    minimum: 0,
    maximum: OVERLAP_MAX_S,
    nullable: true,
    required: false,
    default: DAY_S,
    description:
      'For how many seconds the old key still works, unless it ends before. At least 300 for the key that makes the call.',
    example: 3600,
  })
  @IsOptional()
  @Max(OVERLAP_MAX_S, { message: IS_OVERLAP })
  @Min(0, { message: IS_OVERLAP })
  @IsInt({ message: IS_OVERLAP })
  readonly overlapSeconds?: number | null;

  @OptionalReason()
  readonly reason?: string | null;
}

@ApiSchema({ name: 'RevokeKeyRequest', description: 'Why the key is revoked.' })
export class RevokeKeyRequest {
  @OptionalReason()
  readonly reason?: string | null;
}

/** Reads a {@link KeyRequest}. @throws {InvalidRequestError} naming each invalid field */
export function readKey(
  body: unknown,
  unknownProperties: UnknownProperties,
): { readonly terms: KeyTerms; readonly reason: string | null } {
  const { name, scopes, expiresAt, callsPerMinute, reason } = readBody(KeyRequest, body, unknownProperties);
  const terms = {
    name,
    scopes: scopes ?? DEFAULT_SCOPES,
    expiresAt: readMoment('expiresAt', expiresAt ?? undefined),
    callsPerMinute: callsPerMinute ?? null,
  };
  return { terms, reason: reason ?? null };
}

/** Reads a {@link RotateKeyRequest}. @throws {InvalidRequestError} naming each invalid field */
export function readRotation(
  body: unknown,
  unknownProperties: UnknownProperties,
): { readonly overlapSeconds: number; readonly reason: string | null } {
  const { overlapSeconds, reason } = readBody(RotateKeyRequest, body, unknownProperties);
  return { overlapSeconds: overlapSeconds ?? DAY_S, reason: reason ?? null };
}

/** Reads a {@link RevokeKeyRequest}. @throws {InvalidRequestError} naming each invalid field */
export function readRevocation(body: unknown, unknownProperties: UnknownProperties): string | null {
  return readBody(RevokeKeyRequest, body, unknownProperties).reason ?? null;
}

/** Reads the id of a key from the path. The secret of a whole key that is sent instead gets into no answer. */
export function readKeyId(text: string): string {
  if (!/^[a-z0-9]{12}$/.test(text)) {
    throw new InvalidRequestError([
      { field: 'id', message: 'id must be the id of a key: 12 lower-case letters and digits' },
    ]);
  }
  return text;
}
