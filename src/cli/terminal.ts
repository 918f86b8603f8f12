import type { StandardStreams } from '../transfer/files.js';
import { printable } from './output.js';

/** Where a command runs: its settings, what it reads and writes, and the exit code that it leaves. */
export class Terminal {
  exitCode = 0;

  constructor(
    readonly streams: StandardStreams,
    readonly env: NodeJS.ProcessEnv,
  ) {}

  /** Prints a result on the standard output. */
  print(text: string): void {
    this.streams.stdout.write(printable(text));
  }

  /** Prints what is not a result, such as an error, on the standard error. */
  printError(text: string): void {
    this.streams.stderr.write(printable(text));
  }
}
