import type { TextRecord } from './record.js';

/** Lines that a quoted field may span before that is told; notes of customers are shorter. */
const LINES_MAX = 20;
/** An email, or digits of a phone number */
const LOOKS_LIKE_PEOPLE = /@|\d{6}/;

/**
 * Whether a quoted field seems to take in further rows, as it does from a stray quote to the next one.
 *
 * @param width columns of the header
 */
export function takesInRows(
  { line, endLine, fields }: TextRecord,
  width: number,
  delimiter: string,
): boolean {
  if (endLine - line < 2) {
    return false;
  }
  return fields.some((field, place) => {
    const [first = '', ...rest] = field.split(/\r\n|\n|\r/);
    const after = width - 1 - place;
    const endsRow = rest.length > 0 && after > 0 && count(first, delimiter) >= after;
    const isRow = width > 1 && rest.some((text) => count(text, delimiter) >= width - 1);
    return rest.length >= LINES_MAX || ((endsRow || isRow) && LOOKS_LIKE_PEOPLE.test(field));
  });
}

function count(text: string, delimiter: string): number {
  return text.split(delimiter).length - 1;
}
