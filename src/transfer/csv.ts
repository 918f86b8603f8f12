/** The delimiters of CSV that an import detects. */
export const DELIMITERS = [',', ';', '\t', '|'] as const;

/** One line of CSV (RFC 4180), ended by \n; null is an empty field. */
export function csvLine(fields: readonly (string | null)[]): string {
  return `${fields.map((field) => (field === null ? '' : quoted(field))).join(',')}\n`;
}

function quoted(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
