import type { Slice } from '../measuring/rounds.js';
import type { Verdict } from '../comparison.js';
import type { Section } from '../suites.js';
import { isMet, type Target } from '../targets.js';
import { COLUMNS, figures, round, spread } from './format.js';

/** A line of progress; results go to the standard output, this does not. */
export function say(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

export function printSlice(section: string, name: string, slice: Slice): void {
  say(`${section}: ${name}: ${round(slice.callsPerSecond)} calls/s, p50 ${round(slice.p50Ms)} ms`);
}

export function printSection({ title, note, connections, replicas, results }: Section): void {
  print(`\n${title} (${connections} at a time, ${replicas === 1 ? '1 replica' : `${replicas} replicas`})`);
  if (note !== '') {
    print(note);
  }
  printTable([['', ...COLUMNS], ...results.map(({ name, slices }) => [name, ...figures(slices)])]);
}

export function printTargets(targets: readonly Target[]): void {
  print('\nTargets');
  printTable([['', 'target', 'reached', ''], ...targets.map(targetRow)]);
}

export function printVerdicts(verdicts: readonly Verdict[]): void {
  print('\nAfter / before: median, and where it lies with 95 % confidence');
  printTable([
    ['', 'calls/s', 'CPU a call', ''],
    ...verdicts.map(({ name, rate, cpu, isKept }) => [name, spread(rate), spread(cpu), isKept]),
  ]);
}

/** Name, target, what was reached, and whether that is enough. */
export function targetRow(target: Target): string[] {
  const met = isMet(target);
  const { name, bound, unit, reached } = target;
  return [
    name,
    `${bound === 'at least' ? '≥' : '≤'} ${target.target} ${unit}`,
    reached === null ? 'not measured' : spread(reached),
    met === null ? '' : met ? 'reached' : 'missed',
  ];
}

function printTable(rows: readonly string[][]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows) {
    print(row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '));
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
