import type { Settings } from '../../config/settings.js';
import { readGoodPart } from '../../identity/api/dto/read-sighting.js';
import type { Kinds } from '../../identity/domain/kinds.js';
import type { Sighting } from '../../identity/domain/contact.js';
import type { DateParser } from './parse-date.js';
import { Rejection } from './records/record.js';
import type { RawValues } from './row-maker.js';

/** What becomes of a row with a field that is not valid: it is taken without the field, or not at all. */
export const ON_BAD_FIELD = ['drop', 'reject'] as const;
export type OnBadField = (typeof ON_BAD_FIELD)[number];

/** What a row is worth. */
export interface Judgement {
  /** null: the row can't be taken */
  readonly sighting: Sighting | null;
  readonly mistakes: readonly Mistake[];
}

/** What is wrong with a value of a row. */
export interface Mistake {
  /** `createdAt`, or as `POST /identify` names it */
  readonly field: string;
  readonly message: string;
}

export type Judge = (values: RawValues) => Judgement;

/**
 * Makes the function that turns the values of a row into a sighting, by the rules of `POST /identify`: both
 * call the same reader.
 *
 * @param now µs since 1970, by the clock of the database
 * @param kinds of the tenant
 */
export function createJudge(
  settings: Settings,
  dates: DateParser,
  now: () => number,
  kinds: Kinds,
  onBadField: OnBadField,
): Judge {
  return ({ createdAt, ...identifiers }) => {
    const { sighting, mistakes: found } = readGoodPart(identifiers, settings, kinds);
    const date = readDate(createdAt, dates, now());
    const mistakes = typeof date === 'object' && date !== null ? [...found, date] : found;
    if (sighting.identifiers.length === 0 || (mistakes.length > 0 && onBadField === 'reject')) {
      return { sighting: null, mistakes };
    }
    return { sighting: typeof date === 'number' ? { ...sighting, createdAt: date } : sighting, mistakes };
  };
}

/** In µs since 1970; null: there is none; or what is wrong with it. */
function readDate(createdAt: unknown, dates: DateParser, now: number): number | null | Mistake {
  try {
    return dates.parse(createdAt, now);
  } catch (error) {
    if (error instanceof Rejection) {
      return { field: 'createdAt', message: error.message };
    }
    throw error;
  }
}
