import { spawn, type ChildProcess } from 'node:child_process';

const running = new Set<ChildProcess>();
/** A process that does not end when asked is ended after this. */
const GRACE_MS = 15_000;

interface ChildOptions {
  readonly args?: readonly string[];
  /** Flags of Node itself. */
  readonly nodeFlags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Whether orders are sent to it. */
  readonly isWorker?: boolean;
}

/** Starts a program of the benchmark's build in a process of its own, which ends with the benchmark. */
export function startNode(script: URL, options: ChildOptions = {}): ChildProcess {
  const { args = [], nodeFlags = [], env = {}, isWorker = false } = options;
  const child = spawn(process.execPath, [...nodeFlags, script.pathname, ...args], {
    env: { PATH: process.env.PATH, NO_COLOR: '1', NODE_ENV: 'production', ...env },
    stdio: isWorker ? ['ignore', 'inherit', 'inherit', 'ipc'] : ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Asks a process to end and waits until it has. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
  await exited;
  clearTimeout(timer);
}

/** Ends every process that was started here and is still running. */
export async function endAll(): Promise<void> {
  await Promise.all([...running].map((child) => end(child)));
}
