import * as fc from 'fast-check';
import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { Blocklist, isGlob, literalStart, readGlob } from '../../../src/identity/domain/blocklist.js';
import { EMAIL, PHONE_NUMBER, type IdentifierKind } from '../../../src/identity/domain/kinds.js';
import { normaliseEmail, normalisePhone, type NormalForms } from '../../../src/identity/domain/normalise.js';
import { placeholders } from '../../../src/identity/domain/placeholders.js';
import { IdentifyRequest } from '../../../src/identity/api/dto/identify.request.js';
import { mistakesOf } from '../../../src/identity/api/dto/read-body.js';
import { announceSeed, seed } from '../../support/sightings.js';

announceSeed('blocked values');

const CUSTOMER: IdentifierKind = {
  ...EMAIL,
  name: 'customerId',
  number: 2,
  normaliser: 'trim',
  priority: 10,
  maxLength: 64,
};

const FORMS: NormalForms = { defaultPhoneRegion: null, emailRules: 'none' };
const GMAIL: NormalForms = { ...FORMS, emailRules: 'gmail' };

const email = (value: string) => ({ kind: 'email', value });
const phone = (value: string) => ({ kind: 'phoneNumber', value });
const blocking = (...patterns: string[]): Blocklist =>
  new Blocklist(patterns.map((pattern, i) => ({ id: i + 1, kind: 'email', pattern })));

/** What a glob matches, by the table of all pairs of beginnings: another way than the one that is tested. */
function matchesByTable(pattern: string, value: string): boolean {
  let reached = Array.from({ length: value.length + 1 }, (_, length) => length === 0);
  for (const character of pattern) {
    const before = reached;
    reached = before.map((_, i) =>
      character === '*'
        ? before.slice(0, i + 1).includes(true)
        : i > 0 && value[i - 1] === character && before[i - 1] === true,
    );
  }
  return reached.at(-1) === true;
}

test('an exact value is blocked in its own kind only', () => {
  const blocklist = new Blocklist([{ id: 7, kind: 'phoneNumber', pattern: '0000000000' }]);
  expect(blocklist.isBlocked(phone('0000000000'))).toBe(true);
  expect(blocklist.isBlocked(phone('000000000'))).toBe(false);
  expect(blocklist.isBlocked(email('0000000000'))).toBe(false);
  expect(blocklist.matching(phone('0000000000'))).toEqual([
    { id: 7, kind: 'phoneNumber', pattern: '0000000000' },
  ]);
});

test('nothing is blocked by an empty list', () => {
  expect(new Blocklist().isBlocked(email('biff@hillvalley.edu'))).toBe(false);
  expect(new Blocklist().matching(email('biff@hillvalley.edu'))).toEqual([]);
});

test.each([
  ['noreply@*', 'noreply@hillvalley.edu', true],
  ['noreply@*', 'noreply@', true],
  ['noreply@*', 'a.noreply@hillvalley.edu', false],
  ['*@hillvalley.edu', 'biff@hillvalley.edu', true],
  ['*@hillvalley.edu', 'biff@hillvalley.edu.au', false],
  ['no*reply@*.edu', 'no-reply@hillvalley.edu', true],
  ['no*reply@*.edu', 'noreply@hillvalley.com', false],
  ['ab*ba', 'aba', false],
  ['ab*ba', 'abba', true],
  ['a*b*c', 'acbc', true],
  ['a*b*c', 'acb', false],
  ['*aab*', 'aaab', true],
  ['.*@+?[a]', 'biff@+?[a]', false],
  ['.*@+?[a]', '.x@+?[a]', true],
])('the glob %s on %s', (pattern, value, isBlocked) => {
  expect(blocking(pattern).isBlocked(email(value))).toBe(isBlocked);
});

test('all patterns that match are told: the exact value first, then globs in their order', () => {
  const blocklist = blocking('*@hillvalley.edu', 'biff@*', 'doc@*', 'biff@hillvalley.edu');
  expect(blocklist.matching(email('biff@hillvalley.edu')).map(({ id }) => id)).toEqual([4, 1, 2]);
});

test('a glob of very many stars is compared without trying anything twice', () => {
  const value = `${'a'.repeat(252)}c`;
  expect(blocking(`${'a*'.repeat(126)}b`).isBlocked(email(value))).toBe(false);
  expect(blocking(`${'*a'.repeat(126)}*b*`).isBlocked(email(value))).toBe(false);
  expect(blocking(`${'a*'.repeat(126)}c`).isBlocked(email(value))).toBe(true);
});

test('random globs match what a table of all beginnings says', () => {
  const aText = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 });
  const aPattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '*'), maxLength: 8 });
  const seen = { matched: 0, missed: 0 };
  fc.assert(
    fc.property(aPattern, aText, (pattern, value) => {
      const isMatch = matchesByTable(pattern, value);
      seen[isMatch ? 'matched' : 'missed']++;
      expect(blocking(pattern).isBlocked(email(value))).toBe(isMatch);
      expect(isMatch && !value.startsWith(literalStart(pattern))).toBe(false);
    }),
    { seed, numRuns: 5_000 },
  );
  expect(Math.min(seen.matched, seen.missed)).toBeGreaterThan(500);
});

describe('the normal form of a glob', () => {
  test.each([
    ['  NoReply@*  ', 'noreply@*', EMAIL],
    ['CAFE\u0301@**', 'caf\u00e9@*', EMAIL],
    ['+1 (555) *', '+1555*', PHONE_NUMBER],
    ['*00-00', '*0000', PHONE_NUMBER],
    [' X-* ', 'X-*', CUSTOMER],
    ['X-*', 'x-*', { ...CUSTOMER, normaliser: 'lowercase' as const }],
  ])('of %j is %s', (raw, pattern, kind) => {
    expect(readGlob(kind, raw, FORMS)).toBe(pattern);
    expect(readGlob(kind, pattern, FORMS)).toBe(pattern);
  });

  test.each([
    ['*', EMAIL],
    [' ** ', EMAIL],
    ['*@*', EMAIL],
    ['*@*.*', EMAIL],
    ['*', PHONE_NUMBER],
    ['+*', PHONE_NUMBER],
    ['***', CUSTOMER],
  ])('is refused if it matches everything: %j', (raw, kind) => {
    expect(readGlob(kind, raw, FORMS)).toEqual({ refused: 'matches-everything' });
  });

  test.each([
    ['a\u0000*', EMAIL],
    ['\ud800*', EMAIL],
    ['a\u200b*', EMAIL],
    ['abc*', PHONE_NUMBER],
    ['1+*', PHONE_NUMBER],
    ['a\u0007*', CUSTOMER],
  ])('is refused if no value can look like it: %j', (raw, kind) => {
    expect(readGlob(kind, raw, FORMS)).toEqual({ refused: 'malformed' });
  });

  test.each([
    ['Doc.*@GoogleMail.com', 'doc*@gmail.com'],
    ['d.o.c+*@gmail.com', 'doc@gmail.com'],
    ['*@googlemail.com', '*@gmail.com'],
    ['*.brown@gmail.com', '*brown@gmail.com'],
    ['no.reply@*', 'no.reply@*'],
    ['doc.*@hillvalley.edu', 'doc.*@hillvalley.edu'],
  ])('of mailboxes of Gmail is written as they are stored: %s', (raw, pattern) => {
    expect(readGlob(EMAIL, raw, GMAIL)).toBe(pattern);
    expect(readGlob(EMAIL, pattern, GMAIL)).toBe(pattern);
    expect(readGlob({ ...CUSTOMER, normaliser: 'lowercase' }, raw, GMAIL)).toBe(raw.toLowerCase());
  });

  test.each(['*+news@gmail.com', '*.*@googlemail.com', '*.@gmail.com'])(
    'is refused if a spelling of every mailbox of Gmail matches: %s',
    (raw) => {
      expect(readGlob(EMAIL, raw, GMAIL)).toEqual({ refused: 'matches-every-mailbox' });
      expect(readGlob(EMAIL, raw, FORMS)).toBe(raw);
    },
  );

  it('is at most as long as a value', () => {
    expect(readGlob(EMAIL, `${'a'.repeat(253)}*`, FORMS)).toHaveLength(254);
    expect(readGlob(EMAIL, `${'a'.repeat(254)}*`, FORMS)).toEqual({ refused: 'too-long' });
    expect(readGlob(CUSTOMER, `${'\u0301'.repeat(50_000)}*`, FORMS)).toEqual({ refused: 'too-long' });
  });
});

describe('the placeholders', () => {
  const PLACEHOLDERS = placeholders();
  const exact = PLACEHOLDERS.filter(({ pattern }) => !isGlob(pattern));

  it('are in their normal form, valid, and named once', () => {
    for (const { kind, pattern } of exact) {
      const normal = kind === 'email' ? normaliseEmail(pattern) : normalisePhone(pattern, null);
      const request =
        kind === 'email' ? new IdentifyRequest(normal, null) : new IdentifyRequest(null, normal);
      expect({ pattern, normal, mistakes: mistakesOf(request) }).toEqual({
        pattern,
        normal: pattern,
        mistakes: [],
      });
    }
    for (const { kind, pattern } of PLACEHOLDERS.filter((each) => isGlob(each.pattern))) {
      expect(readGlob(kind === 'email' ? EMAIL : PHONE_NUMBER, pattern, FORMS)).toBe(pattern);
    }
    expect(new Set(PLACEHOLDERS.map(({ kind, pattern }) => `${kind} ${pattern}`)).size).toBe(
      PLACEHOLDERS.length,
    );
  });

  it('are no number of anybody', () => {
    const owned = exact.filter(
      ({ kind, pattern }) =>
        kind === 'phoneNumber' && parsePhoneNumberFromString(pattern, { extract: false })?.isValid() === true,
    );
    expect(owned).toEqual([]);
  });

  it('include what is typed most, as it is stored', () => {
    const blocklist = new Blocklist(PLACEHOLDERS.map((each, id) => ({ id, ...each })));
    for (const raw of [
      '0',
      '000-000-0000',
      '(111) 111 1111',
      '1234567890',
      '+1 555 555 5555',
      '9'.repeat(15),
    ]) {
      expect([raw, blocklist.isBlocked(phone(normalisePhone(raw, null)!))]).toEqual([raw, true]);
    }
    for (const raw of ['test@test.com', 'NoReply@shop.example', 'none@none.com', 'a@a.com']) {
      expect([raw, blocklist.isBlocked(email(normaliseEmail(raw)!))]).toEqual([raw, true]);
    }
    expect(blocklist.isBlocked(phone('+33333333333'))).toBe(false);
    expect(blocklist.isBlocked(email('reply@hillvalley.edu'))).toBe(false);
  });
});
