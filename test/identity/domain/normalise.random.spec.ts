import * as fc from 'fast-check';
import {
  getCountries,
  getCountryCallingCode,
  getExampleNumber,
  parsePhoneNumberFromString,
} from 'libphonenumber-js/max';
import type { CountryCode } from 'libphonenumber-js/max';
import examples from 'libphonenumber-js/mobile/examples';
import { isSettled } from '../../../src/identity/domain/calling-codes.js';
import {
  EMAIL_MAX_LENGTH,
  normaliseEmail,
  normalisePhone,
  RAW_MAX_LENGTH,
} from '../../../src/identity/domain/normalise.js';
import { aShare, announceSeed, seed } from '../../support/sightings.js';

announceSeed('random emails and phone numbers');

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  // Also lone surrogates.
  fc.array(fc.nat({ max: 0xffff })).map((units) => String.fromCharCode(...units)),
);

/** Letters that change with case and composition in ways of their own, what combines with them, and spaces. */
const CASED = 'IiİıΣσςßẞǄǅﬁŉΐᾼᾳ\u212a\u212b\u2126A';
const COMBINING = '\u0307\u0301\u0323\u0345\u0308\u0328\u1100\u1161\u11a8\u00ad';
const SPACES = ' \u00a0\u2000\ufeff\u200b';
const aTrickyEmail = fc.string({ unit: fc.constantFrom(...`${CASED}${COMBINING}${SPACES}@.`) });

function localPartOf(email: string): string {
  return email.slice(0, email.lastIndexOf('@') + 1);
}

describe('a normalised email', () => {
  it('is in its one form: a second pass changes nothing, nor does trimming, composing or lower-casing', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, aTrickyEmail, fc.emailAddress()), (raw) => {
        const email = normaliseEmail(raw) ?? '';
        expect({
          again: normaliseEmail(email) ?? '',
          trimmed: email.trim(),
          composed: email.normalize('NFC'),
          // case folding, which the domain goes through, makes Cherokee letters large
          lower: normaliseEmail(email.toLowerCase()) ?? '',
          lowerLocalPart: localPartOf(email).toLowerCase(),
        }).toEqual({
          again: email,
          trimmed: email,
          composed: email,
          lower: email,
          lowerLocalPart: localPartOf(email),
        });
      }),
      { seed, numRuns: 2000 },
    );
  });

  it('is in its one form for every character of Unicode, alone and between others', () => {
    const unstable: string[] = [];
    for (let code = 0; code < 0x20000; code++) {
      const character = String.fromCodePoint(code);
      for (const raw of [
        character,
        `a${character}`,
        `Σ${character}a`,
        `a${character}\u0307`,
        `\u0130${character}`,
        `a@ü${character}b.de`,
        `"a${character}"@b.de`,
      ]) {
        const email = normaliseEmail(raw) ?? '';
        if (email !== (normaliseEmail(email) ?? '') || email !== email.normalize('NFC')) {
          unstable.push(raw);
        }
      }
    }
    expect(unstable).toEqual([]);
  });

  it('can not come of a text longer than the one that is looked at: four characters make one at the most', () => {
    let most = 0;
    for (let code = 0; code < 0x110000; code++) {
      const character = String.fromCodePoint(code).normalize('NFC');
      most = Math.max(most, character.normalize('NFD').length / character.length);
    }
    expect(most).toBe(RAW_MAX_LENGTH / EMAIL_MAX_LENGTH);
  });

  it('is one for all ways to write it: composed or not, in any case, with space around', () => {
    fc.assert(
      fc.property(fc.emailAddress(), fc.oneof(anyText, aTrickyEmail), (address, text) => {
        expect(normaliseEmail(` ${address.toUpperCase()}\n`)).toBe(address.toLowerCase());
        expect(normaliseEmail(text.normalize('NFD'))).toBe(normaliseEmail(text));
      }),
      { seed, numRuns: 500 },
    );
  });
});

const aRegion = fc.constantFrom<CountryCode | null>(null, ...getCountries());
const digits = (minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength, maxLength, size: 'max' });
const aSeparator = fc.constantFrom('', '', '', ' ', '-', '.', '(', ')', '/', '\u00a0', ' (');
const aCallingCode = fc.constantFrom(...getCountries()).map(getCountryCallingCode);
/** An exit prefix, a country, a trunk prefix also where none belongs and twice, and digits. */
const aNumberInParts = fc
  .tuple(
    fc.constantFrom('', '+', '+', '00', '00', '0', '000', '+00', '+0', '011'),
    fc.oneof(aCallingCode, fc.constantFrom('', '800', '979', '999')),
    fc.constantFrom('', '', '0', '00', '000', '1', '11', '8', '88', '9', '15'),
    digits(0, 13),
  )
  .map((parts) => parts.join(''));
const aNumberThatExists = fc.constantFrom(...getCountries()).chain((country) => {
  const number = getExampleNumber(country, examples)!;
  return fc.constantFrom(number.number, `00${number.number.slice(1)}`, number.formatNational());
});
const aNumber = fc.oneof(aNumberInParts, aNumberThatExists);
const aSpelling = fc
  .tuple(aNumber, fc.infiniteStream(aSeparator))
  .map(([number, separators]) => Array.from(number, (sign) => sign + separators.next().value).join(''));

/** One dot, and digits: a spreadsheet may have written it. */
const LIKE_A_FRACTION = /^\s*\+?\d+\.\d+\s*$/;

describe('a normalised phone number', () => {
  it('is in its one form: a second pass in the same region changes nothing', () => {
    fc.assert(
      fc.property(fc.oneof({ weight: 4, arbitrary: aSpelling }, anyText), aRegion, (raw, region) => {
        const phoneNumber = normalisePhone(raw, region);
        expect(phoneNumber === null ? null : normalisePhone(phoneNumber, region)).toBe(phoneNumber);
      }),
      { seed, numRuns: 10_000 },
    );
  });

  it('is what the library says, also where nobody asks it', () => {
    let settled = 0;
    fc.assert(
      fc.property(aCallingCode, digits(1, 14), (code, number) => {
        const phoneNumber = `+${code}${number}`;
        if (isSettled(phoneNumber)) {
          settled++;
          const parsed = parsePhoneNumberFromString(phoneNumber, { extract: false });
          expect([phoneNumber, parsed?.number, parsed?.isPossible()]).toEqual([
            phoneNumber,
            phoneNumber,
            true,
          ]);
        }
      }),
      { seed, numRuns: 10_000 },
    );
    expect(settled).toBeGreaterThan(1000);
  });

  it('does not depend on separators', () => {
    fc.assert(
      fc.property(aNumber, fc.infiniteStream(aSeparator), aRegion, (number, separators, region) => {
        const spelling = Array.from(number, (sign) => sign + separators.next().value).join('');
        fc.pre(!LIKE_A_FRACTION.test(spelling));
        expect(normalisePhone(spelling, region)).toBe(normalisePhone(number, region));
      }),
      { seed, numRuns: 2000 },
    );
  });

  it('does not depend on the region if it begins with plus', () => {
    fc.assert(
      fc.property(digits(1, 18), aRegion, (number, region) => {
        expect(normalisePhone(`+${number}`, region)).toBe(normalisePhone(`+${number}`, null));
      }),
      { seed, numRuns: 2000 },
    );
  });

  it('does not depend on the region if it begins with 00 and what follows is international as it stands', () => {
    fc.assert(
      fc.property(fc.oneof(aNumberInParts, aNumberThatExists), aRegion, (number, region) => {
        const international = `+${number.slice(2)}`;
        fc.pre(number.startsWith('00') && normalisePhone(number, null) === international);
        expect(normalisePhone(number, region)).toBe(international);
      }),
      { seed, numRuns: 1000 },
    );
  });

  it('is what was sent if that is digits, does not begin with 00, and no region is set', () => {
    fc.assert(
      fc.property(digits(1, 18), (number) => {
        fc.pre(!number.startsWith('00'));
        expect(normalisePhone(number, null)).toBe(number);
      }),
      { seed, numRuns: 500 },
    );
  });

  it('has 1 to 15 digits if what was sent has', () => {
    fc.assert(
      fc.property(aNumber, aRegion, (number, region) => {
        fc.pre(/^\+?\d{1,15}$/.test(number.replaceAll(/[^\d+]/g, '')));
        expect(normalisePhone(number, region)).toMatch(/^\+?\d{1,15}$/);
      }),
      { seed, numRuns: 2000 },
    );
  });

  it('keeps every sign that is neither digit nor separator, to be refused for it', () => {
    const aSpoiledNumber = fc
      .tuple(aSpelling, fc.oneof(fc.constantFrom('x', 'ext', ';ext=', '#', ',', '~'), anyText), aShare)
      .map(([number, text, share]) => {
        const at = 1 + Math.trunc(share * number.length);
        return number.slice(0, at) + text + number.slice(at);
      });

    fc.assert(
      fc.property(fc.oneof(aSpoiledNumber, anyText), aRegion, (raw, region) => {
        fc.pre(!/^\s*['=]/.test(raw));
        const foreign = Array.from(raw.replaceAll(/[\p{Nd}\s\uFF0B+.()/\p{Pd}\p{Cf}]/gu, ''));
        const kept = normalisePhone(raw, region) ?? '';
        expect(foreign.filter((sign) => !kept.includes(sign))).toEqual([]);
      }),
      { seed, numRuns: 2000 },
    );
  });
});

describe('a phone number of any country', () => {
  it('is one number, written nationally or internationally', () => {
    const differing = getCountries().filter((country) => {
      const number = getExampleNumber(country, examples)!;
      const spellings = [
        normalisePhone(number.formatNational(), country),
        normalisePhone(number.formatInternational(), null),
        normalisePhone(`00${number.number.slice(1)}`, country),
        normalisePhone(number.number, country),
      ];
      return spellings.some((spelling) => spelling !== number.number);
    });

    expect(differing).toEqual([]);
  });
});
