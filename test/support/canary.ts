/** Personal data that is recognised wherever it turns up. */
export const EMAIL = 'Canary.Zq7x@Hill-Valley.Example';
export const PHONE = '+1 (650) 253-7741';
/** What identifies the two in any spelling: as sent, normalised, in a URL, in part. */
const MARKS = ['zq7x', '2537741', '253-7741', '253%2D7741'];

/** The lines in which a canary stands; also in the two encodings that hide it from a search. */
export function canariesIn(text: string): string[] {
  return text.split('\n').filter((line) => MARKS.some((mark) => spellingsOf(line).includes(mark)));
}

function spellingsOf(line: string): string {
  const decoded = line.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  const base64 = [...line.matchAll(/[\w+/-]{12,}/g)].map(([word]) => Buffer.from(word, 'base64').toString());
  const bytes = [...line.matchAll(/(?:[0-9a-f]{2}[ ,]?){8,}/gi)].map(([hex]) =>
    Buffer.from(hex.replaceAll(/[ ,]/g, ''), 'hex').toString(),
  );
  return [line, decoded, ...base64, ...bytes].join('\n').toLowerCase();
}
