import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CHILD_ENV } from './child-env.js';
import { ServiceClient } from './client.js';
import { variant } from './variant.js';

/** Ports that are free, and no call turned away because the machine is busy with tests. */
const DEFAULTS = { NO_COLOR: '1', PORT: '0', METRICS_PORT: '0', MAX_EVENT_LOOP_DELAY_MS: '0' };

/** The built service in a process of its own, as it runs in production. */
export class ServiceProcess {
  private constructor(
    readonly client: ServiceClient,
    private readonly child: ChildProcess,
    private readonly lines: string[],
  ) {}

  get pid(): number {
    return this.child.pid!;
  }

  /** Whether it has not ended by itself or been killed. */
  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Everything that the process has printed. */
  get output(): string {
    return this.lines.join('');
  }

  /** Starts the service and waits until it listens. */
  static async start(env: Readonly<Record<string, string>>): Promise<ServiceProcess> {
    const lines: string[] = [];
    const child = launch(env, lines);
    for (let tries = 0; tries < 900 && child.exitCode === null; tries++) {
      const url = /Listening on (http:\/\/[^\s,]+)/.exec(lines.join(''))?.[1];
      if (url !== undefined) {
        return new ServiceProcess(new ServiceClient(url), child, lines);
      }
      await sleep(100);
    }
    child.kill('SIGKILL');
    throw new Error(`the service did not start:\n${lines.join('')}`);
  }

  /** Starts the service where it must refuse to; returns its exit code and what it said. */
  static async startAndFail(
    env: Readonly<Record<string, string>>,
  ): Promise<{ code: number; output: string }> {
    const lines: string[] = [];
    const child = launch(env, lines);
    const [code] = (await once(child, 'close')) as [number];
    return { code, output: lines.join('') };
  }

  /** Sends a signal and waits for the end; returns the exit code, null if the signal killed it. */
  async end(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): Promise<number | null> {
    if (!this.isRunning) {
      return this.child.exitCode;
    }
    const closed = once(this.child, 'close') as Promise<[number | null]>;
    this.child.kill(signal);
    return (await closed)[0];
  }
}

function launch(env: Readonly<Record<string, string>>, lines: string[]): ChildProcess {
  const child = spawn(process.execPath, [resolve('dist/src/main.js')], {
    env: { ...CHILD_ENV, ...DEFAULTS, ...env, ...variant() },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.on('data', (chunk: Buffer) => lines.push(chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => lines.push(chunk.toString()));
  return child;
}
