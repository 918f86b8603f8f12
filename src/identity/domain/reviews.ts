import type { Identifier } from './contact.js';
import type { Kinds } from './kinds.js';

/** Two identifiers that a sighting had together and that policy did not link. */
export type Pair = readonly [Identifier, Identifier];

/** Why a link was withheld, so that people decide on it. */
export const REVIEW_REASONS = ['limit', 'do-not-link'] as const;
export type ReviewReason = (typeof REVIEW_REASONS)[number];

/** What people decide on a link that was withheld. */
export const REVIEW_DECISIONS = ['link', 'keep-apart'] as const;
export type ReviewDecision = (typeof REVIEW_DECISIONS)[number];

/** A review to open. Its id is provisional: -1 for the first of a decision, then -2, … */
export interface NewReview {
  readonly id: number;
  readonly pair: Pair;
  readonly reason: ReviewReason;
}

/** A review as it is stored. */
export interface StoredReview {
  readonly id: number;
  /** Null: it is open. */
  readonly decision: ReviewDecision | null;
}

/** The reviews of some pairs as they were read. A pair that nobody asked about is unknown, not without a review. */
export class KnownReviews {
  private constructor(private readonly byPair: ReadonlyMap<string, StoredReview | null>) {}

  static readonly NONE = new KnownReviews(new Map());

  /** @param reviews in the order of the pairs; null: there is none */
  static of(pairs: readonly Pair[], reviews: readonly (StoredReview | null)[]): KnownReviews {
    return new KnownReviews(new Map(pairs.map((pair, i) => [keyOf(pair), reviews[i] ?? null])));
  }

  /** The review of a pair; null: there is none; undefined: that is not known. */
  get(pair: Pair): StoredReview | null | undefined {
    return this.byPair.get(keyOf(pair));
  }

  /** These, and those of another time. */
  with(later: KnownReviews): KnownReviews {
    return new KnownReviews(new Map([...this.byPair, ...later.byPair]));
  }
}

/** The pair with its stronger identifier first, as a sighting has it. */
export function strongestFirst(kinds: Kinds, [one, other]: Pair): Pair {
  const rank = ({ kind }: Identifier): number => kinds.all.indexOf(kinds.named(kind));
  return rank(one) <= rank(other) ? [one, other] : [other, one];
}

/** The same for both orders of a pair. */
export function keyOf([one, other]: Pair): string {
  return JSON.stringify([one, other].map(({ kind, value }) => [kind, value]).toSorted(byText));
}

function byText(one: readonly string[], other: readonly string[]): number {
  const [a, b] = [JSON.stringify(one), JSON.stringify(other)];
  return a < b ? -1 : a > b ? 1 : 0;
}
