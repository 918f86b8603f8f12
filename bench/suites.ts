import { PLAIN_CONNECTIONS } from './in-process/plain.js';
import { inRounds, type Contestant, type Result, type Slice } from './measuring/rounds.js';
import type { MainWorkload, Options, Suite } from './options.js';
import type { ServerName } from './processes/server-process.js';
import type { Stage } from './stage.js';

/** Results that were measured in the same rounds, and so may be divided by one another. */
export interface Section {
  readonly suite: Suite;
  readonly title: string;
  /** What a reader must know to understand the figures. */
  readonly note: string;
  readonly connections: number;
  readonly replicas: number;
  readonly results: readonly Result[];
}

/** A section that is not measured yet. */
export interface Plan extends Omit<Section, 'results'> {
  readonly contestants: readonly Contestant[];
  readonly rounds: number;
}

export type OnSlice = (section: string, name: string, slice: Slice) => void;

/** The names that contestants have in results and reports. */
export const NAME = {
  noop: 'no-op',
  bare: 'bare Fastify',
  baseline: (workload: string) => `${workload}, baseline`,
  select: 'one SELECT a call',
  insert: 'one INSERT a call',
  knownInProcess: 'known in process',
  newInProcess: 'new in process',
  hot: 'one hot email',
  three: 'identity of 3',
  big: (contacts: number) => `identity of ${contacts.toLocaleString('en')}`,
  alone: 'a customer, alone',
  besideReaders: 'a customer, beside 64 readers',
  besideWriters: 'a customer, beside 16 writers',
  allOff: (workload: string) => `${workload}, all off`,
  allOn: (workload: string) => `${workload}, all on`,
  withoutEvents: (workload: string) => `${workload}, without events`,
  delay: 'an event, until it is in the feed',
  size: (contacts: number) => `known at ${contacts.toLocaleString('en')} contacts`,
};

/** One round may be long here, and what is compared differs by much. */
const FEW_ROUNDS = 3;
const OBSERVED: readonly ServerName[] = [
  'quiet',
  'logs',
  'logs, metrics',
  'logs, metrics, 1 % of traces',
  'logs, metrics, all traces',
  'logs with a line a call',
];

/** Measures what was planned, one section after the other. */
export async function runPlans(plans: readonly Plan[], onSlice: OnSlice): Promise<Section[]> {
  const sections: Section[] = [];
  for (const { contestants, rounds, ...facts } of plans) {
    const results = await inRounds(contestants, rounds, (name, slice) => onSlice(facts.title, name, slice));
    sections.push({ ...facts, results });
  }
  return sections;
}

/**
 * The wanted suites in their order; nothing is measured at the moment of planning.
 *
 * @param stages by size; all but the suite of sizes is measured on the last
 */
export function plansOf(stages: readonly Stage[], options: Options): Plan[] {
  const stage = stages.at(-1)!;
  const { rounds, withBaseline, bigContacts, hotCalls } = options;
  const connections = options.concurrency[0]!;
  const replicas = options.replicas[0]!;
  const defaults = { note: '', connections, replicas: 1, rounds };
  const few = { ...options, withBaseline: false, workloads: ['known', 'mix'] as MainWorkload[] };
  const overHttp = (
    name: string,
    workload: Parameters<Stage['overHttp']>[0]['workload'],
    server: ServerName = 'service',
    more: Partial<
      Pick<Parameters<Stage['overHttp']>[0], 'connections' | 'calls' | 'replicas' | 'beside'>
    > = {},
  ): Contestant => stage.overHttp({ name, server, workload, connections, ...more });
  const inProcess = (
    name: string,
    subject: Parameters<Stage['inProcess']>[0]['subject'],
    workload: 'known' | 'new',
    inFlight = connections,
  ): Contestant => stage.inProcess({ name, subject, workload, inFlight });

  const plans: Plan[] = [
    {
      ...defaults,
      // First, because later suites write.
      suite: 'sizes',
      title: 'Known customers by the number of contacts stored',
      note: 'Each size has a database and a service of its own, on one PostgreSQL. Customers are drawn evenly.',
      contestants: stages.map((each) =>
        each.overHttp({ name: NAME.size(each.size), server: 'service', workload: 'known', connections }),
      ),
    },
    {
      ...defaults,
      suite: 'http',
      title: 'Over HTTP',
      note: 'The bare Fastify is one route that answers at once. The no-op is the service with its database work taken out.',
      replicas,
      contestants: mainContestants(stage, options, connections, replicas),
    },
    {
      ...defaults,
      suite: 'in-process',
      title: 'Without HTTP',
      note: `Calls made within one process: plain statements through pg over ${PLAIN_CONNECTIONS} connections, and the service behind its controller.`,
      contestants: [
        inProcess(NAME.select, 'select', 'known'),
        inProcess(NAME.knownInProcess, 'service', 'known'),
        inProcess(NAME.insert, 'insert', 'new'),
        inProcess(NAME.newInProcess, 'service', 'new'),
      ],
    },
    ...options.concurrency.slice(1).map((other): Plan => ({
      ...defaults,
      suite: 'concurrency',
      title: other === 1 ? 'One call at a time' : `${other} calls at a time`,
      note: other === 1 ? 'The SELECT is made in process: its time is a round trip to PostgreSQL.' : '',
      connections: other,
      replicas,
      contestants: [
        ...mainContestants(stage, few, other, replicas),
        ...(other === 1 ? [inProcess(NAME.select, 'select', 'known', 1)] : []),
      ],
    })),
    ...options.replicas.slice(1).map((other): Plan => ({
      ...defaults,
      suite: 'replicas',
      title: `${other} replicas`,
      note: 'Connections are dealt out to the replicas in turn. They share the cores with PostgreSQL and the load generator.',
      replicas: other,
      contestants: mainContestants(stage, few, connections, other),
    })),
    {
      ...defaults,
      suite: 'production',
      title: 'As in production',
      note: 'All on: API keys, limits of calls, row level security as a role that owns nothing, logs, metrics, load shedding, 1 % of traces sent. All off: none of it.',
      contestants: ['known' as const, 'mix' as const].flatMap((workload) => [
        overHttp(NAME.allOff(workload), workload, 'all off'),
        overHttp(NAME.allOn(workload), workload, 'all on'),
      ]),
    },
    {
      ...defaults,
      suite: 'events',
      title: 'With and without events',
      note: 'The relay runs in the process of the service.',
      contestants: options.workloads.flatMap((workload) => [
        overHttp(NAME.withoutEvents(workload), workload, 'no events'),
        overHttp(workload, workload),
      ]),
    },
    {
      ...defaults,
      suite: 'events',
      title: 'Delay of events',
      note: 'One reader follows the feed, beside half as many new customers a second as the service can take. A row counts events, and the time from the write of each to its arrival.',
      contestants: [stage.delayOfEvents({ name: NAME.delay, workload: 'new', connections })],
    },
    {
      ...defaults,
      suite: 'observability',
      title: 'Logs, metrics and traces',
      note: 'A mix of calls; the CPU time of the service tells the cost.',
      contestants: OBSERVED.map((server) => overHttp(server, 'mix', server)),
    },
    {
      ...defaults,
      suite: 'identity-size',
      title: 'One identity, small and big',
      note: 'Every call is a sighting of the same identity. CPU tells the cost: the answer of the big one is long.',
      connections: 1,
      rounds: FEW_ROUNDS,
      contestants: [
        overHttp(NAME.three, 'three', 'service', { connections: 1 }),
        overHttp(NAME.big(bigContacts), 'big', 'service', { connections: 1 }),
      ],
    },
    {
      ...defaults,
      suite: 'large',
      title: 'Beside a large identity',
      note: `A known customer, one call at a time. The readers and writers send sightings of one identity of ${bigContacts.toLocaleString('en')} contacts, with known or new phone numbers, at the same time. Each must be answered with 200.`,
      connections: 1,
      rounds: FEW_ROUNDS,
      contestants: [
        overHttp(NAME.alone, 'known', 'service', { connections: 1 }),
        overHttp(NAME.besideReaders, 'known', 'service', {
          connections: 1,
          beside: { workload: 'big', connections: 64 },
        }),
        overHttp(NAME.besideWriters, 'known', 'service', {
          connections: 1,
          beside: { workload: 'big grows', connections: 16 },
        }),
      ],
    },
    {
      ...defaults,
      suite: 'hot',
      title: 'One hot email',
      note: `Every slice is ${hotCalls} calls with one email that is new in the slice, each with another new phone number: an identity grows from nothing to ${hotCalls} contacts.`,
      rounds: FEW_ROUNDS,
      contestants: [
        overHttp(NAME.hot, 'hot', 'service', { calls: hotCalls }),
        ...(withBaseline ? [overHttp(NAME.baseline(NAME.hot), 'hot', 'baseline', { calls: hotCalls })] : []),
      ],
    },
    {
      ...defaults,
      suite: 'soak',
      title: 'Soak',
      note: 'A mix of calls for as many rounds as wanted: does memory grow?',
      contestants: [overHttp('mix', 'mix')],
    },
  ];
  return plans.filter(
    ({ suite, contestants }) =>
      options.suites.includes(suite) && (suite !== 'sizes' || contestants.length > 1),
  );
}

function mainContestants(
  stage: Stage,
  { workloads, withBaseline }: Options,
  connections: number,
  replicas: number,
): Contestant[] {
  const load = { connections, replicas };
  return [
    stage.overHttp({ name: NAME.bare, server: 'bare', workload: 'known', ...load }),
    stage.overHttp({ name: NAME.noop, server: 'noop', workload: 'known', ...load }),
    ...workloads.map((workload) => stage.overHttp({ name: workload, server: 'service', workload, ...load })),
    ...workloads
      .filter((workload) => withBaseline && (workload === 'known' || workload === 'mix'))
      .map((workload) =>
        stage.overHttp({ name: NAME.baseline(workload), server: 'baseline', workload, connections }),
      ),
  ];
}
