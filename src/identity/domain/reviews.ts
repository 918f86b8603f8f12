import type { Identifier } from './contact.js';

/** Two identifiers that a sighting had together and that policy did not link. */
export type Pair = readonly [Identifier, Identifier];

/** Why a link was withheld, so that people decide on it. */
export const REVIEW_REASONS = ['limit', 'do-not-link'] as const;
export type ReviewReason = (typeof REVIEW_REASONS)[number];

/** A review to open. Its id is provisional: -1 for the first of a decision, then -2, … */
export interface NewReview {
  readonly id: number;
  readonly pair: Pair;
  readonly reason: ReviewReason;
}

/** The reviews of some pairs as they were read. A pair that nobody asked about is unknown, not without a review. */
export class KnownReviews {
  private constructor(private readonly ids: ReadonlyMap<string, number | null>) {}

  static readonly NONE = new KnownReviews(new Map());

  /** @param ids of the reviews, in the order of the pairs; null: there is none */
  static of(pairs: readonly Pair[], ids: readonly (number | null)[]): KnownReviews {
    return new KnownReviews(new Map(pairs.map((pair, i) => [keyOf(pair), ids[i] ?? null])));
  }

  /** The id of the review of a pair; null: there is none; undefined: that is not known. */
  idOf(pair: Pair): number | null | undefined {
    return this.ids.get(keyOf(pair));
  }

  /** These, and those of another time. */
  with(later: KnownReviews): KnownReviews {
    return new KnownReviews(new Map([...this.ids, ...later.ids]));
  }
}

/** The same for both orders of a pair. */
export function keyOf([one, other]: Pair): string {
  return JSON.stringify([one, other].map(({ kind, value }) => [kind, value]).toSorted(byText));
}

function byText(one: readonly string[], other: readonly string[]): number {
  const [a, b] = [JSON.stringify(one), JSON.stringify(other)];
  return a < b ? -1 : a > b ? 1 : 0;
}
