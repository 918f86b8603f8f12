/** A figure that was measured several times. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}

/** Spread of the ratios of values that were measured right after one another; both lists in order of rounds. */
export function ratioOf(above: readonly number[], below: readonly number[]): Spread {
  return spreadOf(above.map((value, round) => value / below[round]!));
}

/**
 * Median with its confidence interval of at least 95 %, as minimum and maximum: the k-th value from either end, where
 * fewer than k of n coins show heads in 2.5 % of all throws. Below six values that is their range.
 */
export function medianWithin(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  let chance = 0.5 ** sorted.length;
  let sum = chance;
  let k = 0;
  while (sum <= 0.025) {
    k++;
    chance *= (sorted.length - k + 1) / k;
    sum += chance;
  }
  return { ...spreadOf(values), min: sorted[Math.max(0, k - 1)]!, max: sorted.at(-Math.max(1, k))! };
}
