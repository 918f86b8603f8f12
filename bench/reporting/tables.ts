import type { Slice } from '../measuring/rounds.js';
import { spreadOf, type Spread } from '../measuring/spread.js';

/** Three significant digits, and thousands set apart. */
export function round(value: number): string {
  if (!Number.isFinite(value)) {
    return '–';
  }
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString('en', {
    maximumFractionDigits: Math.min(digits, 3),
    minimumFractionDigits: Math.min(digits, 2),
  });
}

export function spread({ median, min, max }: Spread): string {
  return min === max ? round(median) : `${round(median)} (${round(min)} … ${round(max)})`;
}

/** Medians over slices, CPU time per call, and the most memory. */
const FIGURES: Readonly<Record<string, (slices: readonly Slice[]) => string>> = {
  'calls/s': (slices) => spread(spreadOf(slices.map(({ callsPerSecond }) => callsPerSecond))),
  'p50 ms': medianOf(({ p50Ms }) => p50Ms),
  'p95 ms': medianOf(({ p95Ms }) => p95Ms),
  'p99 ms': medianOf(({ p99Ms }) => p99Ms),
  'service µs': medianOf(({ serviceCpuMs, calls }) => usPerCall(serviceCpuMs, calls)),
  'PostgreSQL µs': medianOf(({ postgresCpuMs, calls }) => usPerCall(postgresCpuMs, calls)),
  'load µs': medianOf(({ driverCpuMs, calls }) => usPerCall(driverCpuMs, calls)),
  MB: (slices) => round(Math.max(...slices.map(({ rssMb }) => rssMb ?? Number.NaN))),
  checked: (slices) => slices.reduce((sum, { checked }) => sum + checked, 0).toLocaleString('en'),
};

/** The figures of contestants, a row each. */
export function figuresTable(results: readonly { name: string; slices: readonly Slice[] }[]): string {
  return table([
    ['', ...Object.keys(FIGURES)],
    ...results.map(({ name, slices }) => [name, ...Object.values(FIGURES).map((figure) => figure(slices))]),
  ]);
}

/** A Markdown table as prettier writes it; the first column is text, the others are figures if there are many. */
export function table(rows: readonly string[][]): string {
  const [head, ...body] = rows as [string[], ...string[][]];
  const isFigure = (column: number): boolean => column > 0 && head.length > 4;
  const widths = head.map((_, column) => Math.max(3, ...rows.map((row) => row[column]!.length)));
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (isFigure(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join(' | ')} |`;
  const rule = widths.map((width, i) => (isFigure(i) ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)));
  return [row(head), row(rule), ...body.map(row)].join('\n');
}

function medianOf(figure: (slice: Slice) => number): (slices: readonly Slice[]) => string {
  return (slices) => round(spreadOf(slices.map(figure)).median);
}

function usPerCall(cpuMs: number | null, calls: number): number {
  return ((cpuMs ?? Number.NaN) * 1000) / calls;
}
