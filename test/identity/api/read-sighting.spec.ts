import * as fc from 'fast-check';
import { sightingOf } from '../../support/wire.js';
import { validateSync } from 'class-validator';
import { InvalidRequestError } from '../../../src/http/problems/problem.errors.js';
import { IdentifyRequest } from '../../../src/identity/api/dto/identify.request.js';
import { readSighting, type ReadingOptions } from '../../../src/identity/api/dto/read-sighting.js';
import { EMAIL, Kinds, STANDARD_KINDS } from '../../../src/identity/domain/kinds.js';
import { readValue, type ReadValue } from '../../../src/identity/api/dto/read-value.js';
import type { Sighting } from '../../../src/identity/domain/contact.js';
import { normaliseEmail, normalisePhone, RAW_MAX_LENGTH } from '../../../src/identity/domain/normalise.js';
import { CUSTOMER_ID, LOYALTY_CARD } from '../../support/policy.js';
import { announceSeed, seed } from '../../support/sightings.js';

announceSeed('read-sighting');

const OPTIONS: ReadingOptions = {
  defaultPhoneRegion: null,
  emailRules: 'none',
  unknownProperties: 'ignore',
};

const KINDS = new Kinds([...STANDARD_KINDS.all, CUSTOMER_ID, LOYALTY_CARD]);

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
    return work();
  } catch (error) {
    return error instanceof InvalidRequestError ? error.errors : error;
  }
}

/** What the rules alone say of the normalised values. */
function judged(email: unknown, phoneNumber: unknown): unknown {
  const request = new IdentifyRequest(email, phoneNumber);
  const mistakes = validateSync(request, { stopAtFirstError: true });
  return mistakes.length === 0
    ? sightingOf({ email: email as string | null, phoneNumber: phoneNumber as string | null })
    : mistakes.map(({ property, constraints }) => ({
        field: property,
        message: Object.values(constraints!)[0],
      }));
}

test.each([null, 'DE' as const])('what is plainly right is what the rules take: region %p', (region) => {
  let taken = 0;
  fc.assert(
    fc.property(aValue(anEmail), aValue(aPhone), (email, phoneNumber) => {
      const read = verdict(() =>
        readSighting({ email, phoneNumber }, { ...OPTIONS, defaultPhoneRegion: region }, STANDARD_KINDS),
      );
      const number =
        Number.isInteger(phoneNumber) && Number(phoneNumber) >= 0 ? String(phoneNumber) : phoneNumber;
      expect(read).toEqual(
        judged(
          typeof email === 'string' ? normaliseEmail(email) : (email ?? null),
          typeof number === 'string' ? normalisePhone(number, region) : (number ?? null),
        ),
      );
      taken += Array.isArray(read) ? 0 : 1;
    }),
    { seed, numRuns: 3000 },
  );
  expect(taken).toBeGreaterThan(100);
});

/** Pieces of which values of declared kinds are made, right ones and wrong ones. */
const aMark = fc.constantFrom(
  // prettier-ignore
  'C',
  '-',
  '1',
  ' ',
  '\t',
  '\u00a0',
  '\ufeff',
  '\u200b',
  '\u0000',
  '\u0085',
  '\ud800',
  'e\u0301',
  '\u0130',
  '\u03a3',
  '\u212b',
  '😀',
  '\u2000',
);
const aText20 = fc.array(aMark, { maxLength: 24 }).map((marks) => marks.join(''));
const aGivenValue = fc.oneof(
  { weight: 6, arbitrary: aText20 },
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.oneof(fc.nat(), fc.maxSafeInteger(), fc.double(), fc.constantFrom(2 ** 53, -0, 1e21)),
  fc.constantFrom<unknown>(null, '', ' ', true, [], ['C-1'], {}),
);
const aName = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('customerId', 'loyaltyCard') },
  fc.constantFrom('email', 'phoneNumber', '__proto__', 'constructor', 'toString', '', 'customerid'),
);

/** What a value of a kind becomes: a text, null for nothing, or `refused`; said in other words than the service does. */
function expectedOf(name: string, given: unknown): string | null {
  const max = [CUSTOMER_ID, LOYALTY_CARD].find((kind) => kind.name === name)?.maxLength;
  if (max === undefined) {
    return 'refused';
  }
  if (given === null) {
    return null;
  }
  if (typeof given === 'number') {
    return Number.isInteger(given) && given >= 0 && given < 2 ** 53 ? BigInt(given).toString() : 'refused';
  }
  if (typeof given !== 'string') {
    return 'refused';
  }
  const bare = given.replace(/^[\s\ufeff]+/u, '').replace(/[\s\ufeff]+$/u, '');
  const composed = bare.normalize('NFD').normalize('NFC');
  const value = name === 'loyaltyCard' ? composed.toLocaleLowerCase('en').normalize('NFC') : composed;
  const characters = Array.from(value);
  const isIll = characters.some((character) =>
    /^[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{DI}\u{FFFD}]$/u.test(character),
  );
  return value === '' ? null : isIll || characters.length > max ? 'refused' : value;
}

test('any object of identifiers is read as the kinds say, and every mistake in it is named', () => {
  const counts = { taken: 0, refused: 0 };
  fc.assert(
    fc.property(fc.dictionary(aName, aGivenValue, { maxKeys: 3 }), fc.boolean(), (object, hasEmail) => {
      const identifiers: unknown = JSON.parse(JSON.stringify(object));
      const given = Object.entries(identifiers as Record<string, unknown>).map(
        ([name, value]) => [name, expectedOf(name, value)] as const,
      );
      const email = hasEmail ? 'mcfly@hillvalley.edu' : null;
      const read = verdict(() => readSighting({ email, identifiers }, OPTIONS, KINDS));
      const refused = given.filter(([, value]) => value === 'refused').map(([name]) => `identifiers.${name}`);
      const values = new Map(given.filter(([, value]) => value !== null));
      if (refused.length > 0 || (email === null && values.size === 0)) {
        const fields = refused.length > 0 ? refused : ['email', 'phoneNumber', 'identifiers'];
        const mistakes = read as readonly { field: string; message: string }[];
        expect(mistakes.map(({ field }) => field).toSorted()).toEqual(fields.toSorted());
        counts.refused++;
        return;
      }
      const [customerId, loyaltyCard] = [values.get('customerId'), values.get('loyaltyCard')];
      expect(read).toEqual({
        identifiers: [
          ...(customerId ? [{ kind: 'customerId', value: customerId }] : []),
          ...(email === null ? [] : [{ kind: 'email', value: email }]),
          ...(loyaltyCard ? [{ kind: 'loyaltyCard', value: loyaltyCard }] : []),
        ],
      });
      counts.taken++;
    }),
    { seed, numRuns: 4000 },
  );
  expect(counts.taken).toBeGreaterThan(400);
  expect(counts.refused).toBeGreaterThan(400);
});

test('the rules of Gmail make one mailbox of its spellings, and take and refuse what is taken and refused without them', () => {
  const counts = { reduced: 0, refused: 0 };
  // most of them plain, so that most locals are taken
  const aPieceOfLocal = fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom('a', 'B', '9', 'é', '+', '.a', 'a.') },
    { weight: 1, arbitrary: fc.constantFrom('.', '"', ' ', '@', '\u200b', '\u0301', '😀', 'a'.repeat(30)) },
  );
  const aLocal = fc.array(aPieceOfLocal, { minLength: 1, maxLength: 6 }).map((pieces) => pieces.join(''));
  const aDomain = fc.constantFrom('gmail.com', 'GoogleMail.com', 'hillvalley.edu', 'gmail.com.br');
  fc.assert(
    fc.property(aLocal, aDomain, (local, domain) => {
      const email = `${local}@${domain}`;
      const [plain, reduced] = [OPTIONS, { ...OPTIONS, emailRules: 'gmail' as const }].map((options) =>
        readValue(EMAIL, email, options),
      ) as [ReadValue, ReadValue];
      if (!('value' in plain)) {
        counts.refused++;
        expect(reduced).toEqual(plain);
        return;
      }
      const [, box, host] = /^(.*)@(.*)$/s.exec(plain.value!)!;
      const isOfGmail = host === 'gmail.com' || host === 'googlemail.com';
      const name = box!.startsWith('"') ? box! : box!.replace(/\+.*$/s, '').split('.').join('') || box!;
      const isMarked = /\p{M}/u.test(box!);
      const expected = isOfGmail ? `${isMarked ? box! : name}@gmail.com` : plain.value;
      counts.reduced += Number(expected !== plain.value);
      expect(reduced).toEqual({ value: expected });
      expect(verdict(() => readSighting({ email }, { ...OPTIONS, emailRules: 'gmail' }, KINDS))).toEqual({
        identifiers: [{ kind: 'email', value: expected }],
      });
    }),
    { seed, numRuns: 2000 },
  );
  expect(counts.reduced).toBeGreaterThan(150);
  expect(counts.refused).toBeGreaterThan(200);
});

test('a value that was read is read again as it is', () => {
  fc.assert(
    fc.property(fc.constantFrom(CUSTOMER_ID, LOYALTY_CARD), aText20, (kind, text) => {
      const once = readValue(kind, text, OPTIONS);
      if ('value' in once && once.value !== null) {
        expect(readValue(kind, once.value, OPTIONS)).toEqual(once);
      }
    }),
    { seed, numRuns: 4000 },
  );
});

test('no work on a field grows faster than its length: what is composed or parsed is of a bounded length', () => {
  const lengths: number[] = [];
  const names = ['normalize', 'replace'] as const;
  const original = Object.fromEntries(
    names.map((name) => [name, Reflect.get(String.prototype, name) as () => string]),
  );
  for (const name of names) {
    Object.assign(String.prototype, {
      [name](this: string, ...args: unknown[]): unknown {
        lengths.push(this.length);
        return Reflect.apply(original[name]!, this, args);
      },
    });
  }
  try {
    fc.assert(
      fc.property(
        fc.constantFrom('a', '\u0300', '\u0316', ' ', '1', '+', '-', '\u200b', '@', '.'),
        fc.integer({ min: 0, max: 200_000 }),
        fc.constantFrom('', 'a', '+1', '00', 'mcfly@'),
        fc.constantFrom('', 'a', '@hillvalley.edu', '.'),
        (unit, length, start, end) => {
          const text = `${start}${unit.repeat(length)}${end}`;
          verdict(() =>
            readSighting(
              { email: text, phoneNumber: text, identifiers: { customerId: text, loyaltyCard: text } },
              { ...OPTIONS, defaultPhoneRegion: 'DE' },
              KINDS,
            ),
          );
        },
      ),
      { seed, numRuns: 300 },
    );
  } finally {
    Object.assign(String.prototype, original);
  }
  expect(lengths.length).toBeGreaterThan(0);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(RAW_MAX_LENGTH);
});

describe('an email is refused that differs from another by what nobody sees', () => {
  it.each([
    '\u034F',
    '\u115F',
    '\u3164',
    '\uFE0F',
    '\u17B4',
    '\u2028',
    '\u2029',
    '\uFFFD',
    '\u200B',
    '\u00AD',
  ])('%j, in both parts', (unseen) => {
    for (const email of [`mc${unseen}fly@hillvalley.edu`, `mcfly@hill${unseen}välley.edu`]) {
      expect(verdict(() => readSighting({ email }, OPTIONS, STANDARD_KINDS))).toEqual([
        { field: 'email', message: 'email must be a valid email address' },
      ]);
    }
  });

  it.each([
    '\u0301mcfly@hillvalley.edu',
    'mcfly@\u0301hillvalley.edu',
    'mcfly@hill.\u0301edu',
    'mcfly@℀.com',
  ])('or whose domain nobody can read: %j', (email) => {
    expect(verdict(() => readSighting({ email }, OPTIONS, STANDARD_KINDS))).toMatchObject([
      { field: 'email' },
    ]);
  });
});

describe('a phone number is refused with its cause', () => {
  it.each([
    ['2133734253 x12', 'phoneNumber must not have an extension'],
    ['+1 213 373 4253 ext. 5', 'phoneNumber must not have an extension'],
    ['tel:+12133734253;ext=5', 'phoneNumber must not have an extension'],
    ['2133734253.5', 'phoneNumber must not have a fraction'],
    ['-2133734253', 'phoneNumber must have 1 to 15 digits'],
    ['1-800-FLOWERS', 'phoneNumber must have 1 to 15 digits'],
  ])('%s', (phoneNumber, message) => {
    expect(verdict(() => readSighting({ phoneNumber }, OPTIONS, STANDARD_KINDS))).toEqual([
      { field: 'phoneNumber', message: expect.stringContaining(message) },
    ]);
  });
});
