import { AsYouType, parsePhoneNumberFromString, type CountryCode } from 'libphonenumber-js/max';
import { isSettled } from './calling-codes.js';

/** Characters that an email may have; RFC 5321 allows a path of 256, which has two angle brackets. */
export const EMAIL_MAX_LENGTH = 254;

/**
 * The most characters of a trimmed value that are normalised. The time of NFC grows with the square of the combining marks in
 * a row. No character is composed of more than four, so a longer text can't become an email.
 */
export const RAW_MAX_LENGTH = 4 * EMAIL_MAX_LENGTH;

/** Separators in a phone number: any space, hyphen or dash, dot, parentheses, slash, invisible marks. */
const SEPARATORS = /[\p{Zs}\p{Pd}\p{Cf}.()/]/gu;

/** `+` and the 15 digits that E.164 allows; some national numbers that count as valid would become longer. */
const E164_MAX_LENGTH = 16;

/**
 * Gives an email its normal form: trimmed, Unicode NFC, lower case; null if nothing is left.
 *
 * Idempotent, and total: it never refuses. The caller checks whether the result is a valid address. A text that is too long
 * for an address is only trimmed.
 *
 * @example normaliseEmail(' McFly@HillValley.EDU ') // 'mcfly@hillvalley.edu'
 */
export function normaliseEmail(raw: string): string | null {
  const trimmed = raw.trim();
  if (trimmed === '' || trimmed.length > RAW_MAX_LENGTH) {
    return trimmed || null;
  }
  // Lower case can decompose a character (İ becomes i and a dot above), so NFC is applied again.
  return trimmed.normalize('NFC').toLowerCase().normalize('NFC');
}

/**
 * Gives a phone number its normal form; null if it is blank.
 *
 * An international number (`+…`, or `00…` if a possible number follows) becomes E.164: `+` and digits. A national number
 * becomes E.164 if it is valid in the region, and otherwise keeps its digits. Separators are dropped.
 *
 * Idempotent, and total: it never refuses. Letters and excess digits stay in the result, so that the caller can refuse it. A
 * text that is too long for a number is only trimmed.
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
  // A text of separators alone is not blank: it stays, so that the caller refuses it.
  const compact = withoutSeparators(trimmed) || trimmed;
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
  // If the number is possible only after the library removed digits, 00 may be part of another prefix, like 0011 in Australia.
  return (region === null ? null : national(compact, region)) ?? abroad ?? compact;
}

/**
 * How normalised phone numbers may begin that were typed like this: with the digits as they are, and in E.164. Empty if it is
 * not the beginning of a phone number.
 *
 * @param region as for {@link normalisePhone}
 * @example phonePrefixes('0170 12', 'DE') // ['017012', '+4917012']
 */
export function phonePrefixes(raw: string, region: CountryCode | null): string[] {
  const compact = withoutSeparators(raw);
  if (!/^\+?\d{1,15}$/.test(compact)) {
    return [];
  }
  const spellings = compact.startsWith('00') ? [compact, `+${compact.slice(2)}`] : [compact];
  // `+49 (0)170` is `+49170`, but in Italy the zero stays: the library knows.
  const inE164 = spellings.map((spelling) => {
    const formatter = new AsYouType(region ?? undefined);
    formatter.input(spelling);
    return formatter.getNumberValue() ?? '';
  });
  return [compact, ...inE164.filter((number) => /^\+[1-9]/.test(number))];
}

/** What is left of a phone number without its separators. */
export function withoutSeparators(raw: string): string {
  return raw.replace(SEPARATORS, '').trim();
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
  // An unchanged number needs no second pass. Most numbers are stored and sent in this form.
  return parsed.number === digits && digits.length <= E164_MAX_LENGTH ? digits : settled(parsed.number);
}

function national(digits: string, defaultCountry: CountryCode): string | null {
  const parsed = parsePhoneNumberFromString(digits, { defaultCountry, extract: false });
  return parsed?.isValid() === true ? settled(parsed.number) : null;
}

/** Rejects a form that a second pass would change: two forms of one number would be two identifiers. */
function settled(number: string): string | null {
  const again = parsePhoneNumberFromString(number, { extract: false });
  return number.length <= E164_MAX_LENGTH && again?.number === number && again.isPossible() ? number : null;
}
