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

export function isPostgres(pid: number): boolean {
  return readProc(pid, 'comm')?.trim() === 'postgres';
}

/** The most memory that one of the processes holds now, in MB of 10^6 bytes; null where there is no /proc. */
export function rssMbOf(pids: readonly number[]): number | null {
  const sizes = pids.map((pid) => /^VmRSS:\s+(\d+) kB/m.exec(readProc(pid, 'status') ?? '')?.[1]);
  return sizes.includes(undefined) ? null : (Math.max(...sizes.map(Number)) * 1024) / 1e6;
}

function timesOf(pid: number): ProcessTimes | null {
  const text = readProc(pid, 'stat');
  if (text === null) {
    return null;
  }
  // The name in parentheses may have spaces; after it come state, parent, …, and from the 12th on four times.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ms = (at: number): number => Number(fields[at]) * TICK_MS;
  return { parent: Number(fields[1]), ownMs: ms(11) + ms(12), endedMs: ms(13) + ms(14) };
}

function readProc(pid: number, file: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return null;
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
