import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { IsIn, IsInt, IsOptional, Max, Min } from 'class-validator';
import type { Settings } from '../../../config/settings.js';
import { InvalidRequestError } from '../../../http/problems/problem.errors.js';
import type { Identifier } from '../../domain/contact.js';
import type { Kinds } from '../../domain/kinds.js';
import { ERASURE_SCOPES, type ErasureScope } from '../../domain/writes.js';
import type { ErasureRequest as Erasing } from '../../erasure.service.js';
import { readBody } from './read-body.js';
import { GivenIdentifier, readOneIdentifier } from './read-identifiers.js';
import { Reason } from './reason.js';

const ID = 'contactId must be a whole number from 1 to 9007199254740991';
const SCOPE = `scope must be ${ERASURE_SCOPES.join(' or ')}`;
const DAYS_MAX = 36_500;
const DAYS = `blockedForDays must be a whole number from 0 to ${DAYS_MAX}`;

const CONTACT_ID = {
  type: 'integer',
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  required: false,
  description: 'A contact of the identity, primary or secondary, live or deleted.',
  example: 1,
} as const;

/** A contact of the person, if it is not an identifier that names them. */
function SomeContactId(): PropertyDecorator {
  return applyDecorators(
    ApiProperty(CONTACT_ID),
    IsOptional(),
    IsInt({ message: ID }),
    Min(1, { message: ID }),
    Max(Number.MAX_SAFE_INTEGER, { message: ID }),
  );
}

@ApiSchema({
  name: 'ErasureRequest',
  description: 'What to erase, and why. One of contactId and identifier.',
})
export class ErasureRequest {
  @SomeContactId()
  readonly contactId?: number | null;

  @ApiProperty({
    type: GivenIdentifier,
    required: false,
    description: 'An identifier: of the identity that has it, or to be erased wherever it is.',
  })
  @IsOptional()
  readonly identifier?: unknown;

  @ApiProperty({
    enum: ERASURE_SCOPES,
    description:
      '`identity`: all contacts of the identity, and the identifiers that no other identity has. `identifier`: the identifier alone, wherever it is; contacts that have nothing else are removed.',
    example: 'identity',
  })
  @IsIn(ERASURE_SCOPES, { message: SCOPE })
  readonly scope!: ErasureScope;

  @ApiProperty({
    type: 'integer',
    minimum: 0,
    maximum: DAYS_MAX,
    required: false,
    default: 0,
    description:
      'How long `POST /identify` refuses the identifiers. 0: whoever comes back is a stranger, and is welcome at once.',
    example: 0,
  })
  @Max(DAYS_MAX, { message: DAYS })
  @Min(0, { message: DAYS })
  @IsInt({ message: DAYS })
  @IsOptional()
  readonly blockedForDays?: number | null;

  @Reason()
  readonly reason!: string;
}

@ApiSchema({
  name: 'SubjectAccessRequest',
  description: 'Whose data is asked for. One of contactId and identifier.',
})
export class SubjectAccessRequest {
  @SomeContactId()
  readonly contactId?: number | null;

  @ApiProperty({
    type: GivenIdentifier,
    required: false,
    description: 'An identifier of the identity.',
  })
  @IsOptional()
  readonly identifier?: unknown;
}

/** A contact or an identifier; the other one is null. */
export interface Subject {
  readonly contactId: number | null;
  readonly identifier: Identifier | null;
}

/**
 * Reads an {@link ErasureRequest}.
 *
 * @throws {InvalidRequestError} naming each invalid field
 */
export function readErasure(body: unknown, settings: Settings, kinds: Kinds): Erasing {
  const request = readBody(ErasureRequest, body, settings.unknownProperties);
  const { scope, blockedForDays, reason } = request;
  const subject = subjectOf(request, settings, kinds);
  if (scope === 'identifier' && subject.identifier === null) {
    throw new InvalidRequestError([
      { field: 'identifier', message: 'identifier must be given with the scope identifier' },
    ]);
  }
  return { ...subject, scope, blockedForDays: blockedForDays ?? 0, reason };
}

/**
 * Reads a {@link SubjectAccessRequest}.
 *
 * @throws {InvalidRequestError} naming each invalid field
 */
export function readSubject(body: unknown, settings: Settings, kinds: Kinds): Subject {
  return subjectOf(readBody(SubjectAccessRequest, body, settings.unknownProperties), settings, kinds);
}

function subjectOf(
  { contactId = null, identifier = null }: Pick<ErasureRequest, 'contactId' | 'identifier'>,
  settings: Settings,
  kinds: Kinds,
): Subject {
  if ((contactId === null) === (identifier === null)) {
    throw new InvalidRequestError([
      { field: 'contactId', message: 'one of contactId and identifier must be given, and not both' },
    ]);
  }
  return {
    contactId,
    identifier: identifier === null ? null : readOneIdentifier('identifier', identifier, settings, kinds),
  };
}
