import { spreadOf, type Spread } from './measuring/spread.js';
import type { Slice } from './measuring/rounds.js';
import type { Options } from './options.js';
import type { Stage } from './stage.js';

/** The memory of the service during minutes of mix. */
export interface Soak {
  readonly minutes: number;
  readonly callsPerSecond: Spread;
  /** After each slice, MB. */
  readonly rssMb: readonly number[];
  /** Median of the last quarter over that of the second; the first still warms up. */
  readonly growth: number;
}

/** Runs mix for as long as wanted; null: not wanted. */
export async function runSoak(
  stage: Stage,
  options: Options,
  onSlice: (name: string, slice: Slice) => void,
): Promise<Soak | null> {
  const { soakMinutes, concurrency } = options;
  if (soakMinutes === 0) {
    return null;
  }
  const mix = stage.overHttp({
    name: 'mix',
    server: 'service',
    workload: 'mix',
    connections: concurrency[0]!,
  });
  const from = stage.rssMb.length;
  const rates: number[] = [];
  const deadline = performance.now() + soakMinutes * 60_000;
  while (performance.now() < deadline || rates.length < 4) {
    const slice = await mix.run('slice');
    rates.push(slice.callsPerSecond);
    onSlice('soak', slice);
  }
  const rssMb = stage.rssMb.slice(from);
  const quarter = (n: number): number =>
    spreadOf(rssMb.slice(Math.floor((rssMb.length * n) / 4), Math.ceil((rssMb.length * (n + 1)) / 4))).median;
  return { minutes: soakMinutes, callsPerSecond: spreadOf(rates), rssMb, growth: quarter(3) / quarter(1) };
}
