import { parseDate } from '../../../src/transfer/import/parse-date.js';

const NOW = Date.UTC(2026, 0, 1) * 1000;
const micros = (iso: string): number => Date.parse(iso) * 1000;

test.each([
  ['2024-02-29', micros('2024-02-29T00:00:00Z')],
  ['2024-02-29T12:34Z', micros('2024-02-29T12:34:00Z')],
  ['2024-02-29T12:34:56', micros('2024-02-29T12:34:56Z')],
  ['2024-02-29 12:34:56.123456+00', micros('2024-02-29T12:34:56.123Z') + 456],
  ['2024-02-29T12:34:56.1234567899Z'.slice(0, 29) + 'Z', micros('2024-02-29T12:34:56.123Z') + 456],
  ['2024-02-29T12:34:56,5+05:30', micros('2024-02-29T07:04:56.500Z')],
  ['2024-02-29t12:34:56z', micros('2024-02-29T12:34:56Z')],
  ['2024-02-29T12:34:56-0800', micros('2024-02-29T20:34:56Z')],
  ['1965-06-01', micros('1965-06-01T00:00:00Z')],
  [' 1700000000 ', 1_700_000_000_000_000],
  ['1700000000.000001', 1_700_000_000_000_001],
  ['1700000000123', 1_700_000_000_123_000],
  [1_700_000_000, 1_700_000_000_000_000],
  [1_700_000_000_123, 1_700_000_000_123_000],
  [999_999_999, 999_999_999_000_000],
])('%p is a date', (value, expected) => {
  expect(parseDate(value, NOW)).toBe(expected);
});

test.each([null, undefined, '', '  '])('%p is no date, and no fault', (value) => {
  expect(parseDate(value, NOW)).toBeNull();
});

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
  ['0001-01-01T00:00:00', 'the date is before 1900'],
  ['0000-00-00 00:00:00', 'the date is before 1900'],
  ['20240131', 'the date must be ISO 8601, or Unix'],
  ['01/02/2024', 'the date must be ISO 8601, or Unix'],
  ['yesterday', 'the date must be ISO 8601, or Unix'],
  [true, 'the date must be ISO 8601, or Unix'],
])('%p is refused: %s', (value, reason) => {
  expect(() => parseDate(value, NOW)).toThrow(reason);
});

test('the moment itself is not in the future', () => {
  expect(parseDate('2026-01-01T00:00:00Z', NOW)).toBe(NOW);
});
