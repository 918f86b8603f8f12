import { Rejection } from './records/record.js';

/** How written dates are read; Unix time and year-first dates are always understood. `excel`: numbers count days. */
export const DATE_FORMATS = ['iso', 'day-first', 'month-first', 'excel'] as const;
export type DateFormat = (typeof DATE_FORMATS)[number];

export interface DateStyle {
  readonly format: DateFormat;
  /** IANA name of the zone of dates that name none; null: UTC */
  readonly timeZone: string | null;
}

const TIME = String.raw`(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?([ap]\.?m\.?)?`;
const REST = String.raw`(?:(?:,?\s+|T)${TIME}\s?(Z|UTC|GMT|(?:UTC|GMT)?[+-]\d\d(?::?\d\d)?)?)?`;
const YEAR_FIRST = new RegExp(String.raw`^(\d{4})([-/.])(\d{1,2})\2(\d{1,2})${REST}$`, 'i');
const YEAR_LAST = new RegExp(String.raw`^(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d\d)${REST}$`, 'i');
const MONTH_NAME = String.raw`(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?`;
const NAMED_DAY_FIRST = new RegExp(String.raw`^(\d{1,2})\.?[\s-]${MONTH_NAME}[\s-](\d{4})${REST}$`, 'i');
const NAMED_MONTH_FIRST = new RegExp(String.raw`^${MONTH_NAME}\s(\d{1,2}),?\s(\d{4})${REST}$`, 'i');
const WEEKDAY = /^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+/i;
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

const UNIX_SECONDS = /^(\d{9,10})(?:\.(\d{1,9}))?$/;
const UNIX_MILLISECONDS = /^(\d{12,13})(?:\.0+)?$/;
const UNIX_MICROSECONDS = /^\d{16}$/;
const EXCEL_DAYS = /^(\d{4,5})(?:\.(\d{1,15}))?$/;
/** Day 0 of Excel, in days since 1970. Its calendar has a 29 February 1900, so the days before March 1900 are refused. */
const EXCEL_EPOCH_DAY = -25_569;
const EXCEL_FIRST_DAY = 61;

/** An earlier date is a placeholder. It would make its contact the oldest for good. */
const FIRST_YEAR = 1900;
/** Written for "no date": zeros such as 0000-00-00 and 0/0/00, and words. */
const NO_DATE = /^(?:[0\s:/.T-]+Z?|n\/?a|#n\/a|null|\\n|none|nan|nil|undefined|unknown|never)$/i;

/** Whether a text is what programs write for "no date". */
export function isNoDate(text: string): boolean {
  return NO_DATE.test(text.trim());
}

/** Longest text that may be a date. */
const LENGTH_MAX = 100;

const HOW = 'the date must be ISO 8601, or Unix seconds (9 or 10 digits) or milliseconds (12 or 13 digits)';

/**
 * Reads dates: ISO 8601 and other dates with the year first, dates with an English month name, and Unix time, where the
 * number of digits tells the unit. A text that can mean two dates, such as 03/04/2021 or 20240131, is refused unless the
 * style decides.
 */
export class DateParser {
  /** Dates of 1970-01-01 and 1900-01-01, which most programs write for "no date" */
  suspicious = 0;
  private offset = { minute: NaN, micros: 0 };
  private readonly zone: Intl.DateTimeFormat | null;

  constructor(private readonly style: DateStyle) {
    const { timeZone } = style;
    this.zone =
      timeZone === null ? null : new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' });
  }

  /**
   * @param value null, blank, zeros and words such as `n/a`: no date
   * @param now µs since 1970
   * @returns µs since 1970
   * @throws {Rejection} if it is no date, or in the future
   */
  parse(value: unknown, now: number): number | null {
    const text = typeof value === 'number' ? String(value) : (value ?? '');
    if (typeof text !== 'string' || text.length > LENGTH_MAX) {
      throw new Rejection(HOW);
    }
    const trimmed = withoutQuotes(text.trim());
    if (trimmed === '' || NO_DATE.test(trimmed)) {
      return null;
    }
    const date = fromNumber(trimmed, this.style.format) ?? this.fromText(trimmed, now);
    if (date > now) {
      throw new Rejection('the date is in the future');
    }
    return date;
  }

  private fromText(text: string, now: number): number {
    const written = text.replace(WEEKDAY, '').replace(/\s\([^()]*\)$/, '');
    const found =
      yearFirst(written) ??
      named(written) ??
      yearLast(written, this.style.format, new Date(now / 1000).getUTCFullYear());
    if (found === null) {
      throw new Rejection(hintFor(text));
    }
    const { year, month, day, rest } = found;
    if (year < FIRST_YEAR) {
      throw new Rejection(`the date is before ${FIRST_YEAR}`);
    }
    const [hour = 0, minute = 0, second = 0] = rest.slice(0, 3).map((part) => Number(part ?? 0));
    const hour24 = hourOf(hour, rest[4]);
    if (!isReal(year, month, day) || hour24 === null || minute > 59 || second > 59) {
      throw new Rejection('there is no such date');
    }
    if (month === 1 && day === 1 && (year === 1970 || year === 1900)) {
      this.suspicious++;
    }
    const wall = Date.UTC(year, month - 1, day, hour24, minute, second) * 1000;
    return wall - this.offsetOf(rest[5], wall) + micros(rest[3]);
  }

  /** The offset from UTC, in µs. */
  private offsetOf(written: string | undefined, wall: number): number {
    if (written !== undefined) {
      return writtenOffset(written);
    }
    if (this.zone === null) {
      return 0;
    }
    const minute = Math.floor(wall / 60_000_000);
    if (this.offset.minute !== minute) {
      // the offset at the wall time read as UTC is right but near a change of the clock; the second look is right there too
      const first = zoneOffset(this.zone, wall);
      this.offset = { minute, micros: zoneOffset(this.zone, wall - first) };
    }
    return this.offset.micros;
  }
}

interface WrittenDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  /** Hour, minute, second, fraction, am or pm, zone */
  readonly rest: readonly (string | undefined)[];
}

function withoutQuotes(text: string): string {
  return text.replace(/^'(?=\d)/, '').replace(/^"([^"]*)"$/, '$1');
}

function fromNumber(text: string, format: DateFormat): number | null {
  if (UNIX_MICROSECONDS.test(text)) {
    return Number(text);
  }
  const ms = UNIX_MILLISECONDS.exec(text)?.[1];
  if (ms !== undefined) {
    return Number(ms) * 1000;
  }
  const [, seconds, fraction] = UNIX_SECONDS.exec(text) ?? [];
  if (seconds !== undefined) {
    return Number(seconds) * 1_000_000 + micros(fraction);
  }
  const days = format === 'excel' && EXCEL_DAYS.test(text) ? Number(text) : 0;
  // a day has 86,400 seconds; what is finer is an error of the fraction
  return days < EXCEL_FIRST_DAY ? null : Math.round((days + EXCEL_EPOCH_DAY) * 86_400) * 1_000_000;
}

function yearFirst(text: string): WrittenDate | null {
  const [, year, , month, day, ...rest] = YEAR_FIRST.exec(text) ?? [];
  return year === undefined ? null : { year: Number(year), month: Number(month), day: Number(day), rest };
}

function named(text: string): WrittenDate | null {
  const [, day, month = '', year, ...rest] = NAMED_DAY_FIRST.exec(text) ?? [];
  if (day !== undefined) {
    return { year: Number(year), month: monthOf(month), day: Number(day), rest };
  }
  const [, monthFirst, dayAfter, yearAfter, ...restAfter] = NAMED_MONTH_FIRST.exec(text) ?? [];
  return monthFirst === undefined
    ? null
    : { year: Number(yearAfter), month: monthOf(monthFirst), day: Number(dayAfter), rest: restAfter };
}

function monthOf(name: string): number {
  return MONTHS.indexOf(name.toLowerCase()) + 1;
}

function yearLast(text: string, format: DateFormat, thisYear: number): WrittenDate | null {
  const [, first, , second, year, ...rest] = YEAR_LAST.exec(text) ?? [];
  if (year === undefined || (format !== 'day-first' && format !== 'month-first')) {
    return null;
  }
  const [day, month] = format === 'day-first' ? [first, second] : [second, first];
  return { year: fullYear(year, thisYear), month: Number(month), day: Number(day), rest };
}

/** Of two digits the latest year that is not in the future. */
function fullYear(year: string, thisYear: number): number {
  const century = thisYear - (thisYear % 100);
  const full = century + Number(year);
  return year.length === 4 ? Number(year) : full > thisYear ? full - 100 : full;
}

function isReal(year: number, month: number, day: number): boolean {
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function hourOf(hour: number, half: string | undefined): number | null {
  if (half === undefined) {
    return hour <= 23 ? hour : null;
  }
  const isAfternoon = half.toLowerCase().startsWith('p');
  // some programs write 22:00 PM
  return hour > 12 && hour <= 23 && isAfternoon
    ? hour
    : hour >= 1 && hour <= 12
      ? (hour % 12) + (isAfternoon ? 12 : 0)
      : null;
}

/** The first six digits of a fraction of a second; the database keeps no more. */
function micros(fraction: string | undefined): number {
  return fraction === undefined ? 0 : Number(fraction.padEnd(6, '0').slice(0, 6));
}

function writtenOffset(zone: string): number {
  const [, sign, hours, minutes = '0'] = /([+-])(\d\d):?(\d\d)?(?::\d\d)?$/.exec(zone) ?? [];
  if (sign === undefined) {
    return 0;
  }
  // from -12:00 to +14:00 in use; Manila had +15:56 in 1844
  if (Number(hours) > 15 || Number(minutes) > 59) {
    throw new Rejection('there is no such time zone');
  }
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000_000;
}

function zoneOffset(zone: Intl.DateTimeFormat, at: number): number {
  const name = zone.formatToParts(at / 1000).find(({ type }) => type === 'timeZoneName')?.value ?? '';
  return writtenOffset(name);
}

function hintFor(text: string): string {
  if (YEAR_LAST.test(text)) {
    return 'the date can mean two days: give --date-format day-first or month-first';
  }
  if (/^\d(?:[.,]\d+)?E[+]?\d+$/i.test(text)) {
    return 'a spreadsheet has shortened the date: its digits are lost';
  }
  if (/\d\s[a-z]{2,5}$|[a-z]\/[a-z_]+$/i.test(text)) {
    return 'the time zone must be UTC or an offset such as +01:00';
  }
  if (EXCEL_DAYS.test(text)) {
    return 'the date may be a number of Excel: give --date-format excel';
  }
  return HOW;
}
