import { setImmediate as nextTurn } from 'node:timers/promises';

/** Items on which is worked without a break for other calls: about a millisecond. */
const SLICE = 1_000;

/** As `items.map(work)`; if there are many items, other calls are served in between. */
export async function mapInTurns<T, U>(items: readonly T[], work: (item: T) => U): Promise<U[]> {
  const results: U[] = [];
  for (let at = 0; at < items.length; at += SLICE) {
    await turn(at);
    results.push(...items.slice(at, at + SLICE).map(work));
  }
  return results;
}

/** Lets other calls be served before more work on so many items. */
export async function turn(items: number): Promise<void> {
  if (items >= SLICE) {
    await nextTurn();
  }
}
