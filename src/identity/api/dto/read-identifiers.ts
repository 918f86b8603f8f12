import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { InvalidRequestError } from '../../../http/problems/problem.errors.js';
import type { FieldError } from '../../../http/problems/problem.js';
import type { Identifier } from '../../domain/contact.js';
import { EMAIL, STANDARD_KINDS } from '../../domain/kinds.js';
import { IdentifyRequest } from './identify.request.js';
import { mistakesOf } from './read-body.js';
import { readEmail, readPhone, type ReadingOptions } from './read-sighting.js';
import { mistakesOfNames } from './unknown-properties.js';

const KINDS = STANDARD_KINDS.all.map(({ name }) => name);

@ApiSchema({
  name: 'GivenIdentifier',
  description: 'A value that tells customers apart, as a caller has it.',
})
export class GivenIdentifier {
  @ApiProperty({ enum: KINDS, description: 'The kind of the value.', example: 'email' })
  readonly kind!: string;

  @ApiProperty({
    oneOf: [{ type: 'string', minLength: 1 }, { type: 'integer' }],
    description: 'An email, or a phone number as a string or an integer. Normalised as in `POST /identify`.',
    example: 'mcfly@hillvalley.edu',
  })
  readonly value!: string | number;
}

/**
 * Reads an array of identifiers of a request body, each in its normal form and valid.
 *
 * @param field the name of the array
 * @throws {InvalidRequestError} naming each invalid part
 */
export function readIdentifiers(
  field: string,
  given: readonly unknown[],
  options: ReadingOptions,
): Identifier[] {
  const mistakes: FieldError[] = [];
  const identifiers = given.map((each, i) => readIdentifier(`${field}[${i}]`, each, options, mistakes));
  if (mistakes.length > 0) {
    throw new InvalidRequestError(mistakes);
  }
  return identifiers;
}

/** As {@link readIdentifiers}, for a single one. */
export function readOneIdentifier(field: string, given: unknown, options: ReadingOptions): Identifier {
  const mistakes: FieldError[] = [];
  const identifier = readIdentifier(field, given, options, mistakes);
  if (mistakes.length > 0) {
    throw new InvalidRequestError(mistakes);
  }
  return identifier;
}

/** Reads one; as {@link readIdentifiers}, but adds to a list of mistakes. If it adds one, the result means nothing. */
export function readIdentifier(
  field: string,
  given: unknown,
  { defaultPhoneRegion, unknownProperties }: ReadingOptions,
  mistakes: FieldError[],
): Identifier {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    mistakes.push({ field, message: `${field} must be an object with kind and value` });
    return { kind: '', value: '' };
  }
  if (unknownProperties === 'reject') {
    const unknown = mistakesOfNames(Object.keys(given), ['kind', 'value']);
    mistakes.push(...unknown.map((mistake) => ({ ...mistake, field: `${field}.${mistake.field}` })));
  }
  const { kind, value } = given as Readonly<Record<string, unknown>>;
  const known = KINDS.find((each) => each === kind);
  if (known === undefined) {
    mistakes.push({ field: `${field}.kind`, message: `kind must be ${KINDS.join(' or ')}` });
    return { kind: '', value: '' };
  }
  const isEmail = known === EMAIL.name;
  const normal = isEmail ? readEmail(value) : readPhone(value, defaultPhoneRegion);
  const [mistake] =
    normal === null
      ? [{ message: 'value must not be empty' }]
      : mistakesOf(isEmail ? new IdentifyRequest(normal, null) : new IdentifyRequest(null, normal));
  if (mistake !== undefined) {
    mistakes.push({ field: `${field}.value`, message: mistake.message });
  }
  return { kind: known, value: normal as string };
}
