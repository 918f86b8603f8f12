import { Metadata } from 'libphonenumber-js/core';
import type { CountryCode } from 'libphonenumber-js/max';
import metadataJson from 'libphonenumber-js/max/metadata';

/** Whether two forms of one mobile number count as the same number, or are two numbers. */
export type PhoneForms = (typeof PHONE_FORMS)[number];
export const PHONE_FORMS = ['same', 'apart'] as const;

/** How mobile numbers of a country are written in two forms: with a digit, and without it. Both are in use. */
interface TwoForms {
  readonly country: CountryCode;
  readonly longer: RegExp;
  readonly shorter: RegExp;
  /** The digit that makes the longer form. */
  readonly digit: '1' | '9';
  /** The form that the numbering plan has today. */
  readonly official: 'longer' | 'shorter';
}

/** By the third character of a number in E.164. The groups are what stands before the digit and after it. */
const BY_CALLING_CODE: Readonly<Record<string, TwoForms>> = {
  // Until 2019 mobile numbers had a 1 for calls from abroad. WhatsApp and many address books still have it.
  '2': {
    country: 'MX',
    longer: /^(\+52)1(\d{10})$/,
    shorter: /^(\+52)(\d{10})$/,
    digit: '1',
    official: 'shorter',
  },
  // The 9 tells that a call from abroad is for a mobile; within the country nobody dials it.
  '4': {
    country: 'AR',
    longer: /^(\+54)9(\d{10})$/,
    shorter: /^(\+54)(\d{10})$/,
    digit: '9',
    official: 'longer',
  },
  // From 2012 to 2016 mobile numbers, which began with 6 to 9, got a ninth digit. WhatsApp still has many without it.
  '5': {
    country: 'BR',
    longer: /^(\+55\d{2})9([6-9]\d{7})$/,
    shorter: /^(\+55\d{2})([6-9]\d{7})$/,
    digit: '9',
    official: 'longer',
  },
};

/** How numbers begin that may have two forms. */
export const STARTS_WITH_FORMS: readonly string[] = Object.keys(BY_CALLING_CODE).map((third) => `+5${third}`);

/** Lengths of the numbers above. */
const [MIN_LENGTH, MAX_LENGTH] = [13, 14];

/**
 * The other form in which a mobile number of Mexico, Argentina or Brazil is in use, if the number is valid in one of them; null: it has
 * no other form.
 *
 * The form of the other form is the number itself. Most numbers are of other countries: for these it only looks at the country.
 *
 * @param number in its normal form
 * @example otherFormOf('+5215512345678') // '+525512345678'
 */
export function otherFormOf(number: string): string | null {
  const { length } = number;
  const forms = mayHaveForms(number) ? BY_CALLING_CODE[number[2]!] : undefined;
  if (forms === undefined || length < MIN_LENGTH || length > MAX_LENGTH) {
    return null;
  }
  const { longer, shorter, digit, official } = forms;
  const isLonger = longer.test(number);
  if (!isLonger && !shorter.test(number)) {
    return null;
  }
  const other = isLonger ? number.replace(longer, '$1$2') : number.replace(shorter, `$1${digit}$2`);
  const today = isLonger === (official === 'longer') ? number : other;
  return isMobile(forms.country, today.slice(3)) ? other : null;
}

/** Whether a number begins like those of the three countries. */
export function mayHaveForms(number: string): boolean {
  const third = number.charCodeAt(2);
  return (
    number.charCodeAt(1) === 0x35 &&
    number.charCodeAt(0) === 0x2b &&
    (third === 0x32 || third === 0x34 || third === 0x35)
  );
}

/** Prefixes of both forms: how the longer one begins, and the shorter one. */
const PREFIX_FORMS: readonly (readonly [longer: RegExp, shorter: RegExp, digit: string])[] = [
  [/^(\+52)1(\d+)$/, /^(\+52)([2-9]\d*)$/, '1'],
  [/^(\+54)9(\d+)$/, /^(\+54)([1-8]\d*)$/, '9'],
  [/^(\+55\d{2})9([6-9]\d*)$/, /^(\+55\d{2})([6-9]\d*)$/, '9'],
];

/**
 * How else numbers may begin that somebody began to type.
 *
 * @example otherPrefixesOf('+52155') // ['+5255']
 */
export function otherPrefixesOf(prefix: string): string[] {
  return PREFIX_FORMS.flatMap(([longer, shorter, digit]) => [
    ...(longer.test(prefix) ? [prefix.replace(longer, '$1$2')] : []),
    ...(shorter.test(prefix) ? [prefix.replace(shorter, `$1${digit}$2`)] : []),
  ]);
}

const mobiles = new Map<CountryCode, RegExp>();

function isMobile(country: CountryCode, national: string): boolean {
  let mobile = mobiles.get(country);
  if (mobile === undefined) {
    mobile = new RegExp(`^(?:${patternOf(country)})$`);
    mobiles.set(country, mobile);
  }
  return mobile.test(national);
}

function patternOf(country: CountryCode): string {
  const metadata = new Metadata(metadataJson);
  metadata.selectNumberingPlan(country);
  // Works, though it is not in the types.
  const { numberingPlan } = metadata as unknown as {
    numberingPlan: { type(name: 'MOBILE'): { pattern(): string } };
  };
  return numberingPlan.type('MOBILE').pattern();
}
