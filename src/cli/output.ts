/** Control characters, and marks that reorder or hide text; line breaks not included. */
const UNPRINTABLE = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Prints a result on the standard output. */
export function print(text: string): void {
  process.stdout.write(printable(text));
}

/** Prints what is not a result, such as an error, on the standard error. */
export function printError(text: string): void {
  process.stderr.write(printable(text));
}

/**
 * Text that is safe on a terminal: what an argument or a file contains can't move the cursor, set the title or hide
 * itself. Each such character becomes `\uXXXX`, which also keeps JSON valid.
 *
 * @example printable('a\u001B[31mb') // 'a\\u001b[31mb'
 */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, (character) =>
    Array.from(
      { length: character.length },
      (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`,
    ).join(''),
  );
}

/** Lines with aligned columns. The first line is the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

/** A time to the minute, or a dash. */
export function minute(date: Date | null): string {
  return date === null ? '-' : `${date.toISOString().slice(0, 16).replace('T', ' ')}Z`;
}
