import phones, { type PhoneNumberType as NumberType } from 'google-libphonenumber';
import { getCountries, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { EMAIL, Kinds, PHONE_NUMBER } from '../../../src/identity/domain/kinds.js';
import { otherFormOf, otherPrefixesOf } from '../../../src/identity/domain/phone-forms.js';
import { random, seedOf } from '../../support/random.js';

// A CommonJS package, whose names are found only like this.
const { PhoneNumberType, PhoneNumberUtil } = phones;

describe('the other form of a mobile number', () => {
  it.each([
    ['in Mexico, with a 1', '+525512345678', '+5215512345678'],
    ['in Argentina, with a 9', '+541123456789', '+5491123456789'],
    ['in the provinces of Argentina', '+543514567890', '+5493514567890'],
    ['in Brazil, with a ninth digit', '+551187654321', '+5511987654321'],
    ['in Brazil, where numbers began with 7', '+552176543210', '+5521976543210'],
  ])('%s', (_, shorter, longer) => {
    expect([otherFormOf(shorter), otherFormOf(longer)]).toEqual([longer, shorter]);
  });

  it.each([
    ['a landline in Brazil', '+551133334444'],
    ['a landline in Brazil with a ninth digit, which is another number', '+5511933334444'],
    ['an area code that Brazil does not have', '+552087654321'],
    ['a free number in Mexico', '+528001234567'],
    ['an area code that Mexico does not have', '+521001234567'],
    ['another length', '+52551234567'],
    ['another country', '+14155552671'],
    ['digits without a country', '5511987654321'],
    ['no number', '+55'],
  ])('is none: %s', (_, number) => {
    expect(otherFormOf(number)).toBeNull();
  });

  it('is mobile today, as another library knows it, and nothing else has one', () => {
    const draw = random(seedOf('phone forms'));
    const util = PhoneNumberUtil.getInstance();
    const digits = (count: number): string =>
      Array.from({ length: count }, () => String(Math.floor(draw() * 10))).join('');
    const isMobile = (number: string): boolean => {
      const parsed = util.parse(number);
      const mobile: readonly NumberType[] = [PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE];
      return util.isValidNumber(parsed) && mobile.includes(util.getNumberType(parsed));
    };
    const found = { yes: 0, no: 0 };
    for (let i = 0; i < 3000; i++) {
      // A zero would be that of a call within the country.
      const ten = `${1 + Math.floor(draw() * 9)}${digits(9)}`;
      for (const [shorter, longer, today] of [
        [`+52${ten}`, `+521${ten}`, 'shorter'],
        [`+54${ten}`, `+549${ten}`, 'longer'],
        [`+55${ten}`, `+55${ten.slice(0, 2)}9${ten.slice(2)}`, 'longer'],
      ] as const) {
        const isLandline = shorter.startsWith('+55') && !/[6-9]/.test(ten[2]!);
        const expected = !isLandline && isMobile(today === 'shorter' ? shorter : longer);
        expect([shorter, otherFormOf(shorter)]).toEqual([shorter, expected ? longer : null]);
        expect([longer, otherFormOf(longer)]).toEqual([longer, expected ? shorter : null]);
        found[expected ? 'yes' : 'no']++;
      }
    }
    expect(Math.min(found.yes, found.no)).toBeGreaterThan(500);
  });

  it('is none in all other countries', () => {
    const util = PhoneNumberUtil.getInstance();
    const numbers = getCountries()
      .filter((country) => !['MX', 'AR', 'BR'].includes(country))
      .flatMap((country) => Object.values(PhoneNumberType).map((type) => [country, type] as const))
      .flatMap(([country, type]) => util.getExampleNumberForType(country, type as NumberType) ?? [])
      .map((example) => util.format(example, phones.PhoneNumberFormat.E164));
    expect(numbers.length).toBeGreaterThan(1000);
    expect(numbers.filter((number) => otherFormOf(number) !== null)).toEqual([]);
  });

  it('is found while it is typed', () => {
    for (const [one, other] of [
      ['+525512345678', '+5215512345678'],
      ['+541123456789', '+5491123456789'],
      ['+551187654321', '+5511987654321'],
    ] as const) {
      for (const [typed, stored] of [
        [one, other],
        [other, one],
      ] as const) {
        expect(parsePhoneNumberFromString(typed)).toBeDefined();
        for (let length = 8; length <= typed.length; length++) {
          const prefixes = [typed.slice(0, length), ...otherPrefixesOf(typed.slice(0, length))];
          expect([typed, length, prefixes.some((prefix) => stored.startsWith(prefix))]).toEqual([
            typed,
            length,
            true,
          ]);
        }
      }
    }
  });
});

test('only numbers have forms, and none if the tenant is told that they are two numbers', () => {
  const [shorter, longer] = ['+525512345678', '+5215512345678'];
  const customerId = { ...PHONE_NUMBER, name: 'customerId', number: 2, normaliser: 'trim' as const };
  const second = { ...PHONE_NUMBER, name: 'landline', number: 3 };
  const kinds = new Kinds([EMAIL, PHONE_NUMBER, customerId, second]);
  const formOf = (kind: string): unknown => kinds.otherForm({ kind, value: shorter });
  expect(formOf('phoneNumber')).toEqual({ kind: 'phoneNumber', value: longer });
  expect(formOf('landline')).toEqual({ kind: 'landline', value: longer });
  expect([formOf('customerId'), formOf('email'), formOf('unknown')]).toEqual([null, null, null]);
  expect(new Kinds(kinds.all, 'apart').otherForm({ kind: 'phoneNumber', value: shorter })).toBeNull();
});
