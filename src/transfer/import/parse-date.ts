import { Rejection } from './records/record.js';

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(Z|[+-]\d\d(?::?\d\d)?)?)?$/i;
/** An earlier date is a placeholder. It would make its contact the oldest for good. */
const FIRST_YEAR = 1900;
const SECONDS = /^(\d{9,10})(?:\.(\d{1,9}))?$/;
const MILLISECONDS = /^\d{12,13}$/;
const HOW = 'the date must be ISO 8601, or Unix seconds (9 or 10 digits) or milliseconds (12 or 13 digits)';

/**
 * Reads a date: ISO 8601, where a missing zone means UTC, or Unix time. The number of digits tells seconds from
 * milliseconds. A number that may also be a written date, such as 20240131, is refused.
 *
 * @param value null or blank: no date
 * @param now µs since 1970
 * @returns µs since 1970
 * @throws {Rejection} if it is no date, or in the future
 */
export function parseDate(value: unknown, now: number): number | null {
  const text = typeof value === 'number' ? String(value) : (value ?? '');
  if (typeof text !== 'string') {
    throw new Rejection(HOW);
  }
  const trimmed = text.trim();
  if (trimmed === '') {
    return null;
  }
  const date = fromUnix(trimmed) ?? fromIso(trimmed);
  if (date > now) {
    throw new Rejection('the date is in the future');
  }
  return date;
}

function fromUnix(text: string): number | null {
  if (MILLISECONDS.test(text)) {
    return Number(text) * 1000;
  }
  const [, seconds, fraction] = SECONDS.exec(text) ?? [];
  return seconds === undefined ? null : Number(seconds) * 1_000_000 + micros(fraction);
}

function fromIso(text: string): number {
  const [, year, month, day, hour, minute, second, fraction, zone] = ISO.exec(text) ?? [];
  if (year === undefined) {
    throw new Rejection(HOW);
  }
  if (Number(year) < FIRST_YEAR) {
    throw new Rejection(`the date is before ${FIRST_YEAR}`);
  }
  const at = [month, day, hour, minute, second].map((part) => Number(part ?? 0)) as DateParts;
  if (!isReal(Number(year), at)) {
    throw new Rejection('there is no such date');
  }
  const ms = Date.UTC(Number(year), at[0] - 1, at[1], at[2], at[3], at[4]);
  return (ms - offsetMs(zone)) * 1000 + micros(fraction);
}

type DateParts = [month: number, day: number, hour: number, minute: number, second: number];

function isReal(year: number, [month, day, hour, minute, second]: DateParts): boolean {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 && isLeap ? 29 : (DAYS[month - 1] ?? 0);
  return day >= 1 && day <= days && hour <= 23 && minute <= 59 && second <= 59;
}

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** The first six digits of a fraction of a second; the database keeps no more. */
function micros(fraction: string | undefined): number {
  if (fraction === undefined) {
    return 0;
  }
  return Number(fraction.padEnd(6, '0').slice(0, 6));
}

function offsetMs(zone: string | undefined): number {
  if (zone === undefined || zone.toUpperCase() === 'Z') {
    return 0;
  }
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(3).replace(':', '') || 0);
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}
