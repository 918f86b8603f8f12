import type { Options } from '../options.js';
import type { Soak } from '../soak.js';
import type { Section } from '../suites.js';
import type { Target } from '../targets.js';
import type { Machine } from './machine.js';

/** Everything that a run found out. */
export interface Report {
  readonly machine: Machine;
  readonly options: Options;
  readonly sections: readonly Section[];
  readonly targets: readonly Target[];
  readonly soak: Soak | null;
  /** Memory of the service after each of its slices, MB. */
  readonly rssMb: readonly number[];
  readonly baselineMistakes: number;
}

/** Where a run leaves what it found; not committed. */
export const FOLDER = 'bench/report';
/** Folder of the pictures, beside the document. */
export const CHARTS = 'benchmarks';
export const PROFILES = `${FOLDER}/profiles`;
