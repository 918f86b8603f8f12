import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { end, startNode } from './children.js';

/** A process that serves `POST /identify` on a loopback port. */
export interface ServerProcess {
  readonly port: number;
  readonly pid: number;
  end(): Promise<void>;
}

interface Program {
  readonly script: URL;
  readonly env: Readonly<Record<string, string>>;
  readonly nodeFlags?: readonly string[];
}

const PROGRAMS = {
  /** The service as it is built for production. */
  service: new URL('../../src/main.js', import.meta.url),
  plain: new URL('../../src/main.js', import.meta.url),
  guarded: new URL('../../src/main.js', import.meta.url),
  noop: new URL('../noop/main.js', import.meta.url),
  bare: new URL('../bare/main.js', import.meta.url),
  baseline: new URL('../baseline/main.js', import.meta.url),
};
export type ServerName = keyof typeof PROGRAMS;

/** As `npm start` and the container image run it. */
const SERVICE_FLAGS = ['--max-semi-space-size=8', '--heap-growing-percent=50'];
const START_MS = 30_000;

/**
 * Starts a server and waits until it answers.
 *
 * @param databaseUrl a database that is filled already
 * @param extra environment beside that
 * @param profileDir where a CPU profile is written when it ends; null: none
 */
export async function startServer(
  name: ServerName,
  databaseUrl: string,
  extra: Readonly<Record<string, string>> = {},
  profileDir: string | null = null,
): Promise<ServerProcess> {
  return start({
    script: PROGRAMS[name],
    env: { PORT: '0', METRICS_PORT: '0', ALLOW_NO_AUTH: 'true', DATABASE_URL: databaseUrl, ...extra },
    nodeFlags: [
      ...(name === 'baseline' ? [] : SERVICE_FLAGS),
      ...(profileDir === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`]),
    ],
  });
}

async function start({ script, env, nodeFlags = [] }: Program): Promise<ServerProcess> {
  const child = startNode(script, { env, nodeFlags });
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-10_000)));
  child.stderr?.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-10_000)));
  const deadline = performance.now() + START_MS;
  while (performance.now() < deadline && child.exitCode === null) {
    const port = /Listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(output)?.[1];
    if (port !== undefined && (await isReady(Number(port)))) {
      return serverOf(child, Number(port));
    }
    await sleep(50);
  }
  await end(child);
  throw new Error(`${script.pathname} did not start:\n${output}`);
}

async function isReady(port: number): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}/health/ready`, {
    signal: AbortSignal.timeout(2_000),
  });
  await response.body?.cancel();
  return response.ok;
}

function serverOf(child: ChildProcess, port: number): ServerProcess {
  return { port, pid: child.pid!, end: () => end(child) };
}
