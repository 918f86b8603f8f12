import { parsePhoneNumberFromString, type CountryCode } from 'libphonenumber-js/max';
import { isSettled } from './calling-codes.js';

/** Characters that an email may have; RFC 5321 allows a path of 256, which has two angle brackets. */
export const EMAIL_MAX_LENGTH = 254;

/**
 * Characters of a value, trimmed, that are looked at. NFC takes a time that grows with the square of the combining marks
 * in a row. No character is composed of more than four, so that a longer text can't become an email.
 */
export const RAW_MAX_LENGTH = 4 * EMAIL_MAX_LENGTH;

/** What stands between the digits of a phone number: any space, hyphen or dash, dot, parentheses, slash, invisible marks. */
const SEPARATORS = /[\p{Zs}\p{Pd}\p{Cf}.()/]/gu;

/** `+` and the 15 digits that E.164 allows; some national numbers that count as valid would come out longer. */
const E164_MAX_LENGTH = 16;

/**
 * Brings an email to its one form: trimmed, Unicode NFC, lower case; null if nothing is left.
 *
 * Idempotent, and total: it never refuses. Whether the result is a valid address is judged where it came in. A text that
 * is too long for any address comes back trimmed and no more.
 *
 * @example normaliseEmail(' McFly@HillValley.EDU ') // 'mcfly@hillvalley.edu'
 */
export function normaliseEmail(raw: string): string | null {
  const trimmed = raw.trim();
  if (trimmed === '' || trimmed.length > RAW_MAX_LENGTH) {
    return trimmed || null;
  }
  // Lower-casing can decompose (İ becomes i and a dot above), hence NFC again at the end.
  return trimmed.normalize('NFC').toLowerCase().normalize('NFC');
}

/**
 * Brings a phone number to its one form; null if it is blank.
 *
 * An international number (`+…`, or `00…` where a possible one follows) becomes E.164: `+` and digits. A national
 * number becomes E.164 if it is valid in the region, and otherwise stays its digits. Separators are dropped.
 *
 * Idempotent, and total: it never refuses. What has letters or too many digits comes back with them, to be judged
 * where it came in, and what is longer than any number is written comes back trimmed and no more.
 *
 * @param region ISO 3166-1 alpha-2 code of the country whose national numbers are understood; null: none
 * @example normalisePhone('+1 (555) 010-9999', null) // '+15550109999'
 * @example normalisePhone('030 123456', 'DE') // '+4930123456'
 * @example normalisePhone('123456', null) // '123456'
 */
export function normalisePhone(raw: string, region: CountryCode | null): string | null {
  const trimmed = raw.trim();
  if (trimmed === '' || trimmed.length > RAW_MAX_LENGTH) {
    return trimmed || null;
  }
  // nothing but separators is no blank: it stays as it is, and is refused where it came in
  const compact = trimmed.replace(SEPARATORS, '').trim() || trimmed;
  if (/^\+\d{1,20}$/.test(compact)) {
    return international(compact) ?? compact;
  }
  if (!/^\d{1,20}$/.test(compact)) {
    return compact;
  }
  const abroad = compact.startsWith('00') ? international(`+${compact.slice(2)}`) : null;
  if (abroad === `+${compact.slice(2)}`) {
    return abroad;
  }
  // 00 and a number only after something was taken away may be another prefix altogether, like 0011 in Australia
  return (region === null ? null : national(compact, region)) ?? abroad ?? compact;
}

/** E.164 of a possible international number; a trunk zero as in `+49 (0)30 …` is not part of it. */
function international(digits: string): string | null {
  if (digits.length <= E164_MAX_LENGTH && isSettled(digits)) {
    return digits;
  }
  const parsed = parsePhoneNumberFromString(digits, { extract: false });
  if (parsed?.isPossible() !== true) {
    return null;
  }
  // what comes out as it went in has had its second pass: most numbers are stored and sent in this form
  return parsed.number === digits && digits.length <= E164_MAX_LENGTH ? digits : settled(parsed.number);
}

function national(digits: string, defaultCountry: CountryCode): string | null {
  const parsed = parsePhoneNumberFromString(digits, { defaultCountry, extract: false });
  return parsed?.isValid() === true ? settled(parsed.number) : null;
}

/** Refuses a form that a second pass would change again: two forms of one number would be two identifiers. */
function settled(number: string): string | null {
  const again = parsePhoneNumberFromString(number, { extract: false });
  return number.length <= E164_MAX_LENGTH && again?.number === number && again.isPossible() ? number : null;
}
