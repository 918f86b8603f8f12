import { loggable } from './loggable.js';

/**
 * Says why a process ends that nobody saved from an error.
 *
 * Node itself would print the error with all its properties, and in those of PostgreSQL stand the values of a statement.
 */
export function installLastWords(say: (error: Record<string, unknown>) => void, exitCode: number): void {
  // an unhandled rejection comes here as well
  process.on('uncaughtException', (error) => {
    say(loggable(error));
    process.exit(exitCode);
  });
}
