/** Control characters, and marks that reorder or hide text; not a line break. */
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
