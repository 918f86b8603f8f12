import type { CountryCode } from 'libphonenumber-js/max';
import type { UnknownProperties } from '../../../config/settings.js';
import { InvalidRequestError } from '../../../http/problems/problem.errors.js';
import type { Sighting } from '../../domain/contact.js';
import { STANDARD_KINDS } from '../../domain/kinds.js';
import { normaliseEmail, normalisePhone } from '../../domain/normalise.js';
import { IdentifyRequest } from './identify.request.js';
import { mistakesOf } from './read-body.js';
import { mistakesOfNames } from './unknown-properties.js';

/** Normal forms that are certainly valid. Not all valid values match, but nearly all that arrive do. */
const PLAIN_EMAIL = /^[a-z0-9]+(?:[._+-][a-z0-9]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,}$/;
const PLAIN_EMAIL_MAX = 60;
const PLAIN_PHONE = /^\+?[1-9]\d{0,13}$/;

/** What is left when nothing is at fault. */
type GivenValues = Record<'email' | 'phoneNumber', string | null>;

const KNOWN = ['email', 'phoneNumber'];

export interface ReadingOptions {
  /** null: national phone numbers keep their digits. */
  readonly defaultPhoneRegion: CountryCode | null;
  readonly unknownProperties: UnknownProperties;
}

/**
 * Reads a sighting from a request body: normalises it and then validates the result, so that both happen once and here.
 *
 * Nest's ValidationPipe is not used: it would visit the whole body, unknown properties too, and its transformations can't see
 * the settings. A pipe would cost three promises per call.
 *
 * @throws {InvalidRequestError} naming each invalid field
 */
export function readSighting(
  body: unknown,
  { defaultPhoneRegion, unknownProperties }: ReadingOptions,
): Sighting {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new InvalidRequestError([{ field: 'body', message: 'the body must be a JSON object' }]);
  }
  const given = body as Record<string, unknown>;
  const email = readEmail(given.email);
  const phoneNumber = readPhone(given.phoneNumber, defaultPhoneRegion);
  const mistakes = [
    ...(unknownProperties === 'reject' ? mistakesOfNames(Object.keys(given), KNOWN) : []),
    // class-validator takes 6 µs, this takes less than 1.
    ...(isPlain(email, phoneNumber) ? [] : mistakesOf(new IdentifyRequest(email, phoneNumber))),
  ];
  if (mistakes.length > 0) {
    throw new InvalidRequestError(mistakes);
  }
  return { identifiers: STANDARD_KINDS.identifiersOf({ email, phoneNumber } as GivenValues) };
}

/** An email in its normal form, or what else was given; null: nothing. */
export function readEmail(value: unknown): unknown {
  return typeof value === 'string' ? normaliseEmail(value) : (value ?? null);
}

/** A phone number in its normal form, or what else was given; null: nothing. */
export function readPhone(value: unknown, region: CountryCode | null): unknown {
  const text = isWholeNumber(value) ? String(value) : value;
  return typeof text === 'string' ? normalisePhone(text, region) : (text ?? null);
}

/** Numbers above 2^53 lose digits when they are parsed, but they have more digits than a phone number anyway. */
function isWholeNumber(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0;
}

function isPlain(email: unknown, phoneNumber: unknown): boolean {
  const isPlainEmail =
    email === null ||
    (typeof email === 'string' && email.length <= PLAIN_EMAIL_MAX && PLAIN_EMAIL.test(email));
  const isPlainPhone =
    phoneNumber === null || (typeof phoneNumber === 'string' && PLAIN_PHONE.test(phoneNumber));
  return isPlainEmail && isPlainPhone && (email !== null || phoneNumber !== null);
}
