import { parseArgs } from 'node:util';

export const SUITES = [
  'sizes',
  'http',
  'in-process',
  'concurrency',
  'replicas',
  'production',
  'events',
  'observability',
  'identity-size',
  'large',
  'hot',
  'import',
  'cluster',
  'soak',
] as const;
/** A group of measurements that belong together. */
export type Suite = (typeof SUITES)[number];

export const MAIN_WORKLOADS = ['known', 'new', 'partial', 'merge', 'mix'] as const;
export type MainWorkload = (typeof MAIN_WORKLOADS)[number];

/** What a run measures. */
export interface Options {
  readonly suites: readonly Suite[];
  readonly workloads: readonly MainWorkload[];
  /** Contacts, ascending; everything is measured at the last. */
  readonly sizes: readonly number[];
  /** Calls under way at once; everything is measured at the first. */
  readonly concurrency: readonly number[];
  /** Processes of the service; everything is measured at the first. */
  readonly replicas: readonly number[];
  readonly rounds: number;
  readonly sliceMs: number;
  /** Calls of a slice with one hot email. */
  readonly hotCalls: number;
  /** Contacts of the one big identity. */
  readonly bigContacts: number;
  readonly importRows: number;
  readonly withBaseline: boolean;
  /** Whether CPU profiles of the service are written to the report. */
  readonly withProfile: boolean;
  /** Folder of another checkout, whose build this one is compared with; null: none. */
  readonly against: string | null;
  /** Whether the report is copied to docs. */
  readonly isPublished: boolean;
}

export const HELP = `npm run bench -- [options]

Measures the built service over HTTP against a bare Fastify, a no-op of the same application, plain statements and a
baseline of the usual make, on a PostgreSQL that it starts by itself (or BENCH_DATABASE_URL, whose user may create
databases). Writes bench/report/. Ends with 1 if an answer was wrong; a target that is missed is told, no more.

  --quick              10 k contacts and short slices: under a minute
  --against ../before  compare with the build of another checkout instead: known, new, merge and mix, over HTTP and in
                       process; under three minutes; no report is written
  --suites ...         of ${SUITES.join(',')};
                       all but events, observability, cluster and soak, if it is not given
  --workloads ...      of ${MAIN_WORKLOADS.join(',')}
  --sizes 10k,1m       contacts (k and m are understood; 10m takes some 8 GB of disk); all is measured at the largest
  --concurrency 64,1,16,256
                       calls under way at once; all is measured at the first, known and mix at the others
  --replicas 1,2       processes of the service; all is measured at the first, known and mix at the others
  --rounds 5           slices of each contestant
  --slice-seconds 2    length of a slice
  --import-rows 200k   rows of the import
  --no-baseline        leave the baseline out
  --profile            write CPU profiles of the service (bench/report/profiles), which costs a few per cent
  --publish            copy the report to docs/benchmarks.md
  --help               this text
`;

const DEFAULTS = {
  suites: SUITES.filter(
    (suite) => suite !== 'events' && suite !== 'observability' && suite !== 'cluster' && suite !== 'soak',
  ).join(),
  workloads: MAIN_WORKLOADS.join(),
  sizes: '10k,1m',
  concurrency: '64,1,16,256',
  replicas: '1,2',
  rounds: '5',
  'slice-seconds': '2',
  'import-rows': '200k',
};
const QUICK = {
  suites: 'http,in-process,hot,identity-size',
  sizes: '10k',
  concurrency: '64,1',
  replicas: '1',
  rounds: '2',
  'slice-seconds': '0.6',
  'import-rows': '20k',
};
const AGAINST = {
  suites: 'http,in-process',
  workloads: 'known,new,merge,mix',
  sizes: '100k',
  concurrency: '64',
  rounds: '18',
  'slice-seconds': '0.3',
};

/** Thrown for a command line that makes no sense; the message says why. */
export class UsageError extends Error {}

/** Null: help is asked for. */
export function readOptions(args: string[]): Options | null {
  const given = parse(args);
  if (given.help === true) {
    return null;
  }
  const isQuick = given.quick === true;
  const values = {
    ...DEFAULTS,
    ...(isQuick && QUICK),
    ...(given.against !== undefined && AGAINST),
    ...given,
  };
  return {
    suites: list(values.suites, SUITES),
    workloads: list(values.workloads, MAIN_WORKLOADS),
    sizes: numbers('sizes', values.sizes, 15, 20e6).toSorted((a, b) => a - b),
    concurrency: numbers('concurrency', values.concurrency, 1, 1000),
    replicas: numbers('replicas', values.replicas, 1, 16),
    rounds: numbers('rounds', values.rounds, 1, 10_000)[0]!,
    sliceMs: number('slice-seconds', values['slice-seconds'], 0.1, 60) * 1000,
    hotCalls: isQuick ? 400 : 1000,
    bigContacts: isQuick ? 2_000 : 20_000,
    importRows: number('import-rows', values['import-rows'], 100, 20e6),
    withBaseline: values['no-baseline'] !== true && given.against === undefined,
    withProfile: values.profile === true,
    against: given.against ?? null,
    isPublished: values.publish === true,
  };
}

function parse(args: string[]) {
  const flag = { type: 'boolean' } as const;
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args,
      options: {
        help: flag,
        quick: flag,
        against: text,
        suites: text,
        workloads: text,
        sizes: text,
        concurrency: text,
        replicas: text,
        rounds: text,
        'slice-seconds': text,
        'import-rows': text,
        'no-baseline': flag,
        profile: flag,
        publish: flag,
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function list<T extends string>(text: string, allowed: readonly T[]): T[] {
  const names = text.split(',');
  const unknown = names.filter((name) => !allowed.includes(name as T));
  if (unknown.length > 0) {
    throw new UsageError(`unknown: ${unknown.join(', ')}; allowed: ${allowed.join(', ')}`);
  }
  return allowed.filter((name) => names.includes(name));
}

function numbers(name: string, text: string, min: number, max: number): number[] {
  return text.split(',').map((part) => {
    const value = number(name, part, min, max);
    if (!Number.isInteger(value)) {
      throw new UsageError(`--${name} takes whole numbers`);
    }
    return value;
  });
}

function number(name: string, text: string, min: number, max: number): number {
  const [, digits, unit] = /^([\d.]+)([km]?)$/i.exec(text.trim()) ?? [];
  const value = Number(digits) * { '': 1, k: 1e3, m: 1e6 }[unit?.toLowerCase() as '' | 'k' | 'm'];
  if (!(value >= min && value <= max)) {
    throw new UsageError(`--${name} takes numbers from ${min} to ${max}`);
  }
  return value;
}
