import { inRounds, type Contestant, type Result, type Slice } from './measuring/rounds.js';
import type { Options, Suite } from './options.js';
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
  plain: (workload: string) => `${workload}, all off`,
  guarded: (workload: string) => `${workload}, all on`,
  size: (contacts: number) => `known at ${contacts.toLocaleString('en')} contacts`,
};

/** One round may be long here, and what is compared differs by much. */
const HOT_ROUNDS = 3;

/** Runs the wanted suites one after the other. */
export async function runSuites(
  stages: readonly Stage[],
  options: Options,
  onSlice: OnSlice,
): Promise<Section[]> {
  const stage = stages.at(-1)!;
  const sections: Section[] = [];
  const add = async (
    facts: Omit<Section, 'results'>,
    contestants: readonly Contestant[],
    rounds = options.rounds,
  ): Promise<void> => {
    const results = await inRounds(contestants, rounds, (name, slice) => onSlice(facts.title, name, slice));
    sections.push({ ...facts, results });
  };
  const has = (suite: Suite): boolean => options.suites.includes(suite);
  const connections = options.concurrency[0]!;
  const replicas = options.replicas[0]!;

  // First, because later suites write.
  if (has('sizes') && stages.length > 1) {
    await add(
      {
        suite: 'sizes',
        title: 'Known customers by the number of contacts stored',
        note: 'Each size has a database and a service of its own, on one PostgreSQL. Customers are drawn evenly.',
        connections,
        replicas: 1,
      },
      stages.map((each) =>
        each.overHttp({ name: NAME.size(each.size), server: 'service', workload: 'known', connections }),
      ),
    );
  }
  if (has('http')) {
    await add(
      {
        suite: 'http',
        title: 'Over HTTP',
        note: 'The bare Fastify is one route that answers at once. The no-op is the service with its database work taken out.',
        connections,
        replicas,
      },
      overHttp(stage, options, connections, replicas),
    );
  }
  if (has('in-process')) {
    await add(
      {
        suite: 'in-process',
        title: 'Without HTTP',
        note: `Calls made within one process: plain statements through pg over ${options.plainConnections} connections, and the service behind its controller.`,
        connections,
        replicas: 1,
      },
      inProcess(stage, connections),
    );
  }
  for (const other of has('concurrency') ? options.concurrency.slice(1) : []) {
    await add(
      {
        suite: 'concurrency',
        title: other === 1 ? 'One call at a time' : `${other} calls at a time`,
        note: other === 1 ? 'The SELECT is made in process: its time is a round trip to PostgreSQL.' : '',
        connections: other,
        replicas,
      },
      [
        ...overHttp(stage, { ...options, withBaseline: false, workloads: ['known', 'mix'] }, other, replicas),
        ...(other === 1
          ? [stage.inProcess({ name: NAME.select, subject: 'select', workload: 'known', inFlight: 1 })]
          : []),
      ],
    );
  }
  for (const other of has('replicas') ? options.replicas.slice(1) : []) {
    await add(
      {
        suite: 'replicas',
        title: `${other} replicas`,
        note: 'Connections are dealt out to the replicas in turn. They share the cores with all else.',
        connections,
        replicas: other,
      },
      overHttp(stage, { ...options, withBaseline: false, workloads: ['known', 'mix'] }, connections, other),
    );
  }
  if (has('production')) {
    await add(
      {
        suite: 'production',
        title: 'As in production',
        note: 'All on: API keys, limits of calls, row level security as a role that owns nothing, metrics, load shedding, 1 % of traces sent. All off: none of it.',
        connections,
        replicas: 1,
      },
      (['known', 'mix'] as const).flatMap((workload) => [
        stage.overHttp({ name: NAME.plain(workload), server: 'plain', workload, connections }),
        stage.overHttp({ name: NAME.guarded(workload), server: 'guarded', workload, connections }),
      ]),
    );
  }
  if (has('identity-size')) {
    await add(
      {
        suite: 'identity-size',
        title: 'One identity, small and big',
        note: 'Every call is a sighting of the same identity. CPU tells the cost: the answer of the big one is long.',
        connections: 1,
        replicas: 1,
      },
      [
        stage.overHttp({ name: NAME.three, server: 'service', workload: 'three', connections: 1 }),
        stage.overHttp({
          name: NAME.big(options.bigContacts),
          server: 'service',
          workload: 'big',
          connections: 1,
        }),
      ],
      HOT_ROUNDS,
    );
  }
  if (has('hot')) {
    await add(
      {
        suite: 'hot',
        title: 'One hot email',
        note: `Every slice is ${options.hotCalls} calls with one email that is new in the slice, each with another new phone number: an identity grows from nothing to ${options.hotCalls} contacts.`,
        connections,
        replicas,
      },
      (['service', 'baseline'] as const)
        .filter((server) => server === 'service' || options.withBaseline)
        .map((server) =>
          stage.overHttp({
            name: server === 'service' ? NAME.hot : NAME.baseline(NAME.hot),
            server,
            workload: 'hot',
            connections,
            calls: options.hotCalls,
          }),
        ),
      HOT_ROUNDS,
    );
  }
  return sections;
}

function overHttp(stage: Stage, options: Options, connections: number, replicas: number): Contestant[] {
  const { workloads, withBaseline } = options;
  const compared = workloads.filter((workload) => workload === 'known' || workload === 'mix');
  return [
    ...(replicas === 1
      ? [stage.overHttp({ name: NAME.bare, server: 'bare', workload: 'known', connections })]
      : []),
    stage.overHttp({ name: NAME.noop, server: 'noop', workload: 'known', connections, replicas }),
    ...workloads.map((workload) =>
      stage.overHttp({ name: workload, server: 'service', workload, connections, replicas }),
    ),
    ...(withBaseline ? compared : []).map((workload) =>
      stage.overHttp({ name: NAME.baseline(workload), server: 'baseline', workload, connections }),
    ),
  ];
}

function inProcess(stage: Stage, inFlight: number): Contestant[] {
  return [
    stage.inProcess({ name: NAME.select, subject: 'select', workload: 'known', inFlight }),
    stage.inProcess({ name: NAME.knownInProcess, subject: 'service', workload: 'known', inFlight }),
    stage.inProcess({ name: NAME.insert, subject: 'insert', workload: 'new', inFlight }),
    stage.inProcess({ name: NAME.newInProcess, subject: 'service', workload: 'new', inFlight }),
  ];
}
