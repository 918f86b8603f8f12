import { STANDARD_KINDS } from '../../../src/identity/domain/kinds.js';
import { NationalNumbers, type MissingRegion } from '../../../src/transfer/import/national-numbers.js';
import { summaryText } from '../../../src/transfer/import/summary.js';
import { useDatabase } from '../../support/hooks.js';
import { importText } from './import-text.js';

const database = useDatabase();

function regionOf(...numbers: string[]): MissingRegion | null {
  const found = new NationalNumbers(STANDARD_KINDS);
  numbers.forEach((value) => found.add({ identifiers: [{ kind: 'phoneNumber', value }] }));
  return found.found();
}

test.each([
  ['DE', ['01711234567', '030123456', '015112345678', '0403456789']],
  ['US', ['2125550123', '3105550123', '4155550123', '+12025550124']],
])(
  'numbers that are valid in one country only name it, also with the help of international ones: %s',
  (region, numbers) => {
    expect(regionOf(...numbers)).toEqual({
      nationalNumbers: numbers.filter((each) => !each.startsWith('+')).length,
      international: numbers.filter((each) => !each.startsWith('+')).length,
      regions: [region],
    });
  },
);

test('of several countries those come first in which most are mobile numbers', () => {
  const { regions } = regionOf('01711234567', '030123456')!;
  expect(regions).toEqual(['DE', 'IT', 'VA']);
});

test('international numbers of the same input decide between regions with the same numbers', () => {
  const undecided = regionOf('2025550123')!;
  expect(undecided.regions.length).toBeGreaterThan(1);
  expect(undecided.regions).toContain('US');
  expect(regionOf('2025550123', '+12025550124')).toMatchObject({ international: 1, regions: ['US'] });
});

test('numbers that are valid nowhere, and international ones, are no reason to set a region', () => {
  expect(regionOf('1', '12', '+491711234567')).toBeNull();
  expect(regionOf()).toBeNull();
});

test('what comes after the sample is counted by the region that the sample tells', () => {
  const numbers = Array.from({ length: 250 }, (_, i) => `0151${10_000_000 + i}`);
  expect(regionOf('030123456', '0403456789', ...numbers, '12')).toEqual({
    nationalNumbers: 253,
    international: 252,
    regions: ['DE'],
  });
});

test('the dry run of an import without a region tells which numbers would be international ones, and with which', async () => {
  const file =
    'email,phone\nlorraine@hillvalley.edu,0171 1234567\nmcfly@hillvalley.edu,030 123456\ndoc@hillvalley.edu,0151 12345678\nbiff@hillvalley.edu,1234\n';
  const result = await importText(database, file, { isDryRun: true });
  expect(result.missingRegion).toEqual({ nationalNumbers: 4, international: 3, regions: ['DE'] });
  expect(summaryText(result)).toContain(
    '  NO REGION: 4 phone numbers keep their digits. 3 of them would be international numbers with DEFAULT_PHONE_REGION=DE. ' +
      'Set it before you import: later it takes `identities renormalise`.\n',
  );
  expect((await importText(database, file)).missingRegion).toBeNull();
});
