import type { Identifier } from './contact.js';
import type { IdentifierKind, Normaliser } from './kinds.js';
import {
  emailPrefixes,
  normaliseLowercase,
  normaliseText,
  phonePrefixes,
  type NormalForms,
} from './normalise.js';
import { otherPrefixesOf, type PhoneForms } from './phone-forms.js';

/** The least characters of a prefix in its normal form. Fewer would match a large part of all identifiers. */
export const PREFIX_MIN_LENGTH = 3;

/** The settings that a search depends on. */
export interface SearchSettings extends NormalForms {
  readonly phoneForms: PhoneForms;
}

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
const PREFIXES: Readonly<Record<Normaliser, (prefix: string, settings: SearchSettings) => string[]>> = {
  email: (prefix, { emailRules }) => {
    const [typed = '', ...mailboxes] = emailPrefixes(prefix, emailRules);
    return [typed, ...mailboxes.filter(isLongEnough)];
  },
  phone: (prefix, { defaultPhoneRegion, phoneForms }) => {
    const prefixes = phonePrefixes(prefix, defaultPhoneRegion);
    return phoneForms === 'apart' ? prefixes : [...prefixes, ...prefixes.flatMap(otherPrefixesOf)];
  },
  trim: (prefix) => [normaliseText(prefix, prefix.length) ?? ''],
  lowercase: (prefix) => [normaliseLowercase(prefix, prefix.length) ?? ''],
};

/**
 * Where identifiers lie that begin with what somebody typed, in its normal form. Empty if no kind can begin like that with
 * enough characters.
 *
 * A phone number may begin in several ways: `0170` is `+49170` where Germany is the region, and stays `0170` if the rest does
 * not become a valid number. So may an email by the rules of Gmail: `doc.b` is `docb` at gmail.com.
 *
 * @param kinds the kinds to search, in the order in which their matches are told
 * @example searchRanges('Geo', [EMAIL], settings) // [{ kind: 'email', from: 'geo', to: 'geo\u{10ffff}' }]
 */
export function searchRanges(
  prefix: string,
  kinds: readonly IdentifierKind[],
  settings: SearchSettings,
): ValueRange[] {
  return kinds.flatMap((kind) => {
    const prefixes = PREFIXES[kind.normaliser](prefix, settings);
    return withoutNested(isLongEnough(prefixes[0] ?? '') ? prefixes : []).map((from) => ({
      kind: kind.name,
      from,
      to: `${from}${LAST_CHARACTER}`,
    }));
  });
}

function isLongEnough(prefix: string): boolean {
  return [...prefix].length >= PREFIX_MIN_LENGTH;
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
