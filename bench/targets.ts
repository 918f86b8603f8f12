import type { Result, Slice } from './measuring/rounds.js';
import { ratioOf, spreadOf, type Spread } from './measuring/spread.js';
import type { Options } from './options.js';
import type { Soak } from './soak.js';
import { NAME, type Section } from './suites.js';

/** A goal, and how near this run came. */
export interface Target {
  readonly name: string;
  readonly bound: 'at least' | 'at most';
  readonly target: number;
  readonly unit: '×' | 'MB';
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
export function targetsOf(
  sections: readonly Section[],
  options: Options,
  soak: Soak | null,
  rssMb: readonly number[],
): Target[] {
  const section = (suite: Section['suite'], connections: number | null = null): Section | undefined =>
    sections.find(
      (each) => each.suite === suite && (connections === null || each.connections === connections),
    );
  const http = section('http');
  const inProcess = section('in-process');
  const one = sections.find(({ connections, suite }) => connections === 1 && suite === 'concurrency');
  const sizes = section('sizes');
  const rate = (above: string, below: string, where: Section | undefined): Spread | null =>
    compare(where, above, below, ({ callsPerSecond }) => callsPerSecond);

  return [
    // prettier-ignore
    ...([
      ['no-op, of a bare Fastify', 0.55, rate(NAME.noop, NAME.bare, http)],
      ['known, of a bare Fastify', 0.45, rate('known', NAME.bare, http)],
      ['mix, of a bare Fastify', 0.35, rate('mix', NAME.bare, http)],
      ['known, of the no-op', 0.75, rate('known', NAME.noop, http)],
      ['mix, of the no-op', 0.45, rate('mix', NAME.noop, http)],
      ['known in process, of one SELECT a call', 1.5, rate(NAME.knownInProcess, NAME.select, inProcess)],
      ['new in process, of one INSERT a call', 4.5, rate(NAME.newInProcess, NAME.insert, inProcess)],
      ['mix, of the baseline', 10, rate('mix', NAME.baseline('mix'), http)],
      ['one hot email, of the baseline', 100, rate(NAME.hot, NAME.baseline(NAME.hot), section('hot'))],
      ['known with all on, of all off', 0.85, rate(NAME.guarded('known'), NAME.plain('known'), section('production'))],
      ['mix with all on, of all off', 0.85, rate(NAME.guarded('mix'), NAME.plain('mix'), section('production'))],
      ['known at 10,000,000 contacts, of 10,000', 0.8, rate(NAME.size(1e7), NAME.size(1e4), sizes)],
    ] as const).map(([name, target, reached]): Target => ({ name, bound: 'at least', target, unit: '×', reached })),
    ...(sizes === undefined || options.sizes.at(-1) === 1e7
      ? []
      : [sizesTarget(options, rate(NAME.size(options.sizes.at(-1)!), NAME.size(options.sizes[0]!), sizes))]),
    {
      name: 'known one at a time, p50 of (no-op p50 + SELECT p50)',
      bound: 'at most',
      target: 1.5,
      unit: '×',
      reached: oneAtATime(one),
    },
    {
      name: `CPU of a known sighting, ${NAME.big(options.bigContacts)} of ${NAME.three}`,
      bound: 'at most',
      target: 5,
      unit: '×',
      reached: compare(section('identity-size'), NAME.big(options.bigContacts), NAME.three, cpuMsPerCall),
    },
    {
      name:
        soak === null ? 'memory of the service, at its highest in this run' : 'memory of the service, soaked',
      bound: 'at most',
      target: 220,
      unit: 'MB',
      reached: rssMb.length === 0 ? null : highest(soak?.rssMb ?? rssMb),
    },
    {
      name: 'memory, last quarter of the soak of the second',
      bound: 'at most',
      target: 1.05,
      unit: '×',
      reached: soak === null ? null : spreadOf([soak.growth]),
    },
  ];
}

/** CPU time of service and PostgreSQL; not a number where there is no /proc. */
export function cpuMsPerCall({ serviceCpuMs, postgresCpuMs, calls }: Slice): number {
  return ((serviceCpuMs ?? Number.NaN) + (postgresCpuMs ?? Number.NaN)) / calls;
}

function sizesTarget({ sizes }: Options, reached: Spread | null): Target {
  const [above, below] = [sizes.at(-1)!, sizes[0]!].map((size) => size.toLocaleString('en'));
  return {
    name: `known at ${above} contacts, of ${below}`,
    bound: 'at least',
    target: 0.8,
    unit: '×',
    reached,
  };
}

function oneAtATime(section: Section | undefined): Spread | null {
  const [known, noop, select] = ['known', NAME.noop, NAME.select].map((name) => find(section, name));
  return known === undefined || noop === undefined || select === undefined
    ? null
    : spreadOf(known.slices.map(({ p50Ms }, i) => p50Ms / (noop.slices[i]!.p50Ms + select.slices[i]!.p50Ms)));
}

function compare(
  section: Section | undefined,
  above: string,
  below: string,
  figure: (slice: Slice) => number,
): Spread | null {
  const [a, b] = [find(section, above), find(section, below)];
  return a === undefined || b === undefined ? null : ratioOf(a.slices.map(figure), b.slices.map(figure));
}

function find(section: Section | undefined, name: string): Result | undefined {
  return section?.results.find((result) => result.name === name);
}

function highest(values: readonly number[]): Spread {
  const { min, max } = spreadOf(values);
  return { median: max, min, max };
}
