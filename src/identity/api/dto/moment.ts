import { InvalidRequestError } from '../../../http/problems/problem.errors.js';

const ISO = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:Z|([+-](?:[01]\d|2[0-3])):?([0-5]\d))$/;

/** A moment as ISO 8601 in UTC, with the microseconds that the order of contacts depends on. @param micros since 1970 */
export function isoOf(micros: number): string {
  const ms = Math.floor(micros / 1000);
  const rest = String(micros - ms * 1000).padStart(3, '0');
  return new Date(ms).toISOString().replace('Z', `${rest}Z`);
}

/** Like {@link isoOf}; null stays null. */
export function isoOrNull(micros: number | null): string | null {
  return micros === null ? null : isoOf(micros);
}

/**
 * Reads a moment from a query: ISO 8601 with a zone, to the microsecond.
 *
 * @returns µs since 1970; null if it is absent
 * @throws {InvalidRequestError} naming the field if it is something else
 */
export function readMoment(field: string, value: unknown): number | null {
  if (value === undefined) {
    return null;
  }
  // A plus sign in a query means a space, unless it is encoded.
  const text = typeof value === 'string' ? value.replace(' ', '+') : '';
  const [, local = '', fraction = '', hours, minutes] = ISO.exec(text) ?? [];
  const ms = Date.parse(`${local}Z`);
  if (Number.isNaN(ms) || !new Date(ms).toISOString().startsWith(local)) {
    const message = `${field} must be a time in ISO 8601 with a zone, such as 2026-11-25T18:30:00.000001Z`;
    throw new InvalidRequestError([{ field, message }]);
  }
  const offset =
    hours === undefined ? 0 : Number(hours) * 60 + Math.sign(Number(`${hours}1`)) * Number(minutes);
  return (ms - offset * 60_000) * 1000 + Number(fraction.padEnd(6, '0'));
}
