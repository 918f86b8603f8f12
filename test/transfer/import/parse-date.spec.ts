import { DateParser, type DateStyle } from '../../../src/transfer/import/parse-date.js';

const NOW = Date.UTC(2026, 0, 1) * 1000;
const ISO: DateStyle = { format: 'iso', timeZone: null };
const micros = (iso: string): number => Date.parse(iso) * 1000;

function parse(value: unknown, style: Partial<DateStyle> = {}): number | null {
  return new DateParser({ ...ISO, ...style }).parse(value, NOW);
}

test.each([
  ['2024-02-29', micros('2024-02-29T00:00:00Z')],
  ['2024-02-29T12:34Z', micros('2024-02-29T12:34:00Z')],
  ['2024-02-29T12:34:56', micros('2024-02-29T12:34:56Z')],
  ['2024-02-29 12:34:56.123456+00', micros('2024-02-29T12:34:56.123Z') + 456],
  ['2024-02-29T12:34:56.123456789Z', micros('2024-02-29T12:34:56.123Z') + 456],
  ['2024-02-29T12:34:56,5+05:30', micros('2024-02-29T07:04:56.500Z')],
  ['2024-02-29t12:34:56z', micros('2024-02-29T12:34:56Z')],
  ['2024-02-29T12:34:56-0800', micros('2024-02-29T20:34:56Z')],
  ['2021-03-04 10:22:33 +0100', micros('2021-03-04T09:22:33Z')],
  ['2021-03-04 10:22:33 UTC', micros('2021-03-04T10:22:33Z')],
  ['2021-03-04 10:22:33 GMT', micros('2021-03-04T10:22:33Z')],
  ['2021/03/04 10:22:33', micros('2021-03-04T10:22:33Z')],
  ['2021-3-4', micros('2021-03-04T00:00:00Z')],
  ['2021-03-04 10:22:33 PM', micros('2021-03-04T22:22:33Z')],
  ['2021-03-04 12:05 am', micros('2021-03-04T00:05:00Z')],
  ['Mar 4, 2021', micros('2021-03-04T00:00:00Z')],
  ['4 March 2021', micros('2021-03-04T00:00:00Z')],
  ['Thu, 04 Mar 2021 10:22:33 GMT', micros('2021-03-04T10:22:33Z')],
  ['Thu Mar 04 2021 10:22:33 GMT+0100 (CET)', micros('2021-03-04T09:22:33Z')],
  ["'2021-03-04", micros('2021-03-04T00:00:00Z')],
  ['"2021-03-04"', micros('2021-03-04T00:00:00Z')],
  ['1965-06-01', micros('1965-06-01T00:00:00Z')],
  [' 1700000000 ', 1_700_000_000_000_000],
  ['1700000000.000001', 1_700_000_000_000_001],
  ['1700000000123', 1_700_000_000_123_000],
  ['1700000000123.0', 1_700_000_000_123_000],
  ['1614853353123456', 1_614_853_353_123_456],
  [1_700_000_000, 1_700_000_000_000_000],
  [1_700_000_000_123, 1_700_000_000_123_000],
  [999_999_999, 999_999_999_000_000],
])('%p is a date', (value, expected) => {
  expect(parse(value)).toBe(expected);
});

test.each([
  ['day-first', '03/04/2021', '2021-04-03T00:00:00Z'],
  ['day-first', '31.12.2019 23:59', '2019-12-31T23:59:00Z'],
  ['day-first', '3-4-21', '2021-04-03T00:00:00Z'],
  ['day-first', '03/04/27', '1927-04-03T00:00:00Z'],
  ['day-first', '2021-03-04', '2021-03-04T00:00:00Z'],
  ['month-first', '1/15/2024 10:30 PM', '2024-01-15T22:30:00Z'],
  ['excel', '44259', '2021-03-04T00:00:00Z'],
  ['excel', '44259.5', '2021-03-04T12:00:00Z'],
  ['excel', '2021-03-04', '2021-03-04T00:00:00Z'],
] as const)('%s: %p is %s', (format, value, expected) => {
  expect(parse(value, { format })).toBe(micros(expected));
});

test.each([
  ['2024-07-01 12:00', '2024-07-01T10:00:00Z'],
  ['2024-01-01 12:00', '2024-01-01T11:00:00Z'],
  ['2024-07-01 12:00Z', '2024-07-01T12:00:00Z'],
  ['2024-03-31 01:59', '2024-03-31T00:59:00Z'],
  ['2024-03-31 03:00', '2024-03-31T01:00:00Z'],
  ['1720000000', '2024-07-03T09:46:40Z'],
])('in Berlin %p is %s', (value, expected) => {
  expect(parse(value, { timeZone: 'Europe/Berlin' })).toBe(micros(expected));
});

test.each([null, undefined, '', '  ', '0', 0, '0000-00-00 00:00:00', '0/0/00', '-', 'N/A', 'null', '\\N'])(
  '%p is no date, and no fault',
  (value) => {
    expect(parse(value)).toBeNull();
  },
);

const TWO_DAYS = 'the date can mean two days: give --date-format day-first or month-first';
const HOW = 'the date must be ISO 8601, or Unix';

test.each([
  ['2026-01-01T00:00:00.000001Z', 'the date is in the future'],
  ['2030-01-01', 'the date is in the future'],
  ['1900000000', 'the date is in the future'],
  ['2023-02-29', 'there is no such date'],
  ['1900-02-29', 'there is no such date'],
  ['2023-13-01', 'there is no such date'],
  ['2023-00-10', 'there is no such date'],
  ['2023-01-00', 'there is no such date'],
  ['2023-01-01T24:00', 'there is no such date'],
  ['2023-01-01T10:60', 'there is no such date'],
  ['2023-01-01 13:00 am', 'there is no such date'],
  ['2021-03-04T10:22:33+25:99', 'there is no such time zone'],
  ['2021-03-04 10:22:33 EST', 'the time zone must be UTC or an offset'],
  ['2021-03-04T10:22:33 America/New_York', 'the time zone must be UTC or an offset'],
  ['0001-01-01T00:00:00', 'the date is before 1900'],
  ['20240131', HOW],
  ['2021-W09-4', HOW],
  ['2021-03', HOW],
  ['03/04/2021', TWO_DAYS],
  ['04.03.2021', TWO_DAYS],
  ['44259', 'the date may be a number of Excel: give --date-format excel'],
  ['1.61485E+12', 'a spreadsheet has shortened the date: its digits are lost'],
  ['yesterday', HOW],
  ['2'.repeat(101), HOW],
  [true, HOW],
])('%p is refused: %s', (value, reason) => {
  expect(() => parse(value)).toThrow(reason);
});

test('the first days of Excel are refused: its calendar has a day too many', () => {
  expect(() => parse('1', { format: 'excel' })).toThrow(HOW);
  expect(() => parse('0059', { format: 'excel' })).toThrow('may be a number of Excel');
});

test('the moment itself is not in the future', () => {
  expect(parse('2026-01-01T00:00:00Z')).toBe(NOW);
});

test('the days that programs write for "no date" are counted', () => {
  const dates = new DateParser(ISO);
  for (const value of ['1970-01-01', '1900-01-01', '1970-01-02', '0', '2021-03-04']) {
    dates.parse(value, NOW);
  }
  expect(dates.suspicious).toBe(2);
});
