import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import type { Pattern } from './blocklist.js';
import { EMAIL, PHONE_NUMBER } from './kinds.js';
import { normalisePhone } from './normalise.js';

/** The most digits of a phone number. */
const MAX_DIGITS = 15;

const EQUAL_DIGITS = [...'0123456789'].flatMap((digit) =>
  Array.from({ length: MAX_DIGITS }, (_, i) => digit.repeat(i + 1)),
);

const DIGITS_IN_ORDER = [
  '12',
  '123',
  '1234',
  '12345',
  '123456',
  '1234567',
  '12345678',
  '123456789',
  '1234567890',
  '012345',
  '0123456',
  '01234567',
  '012345678',
  '0123456789',
  '654321',
  '7654321',
  '87654321',
  '987654321',
  '9876543210',
  '0987654321',
  '123123',
  '123123123',
  '1231231234',
  '1231231231',
];

/** Placeholders that were typed after the code of North America. Area codes begin with 2 to 9, and 555 and 999 are none. */
const WITH_CODE_1 = ['0000000000', '1111111111', '5555555555', '9999999999', '1234567890', '1231231234'];

const EMAILS = [
  'noreply@*',
  'no-reply@*',
  'no_reply@*',
  'no.reply@*',
  'donotreply@*',
  'do-not-reply@*',
  'test@test.com',
  'test@test.test',
  'test@testing.com',
  'test@example.com',
  'user@example.com',
  'name@example.com',
  'email@example.com',
  'none@example.com',
  'nobody@example.com',
  'noemail@example.com',
  'none@none.com',
  'no@no.com',
  'na@na.com',
  'n@a.com',
  'nomail@nomail.com',
  'noemail@noemail.com',
  'null@null.com',
  'unknown@unknown.com',
  'a@a.com',
  'a@b.com',
  'aa@aa.com',
  'aaa@aaa.com',
  'abc@abc.com',
  'asd@asd.com',
  'asdf@asdf.com',
  'qwe@qwe.com',
  'qwerty@qwerty.com',
  'xxx@xxx.com',
];

/**
 * Values that people type where a field must not stay empty, and that nobody owns.
 *
 * A phone number may have been typed with a plus, so it is listed in both forms in which it may be stored. Left out are those
 * that begin with the code of a country then and are valid there: `+33 3 33 33 33 33` is a number of somebody in France. If
 * the service has a default region, it stores the digits of a number that is valid there in E.164. That is somebody's too.
 */
export function placeholders(): Pattern[] {
  const phones = [...EQUAL_DIGITS, ...DIGITS_IN_ORDER].flatMap((digits) => [digits, ...withPlus(digits)]);
  const withCode = WITH_CODE_1.flatMap((digits) => withPlus(`1${digits}`));
  return [
    ...EMAILS.map((pattern): Pattern => ({ kind: EMAIL.name, pattern })),
    ...[...new Set([...phones, ...withCode])].map((pattern): Pattern => ({
      kind: PHONE_NUMBER.name,
      pattern,
    })),
  ];
}

/** The digits with a plus, as they are stored; nothing if they are not stored, or are the number of somebody. */
function withPlus(digits: string): string[] {
  const stored = normalisePhone(`+${digits}`, null) ?? '';
  const isOwned = parsePhoneNumberFromString(stored, { extract: false })?.isValid() === true;
  return stored.startsWith('+0') || isOwned ? [] : [stored];
}
