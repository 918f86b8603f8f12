import { getCountries, parsePhoneNumberFromString, type CountryCode } from 'libphonenumber-js/max';
import type { Sighting } from '../../identity/domain/contact.js';
import type { Kinds } from '../../identity/domain/kinds.js';
import { normalisePhone } from '../../identity/domain/normalise.js';

/** Numbers by which the region is found: each is read by the rules of 245 countries, which takes about 2 ms. */
const SAMPLE = 100;

/** Phone numbers that would be international ones with a region. */
export interface MissingRegion {
  /** Phone numbers that keep their digits, because no region is set */
  readonly nationalNumbers: number;
  /** Those of them that would be international numbers with the region */
  readonly international: number;
  /** The region; several, if the numbers fit each of them equally well: that in which most are mobile numbers first */
  readonly regions: readonly CountryCode[];
}

/**
 * Finds the region that a dry run without one should have had.
 *
 * The region is that in which most of the first national numbers are valid. Of several, it is that of most international numbers in
 * the same input, if these tell. Memory does not grow with the input.
 */
export class NationalNumbers {
  private readonly phoneKinds: ReadonlySet<string>;
  private readonly sample: string[] = [];
  /** International numbers of the input by their country; the first of them */
  private readonly countries = new Map<CountryCode, number>();
  private abroad = 0;
  private regions: readonly CountryCode[] | null = null;
  private nationalNumbers = 0;
  private international = 0;

  constructor({ all }: Kinds) {
    this.phoneKinds = new Set(all.filter(({ normaliser }) => normaliser === 'phone').map(({ name }) => name));
  }

  /** Counts the phone numbers of a sighting, as they are without a region. */
  add({ identifiers }: Sighting): void {
    for (const { kind, value } of identifiers) {
      if (!this.phoneKinds.has(kind)) {
        continue;
      }
      if (value.startsWith('+')) {
        this.addInternational(value);
      } else {
        this.addNational(value);
      }
    }
  }

  /** Null: there are no numbers that a region would make international. */
  found(): MissingRegion | null {
    const regions = this.regions ?? this.decide();
    const { nationalNumbers, international } = this;
    return international === 0 ? null : { nationalNumbers, international, regions };
  }

  private addInternational(value: string): void {
    if (this.regions === null && this.abroad < SAMPLE) {
      this.abroad++;
      const country = parsePhoneNumberFromString(value, { extract: false })?.country;
      if (country !== undefined) {
        this.countries.set(country, (this.countries.get(country) ?? 0) + 1);
      }
    }
  }

  private addNational(value: string): void {
    this.nationalNumbers++;
    if (this.regions !== null) {
      this.international += isInternationalIn(value, this.regions[0]) ? 1 : 0;
      return;
    }
    this.sample.push(value);
    if (this.sample.length === SAMPLE) {
      this.decide();
    }
  }

  /** Chooses the region, and counts the sample by it. */
  private decide(): readonly CountryCode[] {
    const numbersIn = (country: CountryCode): number =>
      this.sample.filter((value) => isInternationalIn(value, country)).length;
    const mobilesIn = (country: CountryCode): number =>
      this.sample.filter((value) => isMobileIn(value, country)).length;
    const valid = best(getCountries(), numbersIn);
    const most = numbersIn(valid[0]!);
    const seen = best(valid, (country) => this.countries.get(country) ?? 0);
    this.regions = most === 0 ? [] : byScore(seen, mobilesIn);
    this.international += most;
    return this.regions;
  }
}

/** The highest score first; otherwise in the order given. */
function byScore(
  countries: readonly CountryCode[],
  scoreOf: (country: CountryCode) => number,
): CountryCode[] {
  const scores = new Map(countries.map((country) => [country, scoreOf(country)]));
  return countries.toSorted((a, b) => scores.get(b)! - scores.get(a)!);
}

/** Those with the highest score. */
function best(countries: readonly CountryCode[], scoreOf: (country: CountryCode) => number): CountryCode[] {
  const scores = countries.map(scoreOf);
  const highest = Math.max(...scores);
  return countries.filter((_, i) => scores[i] === highest);
}

function isMobileIn(value: string, region: CountryCode): boolean {
  const type = parsePhoneNumberFromString(normalisePhone(value, region) ?? '', { extract: false })?.getType();
  return type === 'MOBILE' || type === 'FIXED_LINE_OR_MOBILE';
}

/** @param region undefined: none fits, so no number becomes one */
function isInternationalIn(value: string, region: CountryCode | undefined): boolean {
  return region !== undefined && normalisePhone(value, region)?.startsWith('+') === true;
}
