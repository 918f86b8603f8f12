import { Presets, SingleBar } from 'cli-progress';
import type { Writable } from 'node:stream';
import { rowsOf, type Tally } from './tally.js';

const REDRAW_MS = 200;
const LINE_MS = 5_000;

/** Where progress is shown, such as the standard error. */
export type Screen = Writable & { readonly isTTY?: boolean };

/** Progress as it is shown; disposing of it leaves the last state of the bar standing. */
export interface Shown extends Disposable {
  /** Puts in a line of its own. */
  say(text: string): void;
}

/**
 * Shows how far an import has come: a bar on a terminal, elsewhere a line every few seconds.
 *
 * @param out null: nothing is shown
 * @param state read whenever something is shown
 */
export function showProgress(out: Screen | null, state: State): Shown {
  if (out === null) {
    return { say: () => undefined, [Symbol.dispose]: () => undefined };
  }
  const start = { rows: rowsOf(state.tally), at: performance.now() };
  let seekShare: number | null = null;
  const describe = (): Payload => {
    // A resumed import first passes over what was taken before; that says nothing about the time to go.
    if (rowsOf(state.tally) > start.rows) {
      seekShare ??= start.rows === 0 ? 0 : shareOf(state);
    }
    return payload(state, start, seekShare);
  };
  if (out.isTTY !== true) {
    const timer = setInterval(() => out.write(`${line(describe())}\n`), LINE_MS);
    return { say: (text) => out.write(`${text}\n`), [Symbol.dispose]: () => clearInterval(timer) };
  }
  const bar = new SingleBar(
    {
      stream: out,
      format: state.size === null ? '{text}' : '{bar} {percentage}% | {text}',
      barsize: 24,
      hideCursor: true,
      linewrap: false,
      // while the import is stopped by a signal it finishes its batch, and the bar with it
      gracefulExit: false,
    },
    Presets.shades_classic,
  );
  const refresh = (): void =>
    bar.update(Math.min(state.bytesRead(), state.size ?? 0), { text: line(describe()) });
  bar.start(state.size ?? 0, 0, { text: '' });
  const timer = setInterval(refresh, REDRAW_MS);
  return {
    // the bar is drawn anew on the line below
    say: (text) => out.write(`\r\u001B[K${text}\n`),
    [Symbol.dispose]: () => {
      clearInterval(timer);
      refresh();
      bar.stop();
    },
  };
}

interface Payload {
  readonly tally: Tally;
  /** Rows a second of this run */
  readonly rate: number;
  /** Seconds to go, by the bytes read; null: unknown */
  readonly eta: number | null;
}

interface State {
  readonly tally: Tally;
  readonly bytesRead: () => number;
  readonly size: number | null;
}

function shareOf({ bytesRead, size }: State): number | null {
  return size === null || size === 0 ? null : bytesRead() / size;
}

function payload(state: State, start: { rows: number; at: number }, seekShare: number | null): Payload {
  const seconds = (performance.now() - start.at) / 1000;
  const share = shareOf(state);
  const isKnown = share !== null && seekShare !== null && share > seekShare;
  return {
    tally: state.tally,
    rate: (rowsOf(state.tally) - start.rows) / Math.max(seconds, 0.001),
    eta: isKnown ? (seconds / (share - seekShare)) * (1 - share) : null,
  };
}

function line({ tally, rate, eta }: Payload): string {
  const { created, linked, merged, unchanged, rejected } = tally;
  return [
    `${number(rowsOf(tally))} rows`,
    `${number(rate)}/s`,
    ...(eta === null ? [] : [`ETA ${duration(eta)}`]),
    `created ${number(created)}`,
    `linked ${number(linked)}`,
    `merged ${number(merged)}`,
    `unchanged ${number(unchanged)}`,
    `rejected ${number(rejected)}`,
  ].join(', ');
}

export function number(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

export function duration(seconds: number): string {
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  return h > 0 ? `${h}h ${m}m` : m > 0 ? `${m}m ${s}s` : `${s}s`;
}
