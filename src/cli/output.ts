import type { Identifier } from '../identity/domain/contact.js';

/** Control characters, and marks that reorder or hide text; line breaks not included. */
const UNPRINTABLE = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

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
  // not Math.max(...): there may be more rows than a call takes arguments
  const widths =
    rows[0]?.map((_, column) => rows.reduce((max, row) => Math.max(max, row[column]?.length ?? 0), 0)) ?? [];
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

/** @example named([{ kind: 'email', value: 'doc@hillvalley.edu' }]) // 'email doc@hillvalley.edu' */
export function named(identifiers: readonly Identifier[]): string {
  return identifiers.map(({ kind, value }) => `${kind} ${value}`).join(' and ');
}

/** @example namedLists({ customerId: ['C-1', 'C-2'], card: '7' }) // 'customerId C-1, C-2 and card 7' */
export function namedLists(values: Readonly<Record<string, string | readonly string[]>>): string {
  const lists = Object.entries(values).map(([kind, value]) => ({ kind, value: [value].flat().join(', ') }));
  return named(lists.filter(({ value }) => value !== ''));
}

/** A time of an answer to the minute. @example inUtc('2026-11-25T18:30:00.000001Z') // '2026-11-25 18:30Z' */
export function inUtc(iso: string): string {
  return `${iso.slice(0, 16).replace('T', ' ')}Z`;
}

/** A time to the minute, or a dash. */
export function minute(date: Date | null): string {
  return date === null ? '-' : inUtc(date.toISOString());
}
