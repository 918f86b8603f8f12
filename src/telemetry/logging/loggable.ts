/**
 * An error reduced to what may be logged. Errors of PostgreSQL quote values in their message, detail and where, so only
 * their codes and the names of the schema are kept. Errors of a parser quote its input.
 */
export function loggable(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) {
    return { thrown: typeof error };
  }
  const { code, severity, table, constraint, routine } = error as unknown as Record<string, unknown>;
  if (severity !== undefined) {
    return { name: error.name, code, severity, table, constraint, routine };
  }
  if (error instanceof SyntaxError) {
    return { name: error.name, code, stack: framesOf(error) };
  }
  return { name: error.name, message: error.message, code, stack: error.stack };
}

/**
 * Logs an uncaught exception, without database values, and exits.
 *
 * Node itself would print the error with all its properties, and those of PostgreSQL contain the values of a statement.
 */
export function installLastWords(say: (error: Record<string, unknown>) => void, exitCode: number): void {
  // also called for an unhandled rejection
  process.on('uncaughtException', (error) => {
    say(loggable(error));
    process.exit(exitCode);
  });
}

/** The stack without the message at its beginning. */
function framesOf({ stack = '' }: Error): string {
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n');
}
