/** The delimiters of CSV that an import detects. */
export const DELIMITERS = [',', ';', '\t', '|'] as const;

/** One line of CSV (RFC 4180), ended by \n; null is an empty field. */
export function csvLine(fields: readonly (string | null)[]): string {
  return `${fields.map((field) => (field === null ? '' : quoted(field))).join(',')}\n`;
}

function quoted(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

/**
 * Puts an apostrophe before a value that a spreadsheet would run as a formula, `+` numbers included. Reversed by
 * {@link unguarded}, so a value that has such an apostrophe already gets another one.
 *
 * @example guarded('=1+1') // "'=1+1"
 */
export function guarded(field: string): string {
  return runsAsFormula(field.replace(/^'+/, '')) ? `'${field}` : field;
}

/** A value without the apostrophe of {@link guarded}, which spreadsheets write too. */
export function unguarded(field: string): string {
  return isGuarded(field) ? field.slice(1) : field;
}

/** A value that {@link unguarded} returns unchanged, for a file that is not for spreadsheets: formulas stay as they are. */
export function unambiguous(field: string): string {
  return isGuarded(field) ? `'${field}` : field;
}

function isGuarded(field: string): boolean {
  return field.startsWith("'") && runsAsFormula(field.replace(/^'+/, ''));
}

/**
 * Whether a spreadsheet may run a value as a formula. Spreadsheets skip blank and invisible characters, may start a new cell
 * at a tab or line break, and read wide, small or raised signs as the usual ones (NFKC).
 */
function runsAsFormula(field: string): boolean {
  if (/^[\t\r\n]/.test(field)) {
    return true;
  }
  const visible = field.search(/[^\s\p{Cc}\p{Cf}]/u);
  return visible !== -1 && /^[=+\-@\u2212]/.test(field.slice(visible, visible + 2).normalize('NFKC'));
}
