import * as fc from 'fast-check';
import { csvLine } from '../../../../src/transfer/csv.js';
import { ArrayParser } from '../../../../src/transfer/import/records/array-parser.js';
import { CsvParser } from '../../../../src/transfer/import/records/csv-parser.js';
import {
  LineParser,
  type RecordParser,
  type TextRecord,
} from '../../../../src/transfer/import/records/record.js';
import { announceSeed, seed } from '../../../support/sightings.js';

announceSeed('csv parser');

const someLengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 });

/** All records of a text that comes in pieces of the given lengths, over and over. */
function parse(parser: RecordParser, text: string, lengths: readonly number[] = [text.length]): TextRecord[] {
  const records: TextRecord[] = [];
  const take = (isEnd: boolean): void => {
    for (let record = parser.next(isEnd); record !== null; record = parser.next(isEnd)) {
      records.push(record);
    }
  };
  for (let start = 0, i = 0; start < text.length; i++) {
    const end = start + lengths[i % lengths.length]!;
    parser.push(text.slice(start, end));
    take(false);
    start = end;
  }
  take(true);
  return records;
}

function fields(text: string, delimiter = ','): (readonly string[])[] {
  return parse(new CsvParser(delimiter), text).map((record) => record.fields);
}

test.each([
  ['\\n', 'a,b\nc,d\n'],
  ['\\r\\n', 'a,b\r\nc,d\r\n'],
  ['\\r', 'a,b\rc,d\r'],
  ['the last line without its end', 'a,b\nc,d'],
  ['blank lines', '\na,b\n\n\r\nc,d\n\n'],
  ['lines of delimiters', ',\na,b\n , \n"",\nc,d\n,,,\n'],
])('records end at a line break: %s', (_, text) => {
  expect(fields(text)).toEqual([
    ['a', 'b'],
    ['c', 'd'],
  ]);
});

test('quoted fields hold delimiters, line breaks and doubled quotes', () => {
  expect(fields('"a,1","b\n2","say ""hi"""\nplain "quote",,\n')).toEqual([
    ['a,1', 'b\n2', 'say "hi"'],
    ['plain "quote"', '', ''],
  ]);
});

test('each record knows the line it starts on, whatever is quoted before it', () => {
  const records = parse(new CsvParser(','), 'h\r\n"1\n2\r\n3",x\n\nlast\n');
  expect(records.map(({ line, endLine }) => [line, endLine])).toEqual([
    [1, 2],
    [2, 5],
    [6, 7],
  ]);
});

test('a fault costs the line it begins on, and the reading goes on behind it', () => {
  const records = parse(new CsvParser(','), 'a,1\n"b"x,2\nc,3\n"d,4\ne,5\n');
  expect(records.map(({ line, fault, fields: [first] }) => [line, fault, first])).toEqual([
    [1, null, 'a'],
    [2, 'there is text after a closing quote', '"b"x,2'],
    [3, null, 'c'],
    [4, 'a quote is never closed', '"d,4'],
    [5, null, 'e'],
  ]);
});

test('a quote that is not closed for 16 MiB is given up, and its line alone is lost', () => {
  const filler = `${'x'.repeat(65_535)}\n`.repeat(17 * 16);
  const parser = new CsvParser(',');
  const records = parse(parser, `"open,1\n${filler}`, [4 * 1024 * 1024]);
  expect(records[0]).toMatchObject({
    line: 1,
    fields: ['"open,1'],
    fault: expect.stringContaining('16 MiB'),
  });
  expect(records).toHaveLength(1 + 17 * 16);
});

test('a line of NDJSON that is too long is passed over without being kept', () => {
  const records = parse(new LineParser(), `{"a":1}\n${'x'.repeat(20 * 1024 * 1024)}\r\n{"b":2}`, [1_000_000]);
  expect(records.map(({ line, fault }) => [line, fault])).toEqual([
    [1, null],
    [2, 'the line is longer than 16 MiB'],
    [3, null],
  ]);
});

test('the elements of an array are records, on lines of their own or not, and a fault costs a line', () => {
  const text = ' [ {"a":"],\\""},{"b":[1,{"c":2}]},\r\n{\n"d":3\n}\n, {"e":"open},\n"f"\n] x\n';
  const records = parse(new ArrayParser(), text);
  expect(records.map(({ line, fault, fields: [field] }) => [line, field, fault])).toEqual([
    [1, '{"a":"],\\""}', null],
    [1, '{"b":[1,{"c":2}]}', null],
    [2, '{\n"d":3\n}', null],
    [5, '{"e":"open},', 'a quote is not closed in its line'],
    [6, '"f"', null],
    [7, 'x', 'there is text after the end of the array'],
  ]);
  expect(parse(new ArrayParser(), '[{"a":1},\n{"b":\n{"c":3}').map(({ fault }) => fault)).toEqual([
    null,
    'a quote or bracket is never closed',
    null,
    'the array ends before it is closed',
  ]);
});

test('an array is read alike in pieces of any length, and from the end of any element on', () => {
  const anyText = fc.string({
    unit: fc.constantFrom('{', '}', '[', ']', '"', ',', '\\', '\n', '\r', 'a'),
    maxLength: 40,
  });
  fc.assert(
    fc.property(anyText, someLengths, (text, lengths) => {
      const whole = parse(new ArrayParser(), `[${text}`);
      expect(parse(new ArrayParser(), `[${text}`, lengths)).toEqual(whole);
    }),
    { seed, numRuns: 500 },
  );
  const elements = fc.array(fc.json({ maxDepth: 2 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(elements, someLengths, (parts, lengths) => {
      const text = `[\n${parts.join(',\n')}\n]\n`;
      const whole = parse(new ArrayParser(), text, lengths);
      expect(whole.map(({ fields: [field] }) => field)).toEqual(parts);
      for (const [i, { end, endLine }] of whole.entries()) {
        const parser = new ArrayParser();
        parser.seek(end, endLine);
        expect(parse(parser, text, lengths)).toEqual(whole.slice(i + 1));
      }
    }),
    { seed, numRuns: 200 },
  );
});

const aField = fc.string({
  unit: fc.constantFrom('a', 'é', '😀', ' ', '"', ',', '\n', '\r', ';'),
  maxLength: 6,
});
const someRecords = fc.array(fc.array(aField, { minLength: 1, maxLength: 4 }), {
  minLength: 1,
  maxLength: 8,
});

test('what is written is read again, in pieces of any length, and from the end of any record on', () => {
  fc.assert(
    fc.property(someRecords, someLengths, (records, lengths) => {
      const text = records.map(csvLine).join('');
      const written = records.filter((record) => record.some((field) => field.trim() !== ''));
      const read = parse(new CsvParser(','), text, lengths);
      expect(read.map((record) => record.fields)).toEqual(written);
      for (const [i, { end, endLine }] of read.entries()) {
        const parser = new CsvParser(',');
        parser.seek(end, endLine);
        expect(parse(parser, text, lengths)).toEqual(read.slice(i + 1));
      }
    }),
    { seed, numRuns: 300 },
  );
});

test('any text at all is read to its end, each line is in a record, and the end of each is a place to go on from', () => {
  const anyText = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r'), maxLength: 40 });
  fc.assert(
    fc.property(anyText, someLengths, (text, lengths) => {
      const whole = parse(new CsvParser(','), text);
      expect(parse(new CsvParser(','), text, lengths)).toEqual(whole);
      for (const [i, { end, endLine }] of whole.entries()) {
        const parser = new CsvParser(',');
        parser.seek(end, endLine);
        expect(parse(parser, text, lengths)).toEqual(whole.slice(i + 1));
      }
    }),
    { seed, numRuns: 500 },
  );
});
