import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { CHILD_ENV } from './child-env.js';

export interface Finished {
  /** null: a signal killed it */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The built command line in a process of its own. */
export class Command {
  private readonly child: ChildProcess;
  private stdout = '';
  private stderr = '';
  private readonly closed: Promise<unknown>;

  /** @param input the standard input; null: it stays open */
  constructor(args: readonly string[], env: Readonly<Record<string, string>>, input: string | null = null) {
    this.child = spawn(process.execPath, [resolve('dist/src/cli/main.js'), ...args], {
      env: { ...CHILD_ENV, NO_COLOR: '1', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child.stdout!.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr!.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.closed = once(this.child, 'close');
    if (input !== null) {
      this.child.stdin!.end(input);
    }
  }

  /** Sends a part of the standard input, which stays open. */
  write(text: string): void {
    this.child.stdin!.write(text);
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  kill(signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT'): void {
    this.child.kill(signal);
  }

  async end(): Promise<Finished> {
    await this.closed;
    return { code: this.child.exitCode, stdout: this.stdout, stderr: this.stderr };
  }
}

/** Runs a command to its end. */
export function command(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input: string | null = null,
): Promise<Finished> {
  return new Command(args, env, input ?? '').end();
}
