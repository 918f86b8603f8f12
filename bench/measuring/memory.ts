import { readFileSync } from 'node:fs';

/** Memory that a process holds now, in MB of 10^6 bytes; null where there is no /proc. */
export function rssMbOf(pid: number): number | null {
  try {
    const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kib === undefined ? null : (Number(kib) * 1024) / 1e6;
  } catch {
    return null;
  }
}
