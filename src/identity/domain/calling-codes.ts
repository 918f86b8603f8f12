import { Metadata } from 'libphonenumber-js/core';
import { getCountries, getCountryCallingCode } from 'libphonenumber-js/max';
import metadataJson from 'libphonenumber-js/max/metadata';

/** What all countries of a calling code have in common. */
interface CallingCode {
  /** What the library may take away from the front of a number, or put there; null: nothing. */
  readonly prefix: RegExp | null;
  /** Lengths that a number behind the calling code may have in each of these countries. */
  readonly lengths: ReadonlySet<number>;
}

const MAX_CALLING_CODE_DIGITS = 3;

let callingCodes: ReadonlyMap<string, CallingCode> | null = null;

/**
 * Whether `+` and digits are a possible number that the library would leave as it is.
 *
 * Most numbers are stored and sent in this form, and the library takes 10 µs to say so, this a fraction of one. False
 * says nothing: the library has to be asked.
 */
export function isSettled(number: string): boolean {
  callingCodes ??= readCallingCodes();
  // No calling code begins with another one.
  for (let length = 1; length <= MAX_CALLING_CODE_DIGITS; length++) {
    const callingCode = callingCodes.get(number.slice(1, length + 1));
    if (callingCode !== undefined) {
      const national = number.slice(length + 1);
      return callingCode.lengths.has(national.length) && callingCode.prefix?.test(national) !== true;
    }
  }
  return false;
}

/** The library reads a number by the plan of the first country of its calling code, and then looks for the right one. */
function readCallingCodes(): ReadonlyMap<string, CallingCode> {
  const countriesOf = Map.groupBy(getCountries(), (country): string => getCountryCallingCode(country));
  const metadata = new Metadata(metadataJson);
  return new Map(
    [...countriesOf].map(([code, countries]) => {
      const lengths = countries.map((country) => {
        metadata.selectNumberingPlan(country);
        return metadata.numberingPlan!.possibleLengths();
      });
      // Also understood, though not in the types: the plan that the calling code stands for.
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
