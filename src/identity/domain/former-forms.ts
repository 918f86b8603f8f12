import { domainToASCII } from 'node:url';
import { getCountryCallingCode, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import type { Identifier } from './contact.js';
import { EMAIL, PHONE_NUMBER } from './kinds.js';
import type { NormalForms } from './normalise.js';

const GMAIL = '@gmail.com';

/**
 * What an identifier may have been stored as before the region was set, before `EMAIL_RULES`, or by a build that kept domains as
 * they came: the forms that can be told from the normal form. An email of Gmail may have had dots and tags that nobody knows.
 *
 * @returns without the normal form itself
 * @example formerForms({ kind: 'phoneNumber', value: '+4930123456' }, forms) // those with the values 4930123456, 30123456 and 030123456
 */
export function formerForms(
  { kind, value }: Identifier,
  { defaultPhoneRegion, emailRules }: NormalForms,
): Identifier[] {
  const former =
    kind === EMAIL.name
      ? emailsBefore(value, emailRules)
      : kind === PHONE_NUMBER.name && defaultPhoneRegion !== null && value.startsWith('+')
        ? numbersBefore(value, getCountryCallingCode(defaultPhoneRegion))
        : [];
  return [...new Set(former)].filter((each) => each !== value).map((each) => ({ kind, value: each }));
}

/** The digits of a number of the region, as people dial it there, and without what is in front. */
function numbersBefore(value: string, callingCode: string): string[] {
  if (!value.startsWith(`+${callingCode}`)) {
    return [];
  }
  const dialled = parsePhoneNumberFromString(value, { extract: false })?.formatNational() ?? '';
  return [value.slice(1), value.slice(callingCode.length + 1), dialled.replaceAll(/\D/g, '')].filter(
    (digits) => digits !== '',
  );
}

function emailsBefore(value: string, emailRules: NormalForms['emailRules']): string[] {
  const at = value.lastIndexOf('@');
  const ascii = domainToASCII(value.slice(at + 1));
  return [
    ...(ascii === '' ? [] : [`${value.slice(0, at + 1)}${ascii}`]),
    ...(emailRules === 'gmail' && value.endsWith(GMAIL)
      ? [`${value.slice(0, -GMAIL.length)}@googlemail.com`]
      : []),
  ];
}
