/** A count with its thousands separated. */
export function inDigits(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** A count of things: `1 row`, `2,000 rows`. @param many their plural, if it is no `s` more */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${inDigits(count)} ${count === 1 ? one : many}`;
}

/** A duration such as `1h 5m` or `12s`. */
export function inTime(seconds: number): string {
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  return h > 0 ? `${h}h ${m}m` : m > 0 ? `${m}m ${s}s` : `${s}s`;
}
