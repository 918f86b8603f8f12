import { Metadata } from 'libphonenumber-js/core';
import { getCountries, getCountryCallingCode, type CountryCode } from 'libphonenumber-js/max';
import metadataJson from 'libphonenumber-js/max/metadata';

/** The common rules of all countries with a calling code. */
interface CallingCode {
  /** The prefix that the library may remove from a number or add to it; null: none. */
  readonly prefix: RegExp | null;
  /** Lengths, without the calling code, that a number may have in each of these countries. */
  readonly lengths: ReadonlySet<number>;
}

const MAX_CALLING_CODE_DIGITS = 3;

let callingCodes: ReadonlyMap<string, CallingCode> | null = null;

/**
 * Whether `+` and digits are a possible number that the library would leave unchanged.
 *
 * Most numbers are stored and sent in this form. The library needs 10 µs to find that out, this function less than 1 µs.
 * False means nothing: ask the library then.
 */
export function isSettled(number: string): boolean {
  callingCodes ??= readCallingCodes();
  // No calling code is a prefix of another.
  for (let length = 1; length <= MAX_CALLING_CODE_DIGITS; length++) {
    const callingCode = callingCodes.get(number.slice(1, length + 1));
    if (callingCode !== undefined) {
      const national = number.slice(length + 1);
      return callingCode.lengths.has(national.length) && callingCode.prefix?.test(national) !== true;
    }
  }
  return false;
}

/** The library reads a number by the rules of the first country of its calling code, and then looks for the right country. */
function readCallingCodes(): ReadonlyMap<string, CallingCode> {
  const countriesOf = Map.groupBy(getCountries(), (country): string => getCountryCallingCode(country));
  const metadata = new Metadata(metadataJson);
  return new Map(
    [...countriesOf].map(([code, countries]) => {
      const lengths = countries.map((country) => {
        metadata.selectNumberingPlan(country);
        return metadata.numberingPlan!.possibleLengths();
      });
      // Works, though it is not in the types: the rules for the calling code.
      metadata.selectNumberingPlan(code as never);
      const { numberingPlan } = metadata as unknown as {
        numberingPlan: { nationalPrefixForParsing(): string | undefined };
      };
      const prefix = numberingPlan.nationalPrefixForParsing();
      return [
        code,
        {
          prefix: prefix === undefined ? null : new RegExp(`^(?:${prefix})`),
          lengths: new Set(lengths[0]!.filter((length) => lengths.every((each) => each.includes(length)))),
        },
      ];
    }),
  );
}

/** Whether national numbers of a country begin with a prefix, mostly 0, when they are dialled within it. */
export function hasTrunkPrefix(country: CountryCode): boolean {
  const metadata = new Metadata(metadataJson);
  metadata.selectNumberingPlan(country);
  // Works, though it is not in the types.
  const { numberingPlan } = metadata as unknown as {
    numberingPlan: { nationalPrefix(): string | undefined };
  };
  return numberingPlan.nationalPrefix() !== undefined;
}
