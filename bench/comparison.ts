import type { Contestant, Result, Slice } from './measuring/rounds.js';
import { medianWithin, type Spread } from './measuring/spread.js';
import type { MainWorkload, Options } from './options.js';
import type { Stage } from './stage.js';
import type { Plan, Section } from './suites.js';
import { cpuMsPerCall } from './targets.js';

/** Of the calls per second before. */
const LEAST_RATE = 0.97;

/** How a build does beside the one before it. */
export interface Verdict {
  readonly name: string;
  readonly rate: Spread;
  readonly cpu: Spread;
  readonly isKept: 'kept' | 'slower' | 'unsure';
}

/** Two builds in turn, each on a database of its own, over HTTP and in process. */
export function comparisonPlans(before: Stage, after: Stage, options: Options): Plan[] {
  const connections = options.concurrency[0]!;
  const inTurn = (contestant: (stage: Stage, name: string, workload: MainWorkload) => Contestant) =>
    options.workloads.flatMap((workload) => [
      contestant(before, `${workload}, before`, workload),
      contestant(after, `${workload}, after`, workload),
    ]);
  const common = { note: '', connections, replicas: 1, rounds: options.rounds };
  const plans: Plan[] = [
    {
      ...common,
      suite: 'http',
      title: 'Over HTTP',
      contestants: inTurn((stage, name, workload) =>
        stage.overHttp({ name, server: 'service', workload, connections }),
      ),
    },
    {
      ...common,
      suite: 'in-process',
      title: 'In process',
      contestants: inTurn((stage, name, workload) =>
        stage.inProcess({ name, subject: 'service', workload, inFlight: connections }),
      ),
    },
  ];
  return plans.filter(({ suite }) => options.suites.includes(suite));
}

/** One verdict a workload; the ranges are where the median lies with 95 % confidence. */
export function verdictsOf(sections: readonly Section[], { workloads }: Options): Verdict[] {
  return sections.flatMap(({ title, results }) =>
    workloads.map((workload): Verdict => {
      const before = slicesOf(`${workload}, before`, results);
      const after = slicesOf(`${workload}, after`, results);
      const ratio = (figure: (slice: Slice) => number): Spread =>
        medianWithin(after.map((slice, round) => figure(slice) / figure(before[round]!)));
      const rate = ratio(({ callsPerSecond }) => callsPerSecond);
      return {
        name: `${title}: ${workload}`,
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
