import type { Outcome } from '../../identity/domain/batch.js';

/** What became of the rows so far. */
export type Tally = Record<Outcome | 'rejected' | 'joined' | 'apart', number>;

export function emptyTally(): Tally {
  return { created: 0, linked: 0, merged: 0, unchanged: 0, rejected: 0, joined: 0, apart: 0 };
}

export function rowsOf({ created, linked, merged, unchanged, rejected }: Tally): number {
  return created + linked + merged + unchanged + rejected;
}
