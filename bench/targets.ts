import type { Slice } from './measuring/rounds.js';
import { ratioOf, spreadOf, type Spread } from './measuring/spread.js';
import type { Options, Suite } from './options.js';
import { NAME, type Section } from './suites.js';

/** A goal, and how near this run came. */
export interface Target {
  readonly name: string;
  readonly bound: 'at least' | 'at most';
  readonly target: number;
  readonly unit: '×' | 'MB' | 'ms';
  /** Null: not measured in this run. */
  readonly reached: Spread | null;
}

export function isMet({ bound, target, reached }: Target): boolean | null {
  if (reached === null) {
    return null;
  }
  return bound === 'at least' ? reached.median >= target : reached.median <= target;
}

/** The goals of the project, each a ratio of two figures of this run. */
export function targetsOf(sections: readonly Section[], options: Options): Target[] {
  const slices = (suite: Suite, name: string, connections?: number): readonly Slice[] | undefined =>
    sections
      .filter((each) => each.suite === suite && each.connections === (connections ?? each.connections))
      .flatMap(({ results }) => results)
      .find((result) => result.name === name)?.slices;
  const ratio = (
    suite: Suite,
    above: string,
    below: string,
    figure = ({ callsPerSecond }: Slice): number => callsPerSecond,
  ): Spread | null => {
    const [a, b] = [slices(suite, above), slices(suite, below)];
    return a === undefined || b === undefined ? null : ratioOf(a.map(figure), b.map(figure));
  };
  const [smallest, largest] = [options.sizes[0]!, options.sizes.at(-1)!];
  const [big, three] = [NAME.big(options.bigContacts), NAME.three];
  const memoryIn = (isMeant: (suite: Suite) => boolean): Spread | null => {
    const sizes = sections
      .filter(({ suite }) => isMeant(suite))
      .flatMap(({ results }) =>
        results.flatMap((result) => result.slices.flatMap(({ rssMb }) => rssMb ?? [])),
      );
    return sizes.length === 0 ? null : spreadOf([Math.max(...sizes)]);
  };
  const p95 = (name: string): Spread | null => {
    const measured = slices('large', name);
    return measured === undefined ? null : spreadOf(measured.map(({ p95Ms }) => p95Ms));
  };

  const delays = slices('events', NAME.delay);
  const delay = delays === undefined ? null : spreadOf(delays.map(({ p99Ms }) => p99Ms));

  // prettier-ignore
  return ([
    ['no-op, of a bare Fastify', 'at least', 0.55, '×', ratio('http', NAME.noop, NAME.bare)],
    ['known, of a bare Fastify', 'at least', 0.45, '×', ratio('http', 'known', NAME.bare)],
    ['mix, of a bare Fastify', 'at least', 0.35, '×', ratio('http', 'mix', NAME.bare)],
    ['known, of the no-op', 'at least', 0.75, '×', ratio('http', 'known', NAME.noop)],
    ['mix, of the no-op', 'at least', 0.45, '×', ratio('http', 'mix', NAME.noop)],
    ['known with all on, of all off', 'at least', 0.85, '×', ratio('production', NAME.allOn('known'), NAME.allOff('known'))],
    ['mix with all on, of all off', 'at least', 0.85, '×', ratio('production', NAME.allOn('mix'), NAME.allOff('mix'))],
    ...(['new', 'partial', 'merge'] as const).map((workload) => [`${workload} with events, of without`, 'at least', 0.85, '×', ratio('events', workload, NAME.withoutEvents(workload))] as const),
    ['known with events, of without', 'at least', 0.98, '×', ratio('events', 'known', NAME.withoutEvents('known'))],
    ['p99 of an event until it is in the feed, at half load', 'at most', 250, 'ms', delay],
    ['known in process, of one SELECT a call', 'at least', 1.5, '×', ratio('in-process', NAME.knownInProcess, NAME.select)],
    ['new in process, of one INSERT a call', 'at least', 4.5, '×', ratio('in-process', NAME.newInProcess, NAME.insert)],
    ['mix, of the baseline', 'at least', 10, '×', ratio('http', 'mix', NAME.baseline('mix'))],
    ['one hot email, of the baseline', 'at least', 100, '×', ratio('hot', NAME.hot, NAME.baseline(NAME.hot))],
    [`${NAME.size(largest)}, of ${smallest.toLocaleString('en')}`, 'at least', 0.8, '×', ratio('sizes', NAME.size(largest), NAME.size(smallest))],
    ['known one at a time, p50 of (no-op p50 + SELECT p50)', 'at most', 1.5, '×', oneAtATime((name) => slices('concurrency', name, 1))],
    [`CPU of a known sighting, ${big} of ${three}`, 'at most', 5, '×', ratio('identity-size', big, three, cpuMsPerCall)],
    ['import, of a bare COPY', 'at least', 0.4, '×', ratio('import', 'import', 'COPY')],
    [`p95 of ${NAME.besideReaders} of a large identity`, 'at most', 50, 'ms', p95(NAME.besideReaders)],
    [`p95 of ${NAME.besideWriters} of a large identity`, 'at most', 50, 'ms', p95(NAME.besideWriters)],
    ['memory of the service beside a large identity', 'at most', 350, 'MB', memoryIn((suite) => suite === 'large')],
    ['memory of the service, at its highest in the rest of this run', 'at most', 220, 'MB', memoryIn((suite) => suite !== 'large' && suite !== 'import')],
    ['memory, last quarter of the soak of the second', 'at most', 1.05, '×', growth(slices('soak', 'mix'))],
  ] as const).map(([name, bound, target, unit, reached]) => ({ name, bound, target, unit, reached }));
}

/** CPU time of service and PostgreSQL; not a number where there is no /proc. */
export function cpuMsPerCall({ serviceCpuMs, postgresCpuMs, calls }: Slice): number {
  return ((serviceCpuMs ?? Number.NaN) + (postgresCpuMs ?? Number.NaN)) / calls;
}

function oneAtATime(slices: (name: string) => readonly Slice[] | undefined): Spread | null {
  const [known, noop, select] = [slices('known'), slices(NAME.noop), slices(NAME.select)];
  return known === undefined || noop === undefined || select === undefined
    ? null
    : spreadOf(known.map(({ p50Ms }, i) => p50Ms / (noop[i]!.p50Ms + select[i]!.p50Ms)));
}

/** Of memory; the first quarter still warms up. */
function growth(slices: readonly Slice[] | undefined): Spread | null {
  const sizes = slices?.flatMap(({ rssMb }) => rssMb ?? []) ?? [];
  const quarter = (n: number): number =>
    spreadOf(sizes.slice(Math.floor((sizes.length * n) / 4), Math.ceil((sizes.length * (n + 1)) / 4))).median;
  return sizes.length < 4 ? null : spreadOf([quarter(3) / quarter(1)]);
}
