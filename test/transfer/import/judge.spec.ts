import * as fc from 'fast-check';
import { Settings } from '../../../src/config/settings.js';
import type { Sighting } from '../../../src/identity/domain/contact.js';
import { SightingPipe } from '../../../src/identity/api/dto/sighting.pipe.js';
import { createJudge } from '../../../src/transfer/import/judge.js';
import { announceSeed, seed } from '../../support/sightings.js';

announceSeed('judge');

/** Pieces of which most emails and phone numbers are made, right ones and wrong ones. */
const aPiece = fc.constantFrom(
  // prettier-ignore
  'a',
  'B',
  '9',
  'é',
  '_',
  '+',
  '-',
  '.',
  '..',
  '@',
  '@@',
  ' ',
  '\t',
  '"',
  ',',
  '\u0000',
  '\u017F',
  '\u0130',
  'shop',
  'xn--80ak6aa92e',
  'com',
  'example',
  'C0M',
  'x'.repeat(63),
  'x'.repeat(64),
);
const aText = fc.array(aPiece, { maxLength: 8 }).map((pieces) => pieces.join(''));
const anEmail = fc.oneof(
  fc.tuple(aText, aText, aText).map(([local, label, top]) => `${local}@${label}.${top}`),
  fc.emailAddress(),
  aText,
);
const aPhone = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'0123456789+ -()./'), maxLength: 20 }),
  fc.constantFrom('+4930123456', '0049 30 123456', '030 123456', '+0', '0', 'abc'),
);
const aValue = (text: fc.Arbitrary<string>) =>
  fc.oneof(
    { weight: 8, arbitrary: text },
    fc.constantFrom<unknown>(null, undefined, '', ' ', 5, -1, 1.5, true, [], {}),
  );

function verdict(work: () => Sighting): unknown {
  try {
    const { email, phoneNumber } = work();
    return { email, phoneNumber };
  } catch (error) {
    return (error as Error).message;
  }
}

test.each([null, 'DE'])('a row is judged as POST /identify judges it, region %p', (region) => {
  const settings = new Settings(region === null ? {} : { DEFAULT_PHONE_REGION: region });
  const judge = createJudge(settings, () => 0);
  const pipe = new SightingPipe(settings);
  let taken = 0;
  fc.assert(
    fc.property(aValue(anEmail), aValue(aPhone), (email, phoneNumber) => {
      const expected = verdict(() => pipe.transform({ email, phoneNumber }));
      expect(verdict(() => judge({ email, phoneNumber, createdAt: null }))).toEqual(expected);
      taken += typeof expected === 'string' ? 0 : 1;
    }),
    { seed, numRuns: 3000 },
  );
  expect(taken).toBeGreaterThan(100);
});
