import type { Settings } from '../config/settings.js';
import type { Sighting } from '../identity/domain/contact.js';
import { SightingPipe } from '../identity/dto/sighting.pipe.js';
import { parseDate } from './parse-date.js';
import type { Given } from './row-reader.js';

/**
 * Makes what turns the values of a row into a sighting, by the rules of `POST /identify`: its own pipe does it (6 µs a
 * row, which pass while the database works).
 *
 * @param now µs since 1970, by the clock of the database
 */
export function createJudge(settings: Settings, now: () => number): (given: Given) => Sighting {
  const pipe = new SightingPipe(settings);
  return ({ email, phoneNumber, createdAt }) => {
    const sighting = pipe.transform({ email, phoneNumber });
    const date = parseDate(createdAt, now());
    return {
      email: sighting.email,
      phoneNumber: sighting.phoneNumber,
      ...(date !== null && { createdAt: date }),
    };
  };
}
