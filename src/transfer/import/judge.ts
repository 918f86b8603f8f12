import type { Settings } from '../../config/settings.js';
import type { Kinds } from '../../identity/domain/kinds.js';
import type { Sighting } from '../../identity/domain/contact.js';
import { readSighting } from '../../identity/api/dto/read-sighting.js';
import type { DateParser } from './parse-date.js';
import type { RawValues } from './row-maker.js';

/** Turns the values of a row into a sighting. @throws {Rejection | InvalidRequestError} with the reason */
export type Judge = (values: RawValues) => Sighting;

/**
 * Makes the function that turns the values of a row into a sighting, by the rules of `POST /identify`: both
 * call the same reader.
 *
 * @param now µs since 1970, by the clock of the database
 * @param kinds of the tenant
 */
export function createJudge(settings: Settings, dates: DateParser, now: () => number, kinds: Kinds): Judge {
  return ({ email, phoneNumber, identifiers, createdAt }) => {
    const sighting = readSighting({ email, phoneNumber, identifiers }, settings, kinds);
    const date = dates.parse(createdAt, now());
    return date === null ? sighting : { ...sighting, createdAt: date };
  };
}
