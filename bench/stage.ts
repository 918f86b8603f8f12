import type { FollowOrder } from './load/follower.js';
import type { LoadOrder } from './load/main.js';
import type { InProcessOrder } from './in-process/main.js';
import type { Limits, Measured } from './load/closed-loop.js';
import { openAccess, type Access } from './database/access.js';
import { createDatabase, type Database } from './database/databases.js';
import { fill } from './database/fill.js';
import { addStock, type Store } from './database/stock.js';
import { cpuMsOf, cpuMsOfServer, postmasterOf, rssMbOf } from './measuring/processes.js';
import type { Contestant, Slice } from './measuring/rounds.js';
import { ORDINALS, populationOf, type Population } from './customers/population.js';
import { STOCK_PER_CALL, TAKES_FRESH, type CallSource, type Workload } from './customers/workload.js';
import { programOf, startServer, type ServerName, type ServerProcess } from './processes/server-process.js';
import { TraceSink } from './processes/trace-sink.js';
import { Worker } from './processes/worker.js';
import type { Options } from './options.js';

/** An answer was not what it must be. Speed does not matter then. */
export class WrongAnswerError extends Error {}

/** More than any contestant makes in a second; bounds a slice in calls as well as in time. */
const MAX_CALLS_PER_S = 50_000;
/** Before a workload was measured. */
const GUESSED_CALLS_PER_S = 4_000;
/** A slice ends when its stock does, so there is rather too much. */
const STOCK_MARGIN = 1.5;
const MAX_STOCK = 300_000;
/** Least length of a warm-up: what V8 has not compiled yet is several times as slow. */
const WARM_UP_MS = 1_200;
const CHECK_EVERY = 16;
/** Comparing ten thousand phone numbers would take longer than sending them. */
const CHECK_BIG_EVERY = 256;

interface HttpSubject {
  readonly name: string;
  readonly server: ServerName;
  readonly workload: Workload;
  readonly connections: number;
  readonly replicas?: number;
  /** Calls of a slice; without it, a slice ends by time. */
  readonly calls?: number;
  /** Other calls at the same time. They are not measured, but must be answered with 200. */
  readonly beside?: { readonly workload: Workload; readonly connections: number };
}

interface InProcessSubject {
  readonly name: string;
  readonly subject: InProcessOrder['subject'];
  readonly workload: Workload;
  readonly inFlight: number;
}

/** A filled database, and the processes that are measured on it. */
export class Stage {
  private readonly servers = new Map<string, ServerProcess>();
  private readonly workers = new Map<string, Worker<InProcessOrder, Measured>>();
  private readonly ratePerS = new Map<string, number>();
  private traceSink: TraceSink | null = null;
  private otherLoad: Worker<LoadOrder, Measured> | null = null;
  private follower: Worker<FollowOrder, Measured> | null = null;
  private opened: Promise<Access> | null = null;
  private readonly cleanups: (() => Promise<unknown>)[] = [];
  private nextOrdinal: number;
  private seed = 1;

  private constructor(
    readonly size: number,
    private readonly options: Options,
    private readonly population: Population,
    private readonly database: Database,
    private readonly postmaster: number | null,
    private readonly load: Pick<Worker<LoadOrder, Measured>, 'carryOut'>,
    private readonly profileDir: string | null,
  ) {
    this.nextOrdinal = population.contacts + population.bigContacts + 1;
  }

  /**
   * Creates and fills a database. It is called across builds, so that each build is measured on its own schema.
   *
   * @param load makes the calls over HTTP
   * @param profileDir where CPU profiles of the service are written; null: none
   * @param atEnd is told at once how to undo what was opened; the last must be undone first
   */
  static async open(
    serverUrl: string,
    size: number,
    options: Options,
    load: Pick<Worker<LoadOrder, Measured>, 'carryOut'>,
    profileDir: string | null,
    atEnd: (undo: () => Promise<unknown>) => void,
  ): Promise<Stage> {
    const database = await createDatabase(serverUrl, atEnd);
    const population = populationOf(size, options.bigContacts);
    await fill(database.client, population, options.withBaseline);
    const { rows } = await database.client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const postmaster = postmasterOf(rows[0]!.pid);
    const stage = new Stage(size, options, population, database, postmaster, load, profileDir);
    atEnd(() => stage.close());
    return stage;
  }

  /** Calls over HTTP. */
  overHttp(subject: HttpSubject): Contestant {
    const { name, server, workload, connections, replicas = 1, calls, beside } = subject;
    const store: Store = server === 'baseline' ? 'baseline' : 'service';
    return {
      name,
      run: async (purpose) => {
        const targets = await Promise.all(Array.from({ length: replicas }, (_, i) => this.server(server, i)));
        const limits = {
          ...this.limits(purpose, workload, calls),
          ...((server === 'noop' || server === 'bare') && { checkEvery: 0 }),
        };
        const source = await this.source(name, store, workload, limits);
        const key = programOf(server).isGuarded === true ? (await this.access()).key : null;
        const order = { ports: targets.map(({ port }) => port), connections, key, source, limits };
        const pids = targets.map(({ pid }) => pid);
        const others = beside === undefined ? null : this.loadBeside(name, beside, order);
        const slice = {
          ...(await this.measure(pids, () => this.load.carryOut(order))),
          rssMb: server === 'service' ? rssMbOf(pids) : null,
        };
        refuseMistakes(subject, slice);
        refuseMistakes({ name: `${name}, the others` }, (await others) ?? slice);
        this.ratePerS.set(name, slice.callsPerSecond);
        return slice;
      },
    };
  }

  /** Calls within one process, without HTTP. */
  inProcess({ name, subject, workload, inFlight }: InProcessSubject): Contestant {
    return {
      name,
      run: async (purpose) => {
        const worker = this.worker(subject);
        const limits = this.limits(purpose, workload);
        const source = await this.source(name, 'service', workload, limits);
        const order = { subject, inFlight, source, limits };
        const slice = { ...(await this.measure([worker.pid], () => worker.carryOut(order))), rssMb: null };
        refuseMistakes({ name }, slice);
        return slice;
      },
    };
  }

  /** How long an event takes to reach the feed, beside half as many calls of a workload as were answered alone. */
  delayOfEvents({ name, workload, connections }: Omit<HttpSubject, 'server'>): Contestant {
    return {
      name,
      run: async (purpose) => {
        const { port, pid } = await this.server('service', 0);
        const perSecond = (this.ratePerS.get(workload) ?? GUESSED_CALLS_PER_S) / 2;
        const limits = { ...this.limits(purpose, workload), checkEvery: 0, perSecond };
        const source = await this.source(name, 'service', workload, limits);
        this.follower ??= new Worker<FollowOrder, Measured>(new URL('./load/follower.js', import.meta.url));
        const { follower } = this;
        const calls = this.load.carryOut({ ports: [port], connections, key: null, source, limits });
        const slice = await this.measure([pid], () => follower.carryOut({ port, maxMs: limits.maxMs }));
        refuseMistakes({ name: `${name}, the calls` }, await calls);
        refuseMistakes({ name }, slice);
        return { ...slice, rssMb: rssMbOf([pid]) };
      },
    };
  }

  /** Makes other calls for as long as a slice takes. */
  private async loadBeside(
    name: string,
    { workload, connections }: NonNullable<HttpSubject['beside']>,
    order: LoadOrder,
  ): Promise<Measured> {
    this.otherLoad ??= new Worker<LoadOrder, Measured>(new URL('./load/main.js', import.meta.url));
    const limits = { ...order.limits, checkEvery: 0 };
    const source = await this.source(name, 'service', workload, limits);
    return this.otherLoad.carryOut({ ...order, connections, source, limits });
  }

  private async close(): Promise<void> {
    this.traceSink?.close();
    await this.otherLoad?.end();
    await this.follower?.end();
    await Promise.all([...this.servers.values(), ...this.workers.values()].map((process) => process.end()));
    for (const undo of this.cleanups) {
      await undo();
    }
    await this.database.client.end();
  }

  private async server(name: ServerName, replica: number): Promise<ServerProcess> {
    const key = `${name} ${replica}`;
    let server = this.servers.get(key);
    if (server === undefined) {
      server = await this.start(name);
      this.servers.set(key, server);
    }
    return server;
  }

  private async start(name: ServerName): Promise<ServerProcess> {
    const { isGuarded = false, sendsTraces = false } = programOf(name);
    const env: Record<string, string> = {
      DATABASE_URL: isGuarded ? (await this.access()).serviceUrl : this.database.url,
    };
    if (sendsTraces) {
      this.traceSink ??= await TraceSink.open();
      env.OTEL_EXPORTER_OTLP_ENDPOINT = this.traceSink.url;
    }
    return startServer(name, env, this.profileDir);
  }

  private async access(): Promise<Access> {
    this.opened ??= openAccess(this.database.url, (drop) => void this.cleanups.push(drop));
    return this.opened;
  }

  private worker(subject: string): Worker<InProcessOrder, Measured> {
    let worker = this.workers.get(subject);
    if (worker === undefined) {
      worker = new Worker(new URL('./in-process/main.js', import.meta.url), {
        DATABASE_URL: this.database.url,
      });
      this.workers.set(subject, worker);
    }
    return worker;
  }

  private limits(purpose: 'warm-up' | 'slice', workload: Workload, calls?: number): Limits {
    const { sliceMs } = this.options;
    const maxMs =
      calls !== undefined ? 60_000 : purpose === 'slice' ? sliceMs : Math.max(sliceMs / 2, WARM_UP_MS);
    return {
      maxMs,
      maxCalls:
        calls === undefined ? Math.ceil((MAX_CALLS_PER_S * maxMs) / 1000) : purpose === 'slice' ? calls : 100,
      checkEvery: workload === 'big' ? CHECK_BIG_EVERY : CHECK_EVERY,
    };
  }

  private async source(name: string, store: Store, workload: Workload, limits: Limits): Promise<CallSource> {
    const rate = this.ratePerS.get(name) ?? GUESSED_CALLS_PER_S;
    const stockSize = Math.min(
      MAX_STOCK,
      Math.ceil((STOCK_PER_CALL[workload] * rate * STOCK_MARGIN * limits.maxMs) / 2000) * 2,
    );
    const stock = await addStock(this.database.client, store, this.ordinals(stockSize), stockSize);
    const { population } = this;
    return {
      workload,
      population,
      stock,
      freshFrom: this.ordinals(TAKES_FRESH[workload] ? limits.maxCalls + 1 : 0),
      seed: this.seed++,
    };
  }

  /** Takes so many ordinals that were never used; returns the first. */
  private ordinals(count: number): number {
    const first = this.nextOrdinal;
    this.nextOrdinal += count;
    if (this.nextOrdinal > ORDINALS) {
      throw new Error('the run is too long: every email and phone number there is was used');
    }
    return first;
  }

  private async measure(
    pids: readonly number[],
    run: () => Promise<Measured>,
  ): Promise<Omit<Slice, 'rssMb'>> {
    const service = cpuMsOf(pids);
    const postgres = this.postmaster === null ? null : cpuMsOfServer(this.postmaster);
    const measured = await run();
    return {
      ...measured,
      callsPerSecond: (measured.calls / measured.elapsedMs) * 1000,
      serviceCpuMs: since(service, cpuMsOf(pids)),
      postgresCpuMs: since(postgres, this.postmaster === null ? null : cpuMsOfServer(this.postmaster)),
    };
  }
}

/** The baseline is known to make some under a hot email; the report tells how many. */
function refuseMistakes({ name, server }: { name: string; server?: ServerName }, slice: Measured): void {
  if ((slice.mistakeCount > 0 || slice.calls === 0) && server !== 'baseline') {
    throw new WrongAnswerError(
      `${name}: ${slice.mistakeCount} of ${slice.calls} answers are wrong\n  ${slice.mistakes.join('\n  ')}`,
    );
  }
}

function since(before: number | null, now: number | null): number | null {
  return before === null || now === null ? null : now - before;
}
