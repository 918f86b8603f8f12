import { Presets, SingleBar } from 'cli-progress';
import type { Writable } from 'node:stream';
import { counted, inDigits, inTime } from '../amounts.js';

const REDRAW_MS = 200;
const LINE_MS = 5_000;

/** Where progress is shown, such as the standard error. */
export type Screen = Writable & { readonly isTTY?: boolean };

/** Progress on the screen. Disposing of it leaves the last state of the bar there. */
export interface ShownProgress extends Disposable {
  /** Writes a line of its own. */
  say(text: string): void;
}

/**
 * Shows how far an import has come: a bar on a terminal, elsewhere a line every few seconds.
 *
 * @param out null: nothing is shown
 * @param state read each time something is shown
 */
export function showProgress(out: Screen | null, state: State): ShownProgress {
  if (out === null) {
    return { say: () => undefined, [Symbol.dispose]: () => undefined };
  }
  const start = { rows: state.rows(), at: performance.now() };
  let seekShare: number | null = null;
  const describe = (): Payload => {
    // A resumed import first skips what was imported before; that says nothing about the time left.
    if (state.rows() > start.rows) {
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
      // after a signal the import finishes its batch, and the bar goes on until then
      gracefulExit: false,
    },
    Presets.shades_classic,
  );
  const refresh = (): void =>
    bar.update(Math.min(state.bytesRead(), state.size ?? 0), { text: line(describe()) });
  bar.start(state.size ?? 0, 0, { text: '' });
  const timer = setInterval(refresh, REDRAW_MS);
  return {
    // the bar is drawn again on the next line
    say: (text) => out.write(`\r\u001B[K${text}\n`),
    [Symbol.dispose]: () => {
      clearInterval(timer);
      refresh();
      bar.stop();
    },
  };
}

interface Payload {
  readonly rows: number;
  readonly outcomes: Readonly<Record<string, number>>;
  /** Rows a second of this run */
  readonly rate: number;
  /** Seconds left, estimated from the bytes read; null: unknown */
  readonly eta: number | null;
}

interface State {
  /** Rows that are done, in earlier runs too */
  readonly rows: () => number;
  /** How many of them had which outcome, in the order in which it is shown */
  readonly outcomes: () => Readonly<Record<string, number>>;
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
    rows: state.rows(),
    outcomes: state.outcomes(),
    rate: (state.rows() - start.rows) / Math.max(seconds, 0.001),
    eta: isKnown ? (seconds / (share - seekShare)) * (1 - share) : null,
  };
}

function line({ rows, outcomes, rate, eta }: Payload): string {
  return [
    counted(rows, 'row'),
    `${inDigits(rate)}/s`,
    ...(eta === null ? [] : [`ETA ${inTime(eta)}`]),
    ...Object.entries(outcomes).map(([outcome, count]) => `${outcome} ${inDigits(count)}`),
  ].join(', ');
}
