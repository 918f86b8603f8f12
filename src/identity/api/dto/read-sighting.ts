import type { UnknownProperties } from '../../../config/settings.js';
import { InvalidRequestError } from '../../../http/problems/problem.errors.js';
import type { FieldError } from '../../../http/problems/problem.js';
import type { Sighting } from '../../domain/contact.js';
import { EMAIL, PHONE_NUMBER, type Kinds } from '../../domain/kinds.js';
import type { NormalForms } from '../../domain/normalise.js';
import { UndeclaredKindError } from '../../identity.errors.js';
import { IdentifyRequest } from './identify.request.js';
import { mistakesOf } from './read-body.js';
import { readEmail, readPhone, readValue } from './read-value.js';
import { mistakesOfNames } from './unknown-properties.js';

/** Normal forms that are certainly valid. Not all valid values match, but nearly all that arrive do. */
const PLAIN_EMAIL = /^[a-z0-9]+(?:[._+-][a-z0-9]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,}$/;
const PLAIN_EMAIL_MAX = 60;
const PLAIN_PHONE = /^\+?[1-9]\d{0,13}$/;

/** What is left when what is at fault is left out. */
type GivenValues = Record<'email' | 'phoneNumber', string | null>;

const KNOWN = ['email', 'phoneNumber', 'identifiers'];
const STANDARD: ReadonlySet<string> = new Set([EMAIL.name, PHONE_NUMBER.name]);

export interface ReadingOptions extends NormalForms {
  readonly unknownProperties: UnknownProperties;
}

export interface SightingOptions {
  /** Whether retired kinds are taken too: they may be asked for, but not brought. */
  readonly withRetired: boolean;
}

const NONE_RETIRED: SightingOptions = { withRetired: false };

/** What is good of a sighting, and what is not. */
export interface GoodPart {
  /** May have no identifiers */
  readonly sighting: Sighting;
  /** The fields that were left out, or that are missing; empty: none */
  readonly mistakes: readonly FieldError[];
  /** Whether one of them names a kind that is not declared, or retired */
  readonly isUndeclared: boolean;
}

const NO_MISTAKES: readonly FieldError[] = [];

/**
 * Reads a sighting from a request body: normalises it and then validates the result, so that both happen once and here.
 *
 * Nest's ValidationPipe is not used: it would visit the whole body, unknown properties too, and its transformations can't see
 * the settings. A pipe would cost three promises per call.
 *
 * @throws {InvalidRequestError} naming each invalid field; {@link UndeclaredKindError} if a kind is not among `kinds`
 */
export function readSighting(
  body: unknown,
  options: ReadingOptions,
  kinds: Kinds,
  taken: SightingOptions = NONE_RETIRED,
): Sighting {
  const { sighting, mistakes, isUndeclared } = readGoodPart(body, options, kinds, taken);
  if (isUndeclared) {
    throw new UndeclaredKindError(mistakes);
  }
  if (mistakes.length > 0) {
    throw new InvalidRequestError(mistakes);
  }
  return sighting;
}

/**
 * Reads a sighting as {@link readSighting} does, but leaves out the fields that are not valid.
 *
 * @throws {InvalidRequestError} if the body is no object
 */
export function readGoodPart(
  body: unknown,
  options: ReadingOptions,
  kinds: Kinds,
  { withRetired }: SightingOptions = NONE_RETIRED,
): GoodPart {
  const given = requireObject(body);
  const email = readEmail(given.email, options);
  const phoneNumber = readPhone(given.phoneNumber, options);
  if (isQuicklyRead(given, email, phoneNumber, options)) {
    const identifiers = kinds.identifiersOf({ email, phoneNumber } as GivenValues);
    return { sighting: { identifiers }, mistakes: NO_MISTAKES, isUndeclared: false };
  }
  const { further, mistakes } = judge(given, { email, phoneNumber }, options, kinds, withRetired);
  const good = (name: string, value: unknown): unknown =>
    mistakes.some(({ field }) => field === name) ? null : value;
  const identifiers = kinds.identifiersOf({
    ...Object.fromEntries(further.values),
    email: good('email', email),
    phoneNumber: good('phoneNumber', phoneNumber),
  } as GivenValues);
  return { sighting: { identifiers }, mistakes, isUndeclared: further.isUndeclared };
}

function requireObject(body: unknown): Record<string, unknown> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new InvalidRequestError([{ field: 'body', message: 'the body must be a JSON object' }]);
  }
  return body as Record<string, unknown>;
}

function isStrict({ unknownProperties }: ReadingOptions): boolean {
  return unknownProperties === 'reject';
}

/** All that is wrong with a body. @param standard the normal forms of its email and phone number */
function judge(
  given: Readonly<Record<string, unknown>>,
  { email, phoneNumber }: { readonly email: unknown; readonly phoneNumber: unknown },
  options: ReadingOptions,
  kinds: Kinds,
  withRetired: boolean,
): { readonly further: Further; readonly mistakes: readonly FieldError[] } {
  const further = readFurther(given.identifiers ?? null, options, kinds, withRetired);
  const mistakes = [
    ...(isStrict(options) ? mistakesOfNames(Object.keys(given), KNOWN) : []),
    ...mistakesOfStandard(email, phoneNumber, further, kinds),
    ...further.mistakes,
  ];
  return { further, mistakes };
}

/** class-validator takes 6 µs, this takes less than 1. */
function isQuicklyRead(
  { identifiers }: Readonly<Record<string, unknown>>,
  email: unknown,
  phoneNumber: unknown,
  options: ReadingOptions,
): boolean {
  return (identifiers ?? null) === null && !isStrict(options) && isPlain(email, phoneNumber);
}

function isPlain(email: unknown, phoneNumber: unknown): boolean {
  const isPlainEmail =
    email === null ||
    (typeof email === 'string' && email.length <= PLAIN_EMAIL_MAX && PLAIN_EMAIL.test(email));
  const isPlainPhone =
    phoneNumber === null || (typeof phoneNumber === 'string' && PLAIN_PHONE.test(phoneNumber));
  return isPlainEmail && isPlainPhone && (email !== null || phoneNumber !== null);
}

/** What was given of the kinds that a tenant declares. */
interface Further {
  /** By kind */
  readonly values: ReadonlyMap<string, string>;
  readonly mistakes: readonly FieldError[];
  /** Whether a kind is not declared, or retired */
  readonly isUndeclared: boolean;
}

function readFurther(others: unknown, options: ReadingOptions, kinds: Kinds, withRetired: boolean): Further {
  const values = new Map<string, string>();
  const mistakes: FieldError[] = [];
  const undeclared: string[] = [];
  if (others !== null && (typeof others !== 'object' || Array.isArray(others))) {
    mistakes.push({ field: 'identifiers', message: 'identifiers must be an object of values by kind' });
    return { values, mistakes, isUndeclared: false };
  }
  const declared = kinds.further.filter(({ isRetired }) => withRetired || !isRetired).map(({ name }) => name);
  let isRetired = false;
  for (const [name, given] of Object.entries(others ?? {})) {
    const field = `identifiers.${name}`;
    const kind = kinds.find(name);
    if (STANDARD.has(name)) {
      mistakes.push({ field, message: `${name} belongs beside identifiers, not into it` });
    } else if (kind === undefined) {
      undeclared.push(name);
    } else {
      const read = readValue(kind, given, options);
      if ('mistake' in read) {
        mistakes.push({ field, message: read.mistake });
      } else if (read.value !== null && !declared.includes(name)) {
        isRetired = true;
        mistakes.push({ field, message: `${name} is retired: no new values are taken` });
      } else if (read.value !== null) {
        values.set(name, read.value);
      }
    }
  }
  mistakes.push(...mistakesOfKinds(undeclared, declared));
  return { values, mistakes, isUndeclared: isRetired || undeclared.length > 0 };
}

function mistakesOfKinds(undeclared: readonly string[], declared: readonly string[]): FieldError[] {
  const takes = declared.length === 0 ? 'the tenant has declared no kinds' : 'the tenant has declared';
  return mistakesOfNames(undeclared, declared, takes).map(({ field, message }) => ({
    field: `identifiers.${field}`,
    message,
  }));
}

function mistakesOfStandard(
  email: unknown,
  phoneNumber: unknown,
  { values, mistakes }: Further,
  { further }: Kinds,
): FieldError[] {
  if (email !== null || phoneNumber !== null) {
    return isPlain(email, phoneNumber) ? [] : mistakesOf(new IdentifyRequest(email, phoneNumber));
  }
  if (values.size > 0 || mistakes.length > 0) {
    return [];
  }
  return further.length === 0
    ? mistakesOf(new IdentifyRequest(null, null))
    : KNOWN.map((field) => ({ field, message: 'give email, phoneNumber or one of identifiers' }));
}
