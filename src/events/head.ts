import { randomBytes } from 'node:crypto';
import type { Row } from '../database/session/sql-session.js';

/** How many epochs are remembered; a cursor of an older one is refused. */
const EPOCHS_KEPT = 20;

/** Where the log of a tenant ends, and what is left of it. */
export interface Head {
  /** The last position that was given; 0: none */
  readonly position: number;
  /** The last position that is no longer there; 0: all are */
  readonly trimmed: number;
  /**
   * The stretches of the log that nothing was lost of, the oldest first. A restored database goes on from an earlier position: what
   * was told after that is lost, and other events get the same positions in a new epoch.
   */
  readonly epochs: readonly Epoch[];
  /** Where it was written last; see {@link ORIGIN}. */
  readonly origin: string;
  /** Whether changes were made since that left no events */
  readonly isPaused: boolean;
}

/** A part of the log: a new one begins where the log goes on in another place, or after a pause. */
export interface Epoch {
  readonly name: string;
  /** The last position before it */
  readonly start: number;
}

/** A place in the log: all events after it are still to be seen, but for those that are skipped. */
export interface Cursor {
  readonly epoch: string;
  readonly position: number;
  /** Positions after it that an export knows already. As ranges: a short text may name a million of them. */
  readonly skipped: readonly Range[];
}

/** Positions from the first to the last one. */
export type Range = readonly [first: number, last: number];

/** The head of a log from its row. */
export function headOf(row: Row): Head {
  const starts = (row.epoch_starts as unknown[]).map(Number);
  return {
    position: Number(row.position),
    trimmed: Number(row.trimmed),
    epochs: (row.epochs as string[]).map((name, i) => ({ name, start: starts[i]! })),
    origin: row.origin as string,
    isPaused: row.is_paused as boolean,
  };
}

export function newEpochName(): string {
  return randomBytes(6).toString('hex');
}

/** Whether the log goes on here as it was left: nothing was restored, and no change was made without events. */
export function isIntact({ origin, isPaused }: Head, originNow: string): boolean {
  return origin === originNow && !isPaused;
}

/**
 * The head of a log that goes on in another place, or after a pause. A pause takes a position: whoever has not seen all events
 * before it, or has, must start again, because what came meanwhile was not told.
 *
 * @param name of the new epoch
 */
export function mended(head: Head, originNow: string, name: string): Head {
  const isNew = head.origin === '' && !head.isPaused;
  const position = head.position + (head.isPaused ? 1 : 0);
  const epochs = isNew ? head.epochs : [...head.epochs, { name, start: position }].slice(-EPOCHS_KEPT);
  const trimmed = head.isPaused ? position : head.trimmed;
  return { position, trimmed, epochs, origin: originNow, isPaused: false };
}

/** The place after an event. @param skipped those that lie after it are kept */
export function cursorAfter({ epochs }: Head, position: number, skipped: readonly Range[] = []): Cursor {
  const epoch = epochs.findLast(({ start }) => start < position) ?? epochs[0]!;
  const left = skipped
    .filter(([, last]) => last > position)
    .map(([first, last]): Range => [Math.max(first, position + 1), last]);
  return { epoch: epoch.name, position, skipped: left };
}

/** Whether a place skips a position. */
export function skips({ skipped }: Pick<Cursor, 'skipped'>, position: number): boolean {
  return skipped.some(([first, last]) => first <= position && position <= last);
}

/** Positions, ascending, as ranges. */
export function rangesOf(positions: readonly number[]): Range[] {
  const ranges: [first: number, last: number][] = [];
  for (const each of positions) {
    const last = ranges.at(-1);
    if (last?.[1] === each - 1) {
      last[1] = each;
    } else {
      ranges.push([each, each]);
    }
  }
  return ranges;
}

/** Whether all events after a place are still there, and all before it are those that its owner has seen. */
export function isReadable({ position, trimmed, epochs }: Head, cursor: Cursor): boolean {
  const place = epochs.findIndex(({ name }) => name === cursor.epoch);
  return (
    place >= 0 &&
    epochs.slice(place + 1).every(({ start }) => cursor.position <= start) &&
    cursor.position <= position &&
    cursor.position >= trimmed
  );
}

const CURSOR = /^([0-9a-f]{12})-(\d{1,15})(?:~(\d{1,15}(?:[.-]\d{1,15})*))?$/;

/** The text of a cursor: epoch and position, and ranges of skipped positions. */
export function textOf({ epoch, position, skipped }: Cursor): string {
  const rest = skipped
    .map(([first, last]) => (first === last ? String(first) : `${first}-${last}`))
    .join('.');
  return `${epoch}-${position}${rest === '' ? '' : `~${rest}`}`;
}

/** Ranges that name more positions than an export can skip are no cursor of ours. */
const SKIPPED_MAX = 1_000_000;

/** Reads a cursor; null: it is none. */
export function cursorOf(text: string): Cursor | null {
  const [, epoch, position, rest] = CURSOR.exec(text) ?? [];
  if (epoch === undefined || position === undefined) {
    return null;
  }
  const skipped: Range[] = [];
  let count = 0;
  for (const [first = 0, last = first, ...more] of (rest?.split('.') ?? []).map((range) =>
    range.split('-').map(Number),
  )) {
    count += last - first + 1;
    if (last < first || more.length > 0 || count > SKIPPED_MAX) {
      return null;
    }
    skipped.push([first, last]);
  }
  return { epoch, position: Number(position), skipped };
}
