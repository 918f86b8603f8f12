/** Whether all that the promises name is counted out, which takes long, or enough to notice that one is broken. */
export const isFull = process.env.FAULTS === 'full';

export function scaled(full: number, short: number): number {
  return isFull ? full : short;
}

/** For tests whose length goes with their counts. */
export const LONG_MS = isFull ? 3_600_000 : 180_000;
