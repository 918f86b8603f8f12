import type { CountryCode } from 'libphonenumber-js/max';
import type { Identifier } from './contact.js';
import type { IdentifierKind, Normaliser } from './kinds.js';
import { normaliseEmail, normaliseLowercase, normaliseText, phonePrefixes } from './normalise.js';

/** The least characters of a prefix in its normal form. Fewer would match a large part of all identifiers. */
export const PREFIX_MIN_LENGTH = 3;

/** The last code point. It is no character, so no identifier has it. */
export const LAST_CHARACTER = '\u{10ffff}';

/** The values of a kind from one on, and before another, in the order of their code points. */
export interface ValueRange {
  /** The name of the kind. */
  readonly kind: string;
  readonly from: string;
  /** Not part of the range. */
  readonly to: string;
}

/** How identifiers of a kind begin that were typed like this; the first as it was typed, but for its normal form. */
const PREFIXES: Readonly<Record<Normaliser, (prefix: string, region: CountryCode | null) => string[]>> = {
  email: (prefix) => [normaliseEmail(prefix) ?? ''],
  phone: phonePrefixes,
  trim: (prefix) => [normaliseText(prefix, prefix.length) ?? ''],
  lowercase: (prefix) => [normaliseLowercase(prefix, prefix.length) ?? ''],
};

/**
 * Where identifiers lie that begin with what somebody typed, in its normal form. Empty if no kind can begin like that with
 * enough characters.
 *
 * A phone number may begin in several ways: `0170` is `+49170` where Germany is the region, and stays `0170` if the rest does
 * not become a valid number.
 *
 * @param kinds the kinds to search, in the order in which their matches are told
 * @param region as for `normalisePhone`
 * @example searchRanges('Geo', [EMAIL], null) // [{ kind: 'email', from: 'geo', to: 'geo\u{10ffff}' }]
 */
export function searchRanges(
  prefix: string,
  kinds: readonly IdentifierKind[],
  region: CountryCode | null,
): ValueRange[] {
  return kinds.flatMap((kind) => {
    const prefixes = PREFIXES[kind.normaliser](prefix, region);
    const isLongEnough = [...(prefixes[0] ?? '')].length >= PREFIX_MIN_LENGTH;
    return withoutNested(isLongEnough ? prefixes : []).map((from) => ({
      kind: kind.name,
      from,
      to: `${from}${LAST_CHARACTER}`,
    }));
  });
}

/** Where an identifier stands among the matches: in which of the ranges. -1: it is no match. */
export function rangeOf(ranges: readonly ValueRange[], { kind, value }: Identifier): number {
  return ranges.findIndex((range) => range.kind === kind && value.startsWith(range.from));
}

/** The match that comes first in the order of the ranges and of code points; null if none of the identifiers is one. */
export function firstMatch(
  ranges: readonly ValueRange[],
  identifiers: readonly Identifier[],
): Identifier | null {
  const matches = identifiers
    .map((identifier) => ({ identifier, at: rangeOf(ranges, identifier) }))
    .filter(({ at }) => at !== -1)
    .toSorted((a, b) => a.at - b.at || byCodePoint(a.identifier.value, b.identifier.value));
  return matches[0]?.identifier ?? null;
}

/** Without those that begin with another one, in order. */
function withoutNested(prefixes: readonly string[]): string[] {
  return [...new Set(prefixes)]
    .filter((prefix, _, all) => !all.some((other) => other !== prefix && prefix.startsWith(other)))
    .toSorted(byCodePoint);
}

/** As PostgreSQL compares with the collation "C". JavaScript's own order is that of UTF-16. */
function byCodePoint(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  const at = left.findIndex((character, i) => character !== right[i]);
  return at === -1
    ? left.length - right.length
    : left[at]!.codePointAt(0)! - (right[at]?.codePointAt(0) ?? -1);
}
