import type { Identifier } from './contact.js';
import { IdentifierMap } from './identifier-map.js';
import type { IdentifierKind, Kinds, Normaliser } from './kinds.js';
import {
  emailGlob,
  normaliseEmail,
  RAW_MAX_LENGTH,
  withoutSeparators,
  type NormalForms,
} from './normalise.js';

/** What stands for any characters, also for none. */
const ANY = '*';

/** A value, or a glob of values: `*` stands for any characters. */
export interface Pattern {
  /** The name of the kind. */
  readonly kind: string;
  /** In its normal form; see {@link readGlob}. */
  readonly pattern: string;
}

/** A pattern of values that must not link identities. */
export interface BlockedPattern extends Pattern {
  readonly id: number;
}

/** The identifiers of a tenant that must not link identities. */
export class Blocklist {
  private readonly exact = new IdentifierMap<BlockedPattern>();
  private readonly globs: ReadonlyMap<string, readonly Glob[]>;
  readonly isEmpty: boolean;

  constructor(patterns: readonly BlockedPattern[] = []) {
    this.isEmpty = patterns.length === 0;
    const globs = patterns.filter(({ pattern }) => isGlob(pattern)).map(globOf);
    this.globs = Map.groupBy(globs, ({ blocked }) => blocked.kind);
    for (const blocked of patterns.filter(({ pattern }) => !isGlob(pattern))) {
      this.exact.set({ kind: blocked.kind, value: blocked.pattern }, blocked);
    }
  }

  /** Whether one of the patterns matches. An exact value costs one look-up, each glob of the kind a comparison. */
  isBlocked(identifier: Identifier): boolean {
    return (
      !this.isEmpty &&
      (this.exact.has(identifier) ||
        this.globs.get(identifier.kind)?.some(({ parts }) => fits(parts, identifier.value)) === true)
    );
  }

  /** The patterns that match: that of the exact value first, then globs in the order given. */
  matching(identifier: Identifier): BlockedPattern[] {
    const exact = this.exact.get(identifier);
    const globs = this.globs.get(identifier.kind) ?? [];
    const found = globs.filter(({ parts }) => fits(parts, identifier.value)).map(({ blocked }) => blocked);
    return exact === undefined ? found : [exact, ...found];
  }
}

/** Whether one of the patterns matches an identifier, or its other form. */
export function matcherOf(patterns: readonly Pattern[], kinds: Kinds): Blocklist['isBlocked'] {
  const blocklist = new Blocklist(patterns.map((pattern, id) => ({ id, ...pattern })));
  return (identifier) => kinds.withOtherForms([identifier]).some((each) => blocklist.isBlocked(each));
}

/** A pattern with `*`, ready to be compared. */
interface Glob {
  readonly blocked: BlockedPattern;
  /** Its text before, between and after the `*`. */
  readonly parts: readonly string[];
}

function globOf(blocked: BlockedPattern): Glob {
  return { blocked, parts: blocked.pattern.split(ANY) };
}

/** Whether a pattern stands for more than one value. */
export function isGlob(pattern: string): boolean {
  return pattern.includes(ANY);
}

/** The characters that every match of a pattern begins with. */
export function literalStart(pattern: string): string {
  return pattern.split(ANY, 1)[0]!;
}

/**
 * Whether a value consists of these parts, in order, with any characters between them.
 *
 * Each part takes its first place after the part before it: a later place would leave less for the parts that follow. So
 * nothing is tried twice, however many parts there are.
 *
 * @param parts at least two; the value begins with the first and ends with the last
 */
function fits(parts: readonly string[], value: string): boolean {
  const [head, tail] = [parts[0]!, parts.at(-1)!];
  const end = value.length - tail.length;
  let at = head.length;
  if (at > end || !value.startsWith(head) || !value.endsWith(tail)) {
    return false;
  }
  for (let i = 1; i < parts.length - 1; i++) {
    const found = value.indexOf(parts[i]!, at);
    if (found === -1) {
      return false;
    }
    at = found + parts[i]!.length;
  }
  return at <= end;
}

/** Why a pattern is refused. */
export type GlobRefusal = 'malformed' | 'too-long' | 'matches-everything' | 'matches-every-mailbox';

/** How a glob is written, by how values of its kind get their normal form. */
interface GlobForm {
  /** Null: every mailbox of Gmail would match. */
  readonly normalise: (trimmed: string, forms: NormalForms) => string | null;
  /** What it may contain: no value has control or invisible characters. */
  readonly wellFormed: RegExp;
  /** What tells no values apart, because nearly all contain it. */
  readonly common: RegExp;
}

const VISIBLE = /^[^\p{Cc}\p{Cs}\p{Cf}]*$/u;
const lowerCase = (trimmed: string): string => normaliseEmail(trimmed) ?? '';

const GLOB_FORMS: Readonly<Record<Normaliser, GlobForm>> = {
  email: {
    normalise: (trimmed, { emailRules }) => emailGlob(lowerCase(trimmed), emailRules),
    wellFormed: VISIBLE,
    common: /[*@.]/g,
  },
  phone: { normalise: withoutSeparators, wellFormed: /^[+*]?[\d*]*$/, common: /[*+]/g },
  trim: { normalise: (trimmed) => trimmed.normalize('NFC'), wellFormed: VISIBLE, common: /[*]/g },
  lowercase: { normalise: lowerCase, wellFormed: VISIBLE, common: /[*]/g },
};

/**
 * Gives a glob its normal form, so that it can be compared with normalised values: trimmed, and as its kind wants it NFC, in
 * lower case, or without separators. Several `*` in a row become one.
 *
 * @param raw contains a `*`; what contains none is a value, and is normalised as one
 * @param forms decides on emails of Gmail; see {@link emailGlob}
 * @example readGlob(EMAIL, ' NoReply@* ', forms) // 'noreply@*'
 */
export function readGlob(
  { normaliser, maxLength }: IdentifierKind,
  raw: string,
  forms: NormalForms,
): string | { readonly refused: GlobRefusal } {
  const trimmed = raw.trim();
  if (trimmed.length > RAW_MAX_LENGTH) {
    return { refused: 'too-long' };
  }
  const { normalise, wellFormed, common } = GLOB_FORMS[normaliser];
  const pattern = normalise(trimmed, forms)?.replaceAll(/\*{2,}/g, ANY);
  if (pattern === undefined) {
    return { refused: 'matches-every-mailbox' };
  }
  if (!wellFormed.test(pattern)) {
    return { refused: 'malformed' };
  }
  if (pattern.length > maxLength) {
    return { refused: 'too-long' };
  }
  return pattern.replaceAll(common, '') === '' ? { refused: 'matches-everything' } : pattern;
}
