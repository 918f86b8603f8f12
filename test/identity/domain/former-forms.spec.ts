import { formerForms } from '../../../src/identity/domain/former-forms.js';
import { normalise, type NormalForms } from '../../../src/identity/domain/normalise.js';
import { EMAIL, PHONE_NUMBER } from '../../../src/identity/domain/kinds.js';

const DE: NormalForms = { defaultPhoneRegion: 'DE', emailRules: 'gmail' };
const NONE: NormalForms = { defaultPhoneRegion: null, emailRules: 'none' };

const formersOf = (kind: string, value: string, forms: NormalForms): string[] =>
  formerForms({ kind, value }, forms).map((each) => each.value);

test.each([
  ['phoneNumber', '+491711234567', ['491711234567', '1711234567', '01711234567']],
  ['phoneNumber', '+12025550124', []],
  ['phoneNumber', '123456', []],
  ['email', 'doc@münchen.de', ['doc@xn--mnchen-3ya.de']],
  ['email', 'janedoe@gmail.com', ['janedoe@googlemail.com']],
  ['email', 'lorraine@hillvalley.edu', []],
  ['customerId', '+491711234567', []],
])('the older forms that %s %s tells', (kind, value, expected) => {
  expect(formersOf(kind, value, DE)).toEqual(expected);
});

test('each of them has the normal form that it is told from', () => {
  for (const [kind, value] of [
    [PHONE_NUMBER, '+491711234567'],
    [PHONE_NUMBER, '+4930123456'],
    [EMAIL, 'doc@münchen.de'],
    [EMAIL, 'janedoe@gmail.com'],
  ] as const) {
    const former = formersOf(kind.name, value, DE);
    expect(former.length).toBeGreaterThan(0);
    expect(former.map((each) => normalise(kind, each, DE))).toEqual(former.map(() => value));
  }
});

test('without a region and without rules for emails only domains had other forms', () => {
  expect(formersOf('phoneNumber', '+491711234567', NONE)).toEqual([]);
  expect(formersOf('email', 'janedoe@gmail.com', NONE)).toEqual([]);
  expect(formersOf('email', 'doc@münchen.de', NONE)).toEqual(['doc@xn--mnchen-3ya.de']);
});
