import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../test/support/postgres-server.js';
import { end, startNode } from './children.js';

/** A process that serves `POST /identify` on a loopback port. */
export interface ServerProcess {
  readonly port: number;
  readonly pid: number;
  end(): Promise<void>;
}

interface Program {
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  /** Whether it runs as a role that owns nothing, and asks for an API key. */
  readonly isGuarded?: boolean;
  readonly sendsTraces?: boolean;
}

const SERVICE = '../../src/main.js';
const QUIET = { METRICS_PORT: 'off', LOG_LEVEL: 'silent' };
const traced = (share: string) => ({
  OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
  OTEL_TRACES_SAMPLER_ARG: share,
});

/** Servers by name. The service runs as it is built for production, with different settings. */
const PROGRAMS = {
  service: { script: SERVICE, env: {} },
  'no events': { script: SERVICE, env: { EVENTS_ENABLED: 'false' } },
  'all off': { script: SERVICE, env: { ...QUIET, MAX_EVENT_LOOP_DELAY_MS: '0' } },
  'all on': {
    script: SERVICE,
    // A limit that is counted and not reached, and as many traces as one would send.
    env: { AUTH_MODE: 'api-key', RATE_LIMIT_PER_MINUTE: '6000000', ...traced('0.01') },
    isGuarded: true,
    sendsTraces: true,
  },
  quiet: { script: SERVICE, env: QUIET },
  logs: { script: SERVICE, env: { METRICS_PORT: 'off' } },
  'logs with a line a call': { script: SERVICE, env: { METRICS_PORT: 'off', LOG_LEVEL: 'debug' } },
  'logs, metrics': { script: SERVICE, env: {} },
  'logs, metrics, 1 % of traces': { script: SERVICE, env: traced('0.01'), sendsTraces: true },
  'logs, metrics, all traces': { script: SERVICE, env: traced('1'), sendsTraces: true },
  noop: { script: '../servers/noop.js', env: {} },
  bare: { script: '../servers/bare.js', env: {} },
  baseline: { script: '../servers/baseline.js', env: {} },
} satisfies Record<string, Program>;
export type ServerName = keyof typeof PROGRAMS;

/** As `npm start` and the container image run it. */
const SERVICE_FLAGS = ['--max-semi-space-size=8', '--heap-growing-percent=50'];
const START_MS = 30_000;

export function programOf(name: ServerName): Program {
  return PROGRAMS[name];
}

/**
 * Starts a server and waits until it answers.
 *
 * @param env how to reach a filled database, and what else the server is told beside its own settings
 * @param profileDir where a CPU profile is written when it ends; null: none
 */
export async function startServer(
  name: ServerName,
  env: Readonly<Record<string, string>>,
  profileDir: string | null,
): Promise<ServerProcess> {
  const program = programOf(name);
  const port = await freePort();
  const child = startNode(new URL(program.script, import.meta.url), {
    env: { PORT: String(port), METRICS_PORT: '0', ALLOW_NO_AUTH: 'true', ...program.env, ...env },
    nodeFlags: [
      ...(name === 'baseline' ? [] : SERVICE_FLAGS),
      ...(profileDir === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`]),
    ],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-10_000)));
  }
  const deadline = performance.now() + START_MS;
  while (performance.now() < deadline && child.exitCode === null) {
    if (await isReady(port)) {
      return { port, pid: child.pid!, end: () => end(child) };
    }
    await sleep(50);
  }
  await end(child);
  throw new Error(`${name} did not start:\n${output}`);
}

async function isReady(port: number): Promise<boolean> {
  const url = `http://127.0.0.1:${port}/health/ready`;
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => null);
  await response?.body?.cancel();
  return response?.ok === true;
}
