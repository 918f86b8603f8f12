/**
 * An error reduced to what may be logged. Errors of PostgreSQL quote the values of a statement in their message, detail
 * and where; of those only the codes and the names of the schema are kept. Errors of a parser quote its input.
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

/** The stack without the message that it begins with. */
function framesOf({ stack = '' }: Error): string {
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n');
}
