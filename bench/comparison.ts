import { inRounds, type Contestant, type Result, type Slice } from './measuring/rounds.js';
import { medianWithin, type Spread } from './measuring/spread.js';
import type { MainWorkload, Options } from './options.js';
import type { Stage } from './stage.js';
import { cpuMsPerCall } from './targets.js';
import type { OnSlice, Section } from './suites.js';

/** Of the calls per second before. */
const LEAST_RATE = 0.97;

const NAME = {
  after: (workload: string) => `${workload}, after`,
  before: (workload: string) => `${workload}, before`,
};

/** Measures two builds in turn, each on a database of its own, over HTTP and in process. */
export async function runComparison(
  before: Stage,
  after: Stage,
  options: Options,
  onSlice: OnSlice,
): Promise<Section[]> {
  const [connections] = options.concurrency as [number];
  const pairs = (contestant: (stage: Stage, name: string, workload: MainWorkload) => Contestant) =>
    options.workloads.flatMap((workload) => [
      contestant(before, NAME.before(workload), workload),
      contestant(after, NAME.after(workload), workload),
    ]);
  const suites = {
    http: pairs((stage, name, workload) =>
      stage.overHttp({ name, server: 'service', workload, connections }),
    ),
    'in-process': pairs((stage, name, workload) =>
      stage.inProcess({ name, subject: 'service', workload, inFlight: connections }),
    ),
  };
  const sections: Section[] = [];
  for (const suite of ['http', 'in-process'] as const) {
    if (options.suites.includes(suite)) {
      const title = suite === 'http' ? 'Over HTTP' : 'Without HTTP';
      const results = await inRounds(suites[suite], options.rounds, (name, slice) =>
        onSlice(title, name, slice),
      );
      sections.push({ suite, title, note: '', connections, replicas: 1, results });
    }
  }
  return sections;
}

/** How a build does beside the one before it. */
export interface Verdict {
  readonly name: string;
  readonly rate: Spread;
  readonly cpu: Spread;
  readonly isKept: 'kept' | 'slower' | 'unsure';
}

/** One verdict a workload; the ranges are where the median lies with 95 % confidence. */
export function verdictsOf(sections: readonly Section[], { workloads }: Options): Verdict[] {
  return sections.flatMap(({ suite, results }) =>
    workloads.map((workload): Verdict => {
      const before = slicesOf(NAME.before(workload), results);
      const after = slicesOf(NAME.after(workload), results);
      const ratio = (figure: (slice: Slice) => number): Spread =>
        medianWithin(after.map((slice, round) => figure(slice) / figure(before[round]!)));
      const rate = ratio(({ callsPerSecond }) => callsPerSecond);
      return {
        name: `${workload} ${suite === 'http' ? 'over HTTP' : 'in process'}`,
        rate,
        cpu: ratio(cpuMsPerCall),
        isKept: rate.min >= LEAST_RATE ? 'kept' : rate.max < LEAST_RATE ? 'slower' : 'unsure',
      };
    }),
  );
}

function slicesOf(name: string, results: readonly Result[]): readonly Slice[] {
  return results.find((result) => result.name === name)!.slices;
}
