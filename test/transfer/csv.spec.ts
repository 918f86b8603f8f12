import * as fc from 'fast-check';
import { csvLine, guarded, unambiguous, unguarded } from '../../src/transfer/csv.js';
import { announceSeed, seed } from '../support/sightings.js';

announceSeed('csv');

test('a line quotes what holds a delimiter, a quote or a line break', () => {
  expect(csvLine(['a', null, 'b,c', 'say "hi"', 'two\nlines', ''])).toBe(
    'a,,"b,c","say ""hi""","two\nlines",\n',
  );
});

test.each([
  '=1',
  '+1',
  '-1',
  '@SUM(1)',
  '\t',
  '\r=1',
  ' =1',
  '\u200B=1',
  '＝1',
  '＋1',
  '－1',
  '＠A',
  '﹢1',
  '−1',
  "'=1",
])('a spreadsheet would run %p, so it gets an apostrophe', (value) => {
  expect(guarded(value)).toBe(`'${value}`);
});

test.each(['', 'mcfly@hillvalley.edu', '123456', 'a=1', "o'neil@hillvalley.edu", "'hello'"])(
  '%p is no formula and stays as it is',
  (value) => {
    expect([guarded(value), unguarded(value), unambiguous(value)]).toEqual([value, value, value]);
  },
);

const aValue = fc.string({
  unit: fc.constantFrom("'", '=', '+', '＝', '\t', ' ', 'a', '@', '\u200B'),
  maxLength: 6,
});

test('what is written, for a spreadsheet or not, is read as it was', () => {
  fc.assert(
    fc.property(aValue, (value) => {
      expect(unguarded(guarded(value))).toBe(value);
      expect(unguarded(unambiguous(value))).toBe(value);
    }),
    { seed, numRuns: 2000 },
  );
});

test('nothing that Unicode folds into the start of a formula is left bare', () => {
  for (let code = 1; code <= 0x1_ffff; code++) {
    if (code >= 0xd800 && code <= 0xdfff) {
      continue;
    }
    const value = `${String.fromCodePoint(code)}1`;
    if (/^[=+\-@\t\r\n\u2212]/.test(value.normalize('NFKC'))) {
      expect(guarded(value)).toBe(`'${value}`);
    }
  }
});
