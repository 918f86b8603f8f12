import { parseArgs } from 'node:util';

export const SUITES = [
  'http',
  'in-process',
  'concurrency',
  'replicas',
  'hot',
  'identity-size',
  'sizes',
  'production',
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
  /** Connections that plain statements are spread over. */
  readonly plainConnections: number;
  readonly withBaseline: boolean;
  /** Minutes of mix at the end; 0: none. */
  readonly soakMinutes: number;
  /** Whether CPU profiles of the service are written to the report. */
  readonly withProfile: boolean;
  /** Folder of another checkout, whose build this one is compared with; null: none. */
  readonly against: string | null;
  /** Whether the report is copied to docs. */
  readonly isPublished: boolean;
}

export const HELP = `npm run bench -- [options]

Measures the built service over HTTP against a no-op of the same application, against plain statements, and against a
baseline of the usual make, on a PostgreSQL that it starts by itself (or BENCH_DATABASE_URL, whose user may create
databases). Writes bench/report/. Ends with 1 if an answer was wrong; a target that is missed is told, no more.

  --quick              10 k contacts and short slices: under a minute
  --sizes 10k,1m       contacts (k and m are understood; 10m takes some 8 GB of disk); all is measured at the largest
  --workloads ...      of ${MAIN_WORKLOADS.join(',')}
  --concurrency 64,1,16,256
                       calls under way at once; all is measured at the first, known and mix at the others
  --replicas 1,2       processes of the service; all is measured at the first, known and mix at the others
  --suites ...         of ${SUITES.join(',')}
  --rounds 5           slices of each contestant
  --slice-seconds 2    length of a slice
  --plain-connections 10
                       connections that plain statements are spread over; the default is the service's
  --no-baseline        leave the baseline out
  --soak [--soak-minutes 10]
                       afterwards, mix at the first concurrency, and how much memory the service holds
  --profile            write CPU profiles of the service (bench/report/profiles), which costs a few per cent
  --against ../before  compare with the build of another checkout instead, in turn: calls per second and CPU of known,
                       new, merge and mix, over HTTP and in process; under three minutes; no report is written
  --publish            copy the report to docs/benchmarks.md
  --help               this text
`;

/** Thrown for a command line that makes no sense; the message says why. */
export class UsageError extends Error {}

/** Null: help is asked for. */
export function readOptions(args: string[]): Options | null {
  let values: ReturnType<typeof parse>['values'];
  try {
    ({ values } = parse(args));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (values.help === true) {
    return null;
  }
  const isQuick = values.quick === true;
  const against = values.against ?? null;
  return {
    suites: list(
      values.suites,
      SUITES,
      against !== null
        ? ['http', 'in-process']
        : isQuick
          ? ['http', 'in-process', 'hot', 'identity-size']
          : SUITES,
    ),
    workloads: list(
      values.workloads,
      MAIN_WORKLOADS,
      against === null ? MAIN_WORKLOADS : ['known', 'new', 'merge', 'mix'],
    ),
    sizes: numbers(
      'sizes',
      values.sizes ?? (isQuick ? '10k' : against === null ? '10k,1m' : '100k'),
      15,
      20e6,
    ).toSorted((a, b) => a - b),
    concurrency: numbers('concurrency', values.concurrency ?? (isQuick ? '64,1' : '64,1,16,256'), 1, 1000),
    replicas: numbers('replicas', values.replicas ?? (isQuick ? '1' : '1,2'), 1, 16),
    rounds: numbers('rounds', values.rounds ?? (against !== null ? '18' : isQuick ? '2' : '5'), 1, 1000)[0]!,
    sliceMs:
      number(
        'slice-seconds',
        values['slice-seconds'] ?? (against !== null ? '0.3' : isQuick ? '0.6' : '2'),
        0.1,
        60,
      ) * 1000,
    hotCalls: isQuick ? 400 : 1000,
    bigContacts: isQuick ? 2_000 : 10_000,
    plainConnections: numbers('plain-connections', values['plain-connections'] ?? '10', 1, 250)[0]!,
    withBaseline: values['no-baseline'] !== true && against === null,
    soakMinutes: values.soak === true ? number('soak-minutes', values['soak-minutes'] ?? '10', 0.1, 600) : 0,
    withProfile: values.profile === true,
    against,
    isPublished: values.publish === true,
  };
}

function parse(args: string[]) {
  const flag = { type: 'boolean' } as const;
  const text = { type: 'string' } as const;
  return parseArgs({
    args,
    options: {
      help: flag,
      quick: flag,
      sizes: text,
      workloads: text,
      concurrency: text,
      replicas: text,
      suites: text,
      rounds: text,
      'slice-seconds': text,
      'plain-connections': text,
      'no-baseline': flag,
      soak: flag,
      'soak-minutes': text,
      profile: flag,
      against: text,
      publish: flag,
    },
  });
}

function list<T extends string>(
  given: string | undefined,
  allowed: readonly T[],
  fallback: readonly T[],
): T[] {
  const names = given?.split(',') ?? fallback;
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
