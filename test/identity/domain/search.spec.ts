import * as fc from 'fast-check';
import type { Identifier } from '../../../src/identity/domain/contact.js';
import { EMAIL, PHONE_NUMBER, type IdentifierKind } from '../../../src/identity/domain/kinds.js';
import { normaliseEmail, normalisePhone } from '../../../src/identity/domain/normalise.js';
import {
  firstMatch,
  rangeOf,
  searchRanges,
  type SearchSettings,
} from '../../../src/identity/domain/search.js';
import { announceSeed, seed } from '../../support/sightings.js';

announceSeed('search');

const BOTH = [EMAIL, PHONE_NUMBER];
const FORMS: SearchSettings = { defaultPhoneRegion: null, emailRules: 'none', phoneForms: 'same' };
const CUSTOMER: IdentifierKind = {
  ...EMAIL,
  name: 'customerId',
  number: 2,
  normaliser: 'trim',
  priority: 10,
  maxLength: 64,
};

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
const identifier = (kind: string, value: string): Identifier => ({ kind, value });

/** How the identifiers begin that a prefix finds. */
const beginnings = (prefix: string, kinds = BOTH, region: 'DE' | 'US' | 'IT' | null = null): string[] =>
  searchRanges(prefix, kinds, { ...FORMS, defaultPhoneRegion: region }).map(
    ({ kind, from }) => `${kind} ${from}`,
  );

test.each([
  [' Geo ', ['email geo']],
  ['GEORGE@Hill', ['email george@hill']],
  ['CAFE\u0301', ['email caf\u00e9']],
  ['123', ['email 123', 'phoneNumber 123']],
  ['1-2/3', ['email 1-2/3', 'phoneNumber 123']],
  ['+49 170', ['email +49 170', 'phoneNumber +49170']],
  ['+49 (0)170', ['email +49 (0)170', 'phoneNumber +490170', 'phoneNumber +49170']],
  ['0049170', ['email 0049170', 'phoneNumber +49170', 'phoneNumber 0049170']],
  ['004', ['email 004', 'phoneNumber +4', 'phoneNumber 004']],
])('what begins with %j', (prefix, expected) => {
  expect(beginnings(prefix)).toEqual(expected);
});

test.each([
  ['0170', 'DE', ['+49170', '0170']],
  ['0049170', 'DE', ['+49170', '0049170']],
  ['650253', 'US', ['+1650253', '650253']],
  ['01149170', 'US', ['+49170', '01149170']],
  ['0049170', 'US', ['+49170', '0049170']],
  ['06123', 'IT', ['+3906123', '06123']],
  ['+49170', 'US', ['+49170']],
] as const)('a phone number that begins with %s in %s', (prefix, region, expected) => {
  expect(beginnings(prefix, [PHONE_NUMBER], region)).toEqual(
    expect.arrayContaining(expected.map((from) => `phoneNumber ${from}`)),
  );
});

test.each([
  ['Doc.B', ['doc.b', 'docb']],
  ['d.oc+news', ['d.oc+news', 'doc@']],
  ['d.oc@', ['d.oc@', 'doc@']],
  ['d.oc@gm', ['d.oc@gm', 'doc@gm']],
  ['d.oc@goo', ['d.oc@goo', 'doc@gmail.com']],
  ['d.oc+a@GoogleMail.com', ['d.oc+a@googlemail.com', 'doc@gmail.com']],
  ['d.oc@hill', ['d.oc@hill']],
  ['"d.oc', ['"d.oc']],
  ['a.b', ['a.b']],
])('by the rules of Gmail, an email that begins with %j', (prefix, expected) => {
  const ranges = searchRanges(prefix, [EMAIL], { ...FORMS, emailRules: 'gmail' });
  expect(ranges.map(({ from }) => from)).toEqual(expected);
});

test.each([
  ['+52 1 55', ['+52155', '+5255']],
  ['+5255', ['+52155', '+5255']],
  ['+54 9 11', ['+54911', '+5411']],
  ['+55 (11) 98', ['+551198', '+55118', '+5511998']],
  ['+5511', ['+5511']],
])('a number that begins with %s may begin in its other form', (prefix, expected) => {
  const found = searchRanges(prefix, [PHONE_NUMBER], FORMS).map(({ from }) => from);
  expect(found.toSorted()).toEqual([...expected].toSorted());
  const apart = searchRanges(prefix, [PHONE_NUMBER], { ...FORMS, phoneForms: 'apart' });
  expect(apart).toHaveLength(1);
});

test('a prefix that is too short or that no identifier begins with has no range', () => {
  for (const prefix of ['', 'ab', ' ab ', '😀']) {
    expect(beginnings(prefix)).toEqual([]);
  }
  for (const prefix of ['(1) 2', '+', '1a2', '+49+', '1234567890123456']) {
    expect(beginnings(prefix, [PHONE_NUMBER])).toEqual([]);
  }
});

test('a kind of the tenant is searched as it is normalised', () => {
  const lower: IdentifierKind = { ...CUSTOMER, normaliser: 'lowercase' };
  expect(beginnings(' C-1 ', [CUSTOMER])).toEqual(['customerId C-1']);
  expect(beginnings(' C-1 ', [lower])).toEqual(['customerId c-1']);
});

test('the ranges of a prefix hold what begins with it, and nothing else', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', '%', '_', '\\', 'é', '\uffff', '😀'),
    maxLength: 8,
  });
  fc.assert(
    fc.property(text, text, (prefix, value) => {
      const ranges = searchRanges(prefix, [CUSTOMER], FORMS);
      const isFound = ranges.some(({ from, to }) => byBytes(from, value) <= 0 && byBytes(value, to) < 0);
      expect(isFound).toBe([...prefix].length >= 3 && value.startsWith(prefix));
      expect(rangeOf(ranges, { kind: 'customerId', value }) !== -1).toBe(isFound);
    }),
    {
      seed,
      numRuns: 500,
      examples: [
        ['aaa', 'aaa'],
        ['aaa', 'aaa😀'],
        ['aa\uffff', 'aa😀'],
      ],
    },
  );
});

test('whoever types an identifier from its beginning finds it at every letter', () => {
  const phone = fc.constantFrom(
    '+49 170 1234567',
    '0170 1234567',
    '+1 (650) 253-0000',
    '919191',
    '0049 30 123456',
  );
  fc.assert(
    fc.property(phone, fc.constantFrom('DE' as const, 'US' as const, null), (typed, region) => {
      const forms = { ...FORMS, defaultPhoneRegion: region };
      const value = normalisePhone(typed, region)!;
      const email = normaliseEmail('George.McFly@HillValley.edu')!;
      for (let length = 1; length <= typed.length; length++) {
        const ranges = searchRanges(typed.slice(0, length), [PHONE_NUMBER], forms);
        if (ranges.length > 0) {
          expect([typed.slice(0, length), rangeOf(ranges, { kind: 'phoneNumber', value })]).not.toContain(-1);
        }
      }
      const mails = searchRanges('GEORGE.m', [EMAIL], forms);
      expect(rangeOf(mails, { kind: 'email', value: email })).toBe(0);
    }),
    { seed, numRuns: 50 },
  );
});

test('the first match is that of the first range, then of the least value', () => {
  const ranges = searchRanges('123', BOTH, FORMS);
  const all = [
    identifier('phoneNumber', '1234'),
    identifier('email', '123b@x.example'),
    identifier('email', '123@x.example'),
    identifier('email', '12@x.example'),
    identifier('phoneNumber', '123'),
  ];
  expect(firstMatch(ranges, all)).toEqual(identifier('email', '123@x.example'));
  expect(firstMatch(ranges, [all[0]!, all[3]!, all[4]!])).toEqual(all[4]);
  expect(firstMatch(ranges, [all[3]!])).toBeNull();
  const odd = searchRanges('aaa', [CUSTOMER], FORMS);
  const pair = ['aaa😀', 'aaa\uffff'].map((value) => identifier('customerId', value));
  expect(firstMatch(odd, pair)).toEqual(pair[1]);
});
