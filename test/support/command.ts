import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { runProgram } from '../../src/cli/program.js';
import { Terminal } from '../../src/cli/terminal.js';
import { CHILD_ENV } from './child-env.js';

export interface Finished {
  /** null: a signal killed it */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The built command line in a process of its own: for signals, open input, and what only a process shows. */
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

/** Runs a command to its end in this process, with streams and an environment of its own: a process takes a second to start. */
export async function command(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input = '',
): Promise<Finished> {
  const [stdout, stderr] = [new Gathered(), new Gathered()];
  const terminal = new Terminal({ stdin: Readable.from([Buffer.from(input)]), stdout, stderr }, { ...env });
  await runProgram(args, terminal);
  return { code: terminal.exitCode, stdout: stdout.text, stderr: stderr.text };
}

/** Runs the built command in a process of its own to its end. */
export function spawned(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input = '',
): Promise<Finished> {
  return new Command(args, env, input).end();
}

/** A stream that keeps what is written to it. */
class Gathered extends Writable {
  private readonly chunks: Buffer[] = [];

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(chunk);
    done();
  }
}
