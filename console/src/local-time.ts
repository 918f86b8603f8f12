/** A moment as a field of the browser has it: in the reader's zone, to the second. */
export function localText(iso: string): string {
  const date = new Date(iso);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/** With it, the year of a field has four digits, as a moment of the service has. */
export const LAST_MOMENT = '9999-12-31T23:59:59';

/** What a field of the browser says, as the service wants it. */
export function isoText(local: string): string {
  return new Date(local).toISOString();
}
