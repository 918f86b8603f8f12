import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts CPU time in hundredths of a second, on every architecture that Node runs on. */
const TICK_MS = 10;

interface ProcessTimes {
  readonly parent: number;
  readonly ownMs: number;
  /** Of children that have ended. */
  readonly endedMs: number;
}

/** CPU time that processes have used so far in ms, user and system; null where there is no /proc. */
export function cpuMsOf(pids: readonly number[]): number | null {
  const times = pids.map(timesOf);
  return times.some((time) => time === null) ? null : sum(times.map((time) => time!.ownMs));
}

/** CPU time of a PostgreSQL: its first process, all its children, and those that have ended. */
export function cpuMsOfServer(postmaster: number): number | null {
  const own = timesOf(postmaster);
  if (own === null) {
    return null;
  }
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => timesOf(Number(name)))
    .filter((times) => times?.parent === postmaster);
  return own.ownMs + own.endedMs + sum(children.map((times) => times!.ownMs));
}

/** The first process of the PostgreSQL that a backend belongs to; null if it runs elsewhere. */
export function postmasterOf(backend: number): number | null {
  return isPostgres(backend) ? (timesOf(backend)?.parent ?? null) : null;
}

function isPostgres(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'postgres';
  } catch {
    return false;
  }
}

function timesOf(pid: number): ProcessTimes | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The name in parentheses may have spaces; after it come state, parent, …, and from the 12th on four times.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ms = (at: number): number => Number(fields[at]) * TICK_MS;
  return { parent: Number(fields[1]), ownMs: ms(11) + ms(12), endedMs: ms(13) + ms(14) };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
