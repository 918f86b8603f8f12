import type { Measured } from '../load/closed-loop.js';

/** What is compared: it runs for one slice when told to. */
export interface Contestant {
  readonly name: string;
  run(purpose: 'warm-up' | 'slice'): Promise<Slice>;
}

/** One slice, with what other processes spent on it; null where it can't be known. */
export interface Slice extends Measured {
  readonly callsPerSecond: number;
  readonly serviceCpuMs: number | null;
  readonly postgresCpuMs: number | null;
  /** Memory of the service at the end of the slice. */
  readonly rssMb: number | null;
}

/** All slices of a contestant, in order of rounds. */
export interface Result {
  readonly name: string;
  readonly slices: readonly Slice[];
}

/**
 * Measures contestants in turn, A B C C B A A …, after a warm-up of each: what else happens on the machine meets all of
 * them alike, and ratios within a round are little touched by it.
 */
export async function inRounds(
  contestants: readonly Contestant[],
  rounds: number,
  onSlice: (name: string, slice: Slice) => void,
): Promise<Result[]> {
  for (const contestant of contestants) {
    await contestant.run('warm-up');
  }
  const slices = contestants.map((): Slice[] => []);
  for (let round = 0; round < rounds; round++) {
    const order = [...contestants.entries()];
    for (const [i, contestant] of round % 2 === 0 ? order : order.toReversed()) {
      const slice = await contestant.run('slice');
      slices[i]!.push(slice);
      onSlice(contestant.name, slice);
    }
  }
  return contestants.map(({ name }, i) => ({ name, slices: slices[i]! }));
}
