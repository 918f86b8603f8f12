import type { CountryCode } from 'libphonenumber-js/max';
import type { Settings } from '../../config/settings.js';
import type { Sighting } from '../../identity/domain/contact.js';
import { normaliseEmail, normalisePhone } from '../../identity/domain/normalise.js';
import { SightingPipe } from '../../identity/api/dto/sighting.pipe.js';
import { parseDate } from './parse-date.js';
import type { RawValues } from './row-maker.js';

/** Turns the values of a row into a sighting. @throws {Rejection | InvalidRequestError} with the reason */
export type Judge = (values: RawValues) => Sighting;

/**
 * Makes the function that turns the values of a row into a sighting, by the rules of `POST /identify`: it calls the same
 * pipe.
 *
 * @param now µs since 1970, by the clock of the database
 */
export function createJudge(settings: Settings, now: () => number): Judge {
  const pipe = new SightingPipe(settings);
  return ({ email, phoneNumber, createdAt }) => {
    const sighting =
      plainSighting(email, phoneNumber, settings.defaultPhoneRegion) ??
      pipe.transform({ email, phoneNumber });
    const date = parseDate(createdAt, now());
    return date === null
      ? { email: sighting.email, phoneNumber: sighting.phoneNumber }
      : { email: sighting.email, phoneNumber: sighting.phoneNumber, createdAt: date };
  };
}

/** Normal forms that no rule refuses. Far more is allowed, but nearly all rows have these. */
const PLAIN_EMAIL = /^[a-z0-9]+(?:[._+-][a-z0-9]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,}$/;
const PLAIN_EMAIL_MAX = 60;
const PLAIN_PHONE = /^\+?[1-9]\d{0,13}$/;

/** The sighting if it is certainly valid, otherwise null. The pipe takes 6 µs a row, this less than 1. */
function plainSighting(
  rawEmail: unknown,
  rawPhone: unknown,
  region: CountryCode | null,
): Pick<Sighting, 'email' | 'phoneNumber'> | null {
  const email = typeof rawEmail === 'string' ? normaliseEmail(rawEmail) : null;
  if (email === null || email.length > PLAIN_EMAIL_MAX || !PLAIN_EMAIL.test(email)) {
    return null;
  }
  const phoneNumber = typeof rawPhone === 'string' ? normalisePhone(rawPhone, region) : null;
  const isPlain = phoneNumber === null ? rawPhone === null || rawPhone === '' : PLAIN_PHONE.test(phoneNumber);
  return isPlain ? { email, phoneNumber } : null;
}
