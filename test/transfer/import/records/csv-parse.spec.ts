import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import { readdirSync, readFileSync } from 'node:fs';
import { DELIMITERS } from '../../../../src/transfer/csv.js';
import { CsvParser } from '../../../../src/transfer/import/records/csv-parser.js';
import type { TextRecord } from '../../../../src/transfer/import/records/record.js';
import { announceSeed, seed } from '../../../support/sightings.js';

announceSeed('csv-parse');

// The library that the hand-written parser is kept instead of reads the same; ARCHITECTURE.md has the reasons for the latter.

/** The records of a text that comes in pieces of a length. */
function records(text: string, delimiter: string, length = text.length): TextRecord[] {
  const parser = new CsvParser(delimiter);
  const found: TextRecord[] = [];
  const take = (isEnd: boolean): void => {
    for (let record = parser.next(isEnd); record !== null; record = parser.next(isEnd)) {
      found.push(record);
    }
  };
  for (let start = 0; start < text.length; start += length) {
    parser.push(text.slice(start, start + length));
    take(false);
  }
  take(true);
  return found;
}

/** What the library reads. @param isStrict whether quotes must be as RFC 4180 has them; else one inside of a field is text */
function byLibrary(text: string, delimiter: string, isStrict = false): string[][] {
  return parse(text, {
    delimiter,
    relax_quotes: !isStrict,
    relax_column_count: true,
    record_delimiter: ['\r\n', '\n', '\r'],
    skip_empty_lines: true,
    skip_records_with_empty_values: true,
  });
}

/** @returns whether the parser finds a fault */
function readsAlike(text: string, delimiter: string): boolean {
  const read = records(text, delimiter);
  const isFaulty = read.some(({ fault }) => fault !== null);
  if (isFaulty) {
    expect(() => byLibrary(text, delimiter, true)).toThrow(/quote/i);
  } else {
    expect(read.map(({ fields }) => fields)).toEqual(byLibrary(text, delimiter));
  }
  return isFaulty;
}

/** Quotes and delimiters in all places, also wrong ones. */
const anyText = fc.string({
  unit: fc.constantFrom('a', '7', 'é', '😀', '"', '"', ',', ';', '\t', '|', '\n', '\r', '\r\n'),
  maxLength: 30,
});
const aCell = fc.oneof(
  fc.constantFrom('', 'Brown', '5" pipe', '+1 555 0100', 'doc@hillvalley.edu', 'Größe', '2020-01-01 00:00'),
  fc.string({ unit: fc.constantFrom('x', '"', ',', ';', '\t', '|', '\n', '\r\n', ' '), maxLength: 8 }),
);
/** Files as programs write them: quoted where it is needed, or throughout. */
const aFile = fc
  .record({
    rows: fc.array(fc.array(aCell, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 12 }),
    delimiter: fc.constantFrom(...DELIMITERS),
    lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
    isQuoted: fc.boolean(),
  })
  .map(({ rows, delimiter, lineEnd, isQuoted }) => {
    const written = (cell: string): string =>
      isQuoted || /[",;\t|\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
    return { delimiter, text: rows.map((row) => row.map(written).join(delimiter) + lineEnd).join('') };
  });

test('files as programs write them are read as csv-parse reads them', () => {
  fc.assert(
    fc.property(aFile, fc.integer({ min: 1, max: 9 }), ({ text, delimiter }, length) => {
      const read = records(text, delimiter, length);
      expect(read.map(({ fault }) => fault).filter((fault) => fault !== null)).toEqual([]);
      expect(read.map(({ fields }) => fields)).toEqual(byLibrary(text, delimiter));
    }),
    { seed, numRuns: 1000 },
  );
});

test('any text is read as csv-parse reads it, and has a fault where csv-parse gives up', () => {
  let faulty = 0;
  fc.assert(
    fc.property(anyText, fc.constantFrom(...DELIMITERS), (text, delimiter) => {
      faulty += Number(readsAlike(text, delimiter));
    }),
    { seed, numRuns: 4000 },
  );
  expect(faulty).toBeGreaterThan(100);
  expect(faulty).toBeLessThan(3900);
});

test('the good rows beside a faulty one are read as csv-parse reads them without it', () => {
  fc.assert(
    fc.property(aFile, fc.constantFrom('"x"y', '"x" "y"'), ({ text, delimiter }, bad) => {
      const read = records(`${bad}\n${text}`, delimiter);
      expect(read[0]!.fault).not.toBeNull();
      expect(read.slice(1).map(({ fields }) => fields)).toEqual(byLibrary(text, delimiter));
    }),
    { seed, numRuns: 300 },
  );
});

const FOLDER = 'test/transfer/import/exports';

test.each(readdirSync(FOLDER).filter((name) => name.endsWith('.csv')))(
  '%s, in the form of a product, is read as csv-parse reads it',
  (name) => {
    const text = readFileSync(`${FOLDER}/${name}`, 'latin1').replace(/^\u00EF\u00BB\u00BF/, '');
    const faulty = DELIMITERS.filter((delimiter) => readsAlike(text, delimiter));
    expect(faulty.length).toBeLessThan(DELIMITERS.length);
  },
);

// A blank behind a closing quote is the only thing that the parser forgives and the library does not.
test('blanks behind a closing quote are left out', () => {
  expect(records('"a" ,b\n', ',').map(({ fields }) => fields)).toEqual([['a', 'b']]);
  expect(() => byLibrary('"a" ,b\n', ',', true)).toThrow();
});
