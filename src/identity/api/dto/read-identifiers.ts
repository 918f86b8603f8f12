import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { InvalidRequestError } from '../../../http/problems/problem.errors.js';
import type { FieldError } from '../../../http/problems/problem.js';
import type { Identifier } from '../../domain/contact.js';
import type { Kinds } from '../../domain/kinds.js';
import { UndeclaredKindError } from '../../identity.errors.js';
import type { ReadingOptions } from './read-sighting.js';
import { readValue } from './read-value.js';
import { mistakesOfNames } from './unknown-properties.js';

@ApiSchema({
  name: 'GivenIdentifier',
  description: 'A value that tells customers apart, as a caller has it.',
})
export class GivenIdentifier {
  @ApiProperty({
    description: 'The kind of the value: `email`, `phoneNumber`, or one that the tenant has declared.',
    example: 'email',
  })
  readonly kind!: string;

  @ApiProperty({
    oneOf: [{ type: 'string', minLength: 1 }, { type: 'integer' }],
    description:
      'An email, or a phone number or another value as a string or an integer. Normalised as in `POST /identify`.',
    example: 'mcfly@hillvalley.edu',
  })
  readonly value!: string | number;
}

/**
 * Reads an array of identifiers of a request body, each in its normal form and valid. Retired kinds are taken: what is stored of
 * them may be asked for.
 *
 * @param field the name of the array
 * @throws {InvalidRequestError} naming each invalid part; {@link UndeclaredKindError} if a kind is not among `kinds`
 */
export function readIdentifiers(
  field: string,
  given: readonly unknown[],
  options: ReadingOptions,
  kinds: Kinds,
): Identifier[] {
  const mistakes: FieldError[] = [];
  const identifiers = given.map((each, i) =>
    readIdentifier(`${field}[${i}]`, each, options, kinds, mistakes),
  );
  throwAny(mistakes);
  return identifiers;
}

/** As {@link readIdentifiers}, for a single one. */
export function readOneIdentifier(
  field: string,
  given: unknown,
  options: ReadingOptions,
  kinds: Kinds,
): Identifier {
  const mistakes: FieldError[] = [];
  const identifier = readIdentifier(field, given, options, kinds, mistakes);
  throwAny(mistakes);
  return identifier;
}

function throwAny(mistakes: readonly FieldError[]): void {
  if (mistakes.some(({ field }) => field.endsWith('.kind'))) {
    throw new UndeclaredKindError(mistakes);
  }
  if (mistakes.length > 0) {
    throw new InvalidRequestError(mistakes);
  }
}

/** Reads one; as {@link readIdentifiers}, but adds to a list of mistakes. If it adds one, the result means nothing. */
export function readIdentifier(
  field: string,
  given: unknown,
  options: ReadingOptions,
  kinds: Kinds,
  mistakes: FieldError[],
): Identifier {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    mistakes.push({ field, message: `${field} must be an object with kind and value` });
    return { kind: '', value: '' };
  }
  if (options.unknownProperties === 'reject') {
    const unknown = mistakesOfNames(Object.keys(given), ['kind', 'value']);
    mistakes.push(...unknown.map((mistake) => ({ ...mistake, field: `${field}.${mistake.field}` })));
  }
  const { kind, value } = given as Readonly<Record<string, unknown>>;
  const known = typeof kind === 'string' ? kinds.find(kind) : undefined;
  if (known === undefined) {
    const names = kinds.all.map(({ name }) => name).join(' or ');
    mistakes.push({ field: `${field}.kind`, message: `kind must be ${names}` });
    return { kind: '', value: '' };
  }
  const read = readValue(known, value, options);
  const mistake = 'mistake' in read ? read.mistake : read.value === null ? 'value must not be empty' : null;
  if (mistake !== null) {
    mistakes.push({ field: `${field}.value`, message: mistake });
  }
  return { kind: known.name, value: 'value' in read ? (read.value ?? '') : '' };
}
