import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { IsDefined, IsIn, IsString, ValidateIf } from 'class-validator';
import type { Settings } from '../../../config/settings.js';
import { InvalidRequestError } from '../../../http/problems/problem.errors.js';
import type { FieldError } from '../../../http/problems/problem.js';
import type { BlockRequest } from '../../blocking.service.js';
import { isGlob, readGlob, type GlobRefusal, type Pattern } from '../../domain/blocklist.js';
import type { IdentifierKind, Kinds } from '../../domain/kinds.js';
import { placeholders } from '../../domain/placeholders.js';
import { UndeclaredKindError } from '../../identity.errors.js';
import { readBody } from './read-body.js';
import { readIdentifier } from './read-identifiers.js';
import { OptionalReason, Reason } from './reason.js';

const EXISTING = ['keep', 'split'] as const;
const PRESETS = ['placeholders'] as const;

const hasNoPreset = ({ preset }: BlockedValueRequest): boolean => preset == null;

@ApiSchema({
  name: 'BlockedValueRequest',
  description: 'A value that may not link, or a preset of such values, and why.',
})
export class BlockedValueRequest {
  @ApiProperty({
    type: String,
    required: false,
    description:
      'The kind of the value: `email`, `phoneNumber`, or another kind of the tenant. Required without a preset.',
    example: 'phoneNumber',
  })
  @ValidateIf(hasNoPreset)
  @IsString({ message: 'kind must be a string' })
  readonly kind?: string;

  @ApiProperty({
    oneOf: [{ type: 'string', minLength: 1 }, { type: 'integer' }],
    required: false,
    description:
      'Required without a preset. A value, normalised as in `POST /identify`; or, if it has a `*`, a glob, in which `*` stands for any characters, and which is compared with normalised values. A glob that matches everything is refused.',
    example: '0000000000',
  })
  @ValidateIf(hasNoPreset)
  @IsDefined({ message: 'pattern must not be empty' })
  readonly pattern?: unknown;

  @ApiProperty({
    enum: PRESETS,
    required: false,
    description:
      'Instead of `kind` and `pattern`, a list of values. `placeholders`: what people type where a field must not stay empty, such as `0000000000`, `test@test.com` and `noreply@*`.',
    example: 'placeholders',
  })
  @ValidateIf(({ preset }: BlockedValueRequest) => preset != null)
  @IsIn(PRESETS, { message: 'preset must be placeholders' })
  readonly preset?: (typeof PRESETS)[number] | null;

  @ApiProperty({
    enum: EXISTING,
    description:
      'What becomes of identities that have the value today. `keep`: they keep it, and a lookup finds them by it, but nothing new links by it. `split`: it is taken from every contact, contacts without another value are deleted, and identities that only it held together fall apart.',
    example: 'split',
  })
  @IsIn(EXISTING, { message: 'existing must be keep or split' })
  readonly existing!: BlockRequest['existing'];

  @Reason()
  readonly reason!: string;
}

@ApiSchema({ name: 'DeleteBlockedValueRequest', description: 'Why the value may link again.' })
export class DeleteBlockedValueRequest {
  @OptionalReason()
  readonly reason?: string | null;
}

/**
 * Reads a {@link BlockedValueRequest}.
 *
 * @throws {InvalidRequestError} naming each invalid field
 */
export function readBlockedValue(body: unknown, kinds: Kinds, settings: Settings): BlockRequest {
  const given = readBody(BlockedValueRequest, body, settings.unknownProperties);
  const { kind, pattern, preset, existing, reason } = given;
  if (preset == null) {
    const read = { kind: kind!, pattern: readPattern(kind!, pattern, kinds, settings) };
    return { patterns: [read], existing, reason };
  }
  if (kind != null || pattern != null) {
    throw new InvalidRequestError([
      { field: 'preset', message: 'preset must not come with a kind or a pattern' },
    ]);
  }
  return { patterns: placeholders(), existing, reason };
}

const WHY_REFUSED: Readonly<Record<GlobRefusal, (kind: IdentifierKind) => string>> = {
  malformed: ({ normaliser }) =>
    normaliser === 'phone'
      ? 'pattern must have digits and *, and may start with +'
      : 'pattern must not contain control or invisible characters',
  'too-long': ({ maxLength }) => `pattern must have at most ${maxLength} characters`,
  'matches-everything': () => 'pattern must not match everything',
  'matches-every-mailbox': () =>
    'pattern must not match every mailbox of Gmail: neither dots nor what follows a + tell them apart',
};

/**
 * Reads a value or a glob of a kind.
 *
 * @throws {InvalidRequestError} naming `kind` or `pattern`; {@link UndeclaredKindError} if there is no such kind
 */
export function readPattern(
  kind: string,
  given: unknown,
  kinds: Kinds,
  settings: Settings,
): Pattern['pattern'] {
  const known = kinds.find(kind);
  if (known !== undefined && typeof given === 'string' && isGlob(given)) {
    const glob = readGlob(known, given, settings);
    if (typeof glob !== 'string') {
      throw new InvalidRequestError([{ field: 'pattern', message: WHY_REFUSED[glob.refused](known) }]);
    }
    return glob;
  }
  const mistakes: FieldError[] = [];
  const { value } = readIdentifier('given', { kind, value: given }, settings, kinds, mistakes);
  if (mistakes.length > 0) {
    const MistakeError = known === undefined ? UndeclaredKindError : InvalidRequestError;
    throw new MistakeError(
      mistakes.map(({ field, message }) =>
        field === 'given.kind'
          ? { field: 'kind', message }
          : { field: 'pattern', message: message.replace(/^\w+/, 'pattern') },
      ),
    );
  }
  return value;
}
