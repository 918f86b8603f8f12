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

export const COLUMNS = [
  'calls/s',
  'p50 ms',
  'p95 ms',
  'p99 ms',
  'service µs',
  'PostgreSQL µs',
  'load µs',
  'checked',
] as const;

/** The figures of a contestant in the order of {@link COLUMNS}: medians over slices, CPU time per call. */
export function figures(slices: readonly Slice[]): string[] {
  const median = (of: (slice: Slice) => number): string => round(spreadOf(slices.map(of)).median);
  const perCall = (of: (slice: Slice) => number | null): string =>
    median((slice) => ((of(slice) ?? Number.NaN) * 1000) / slice.calls);
  return [
    spread(spreadOf(slices.map(({ callsPerSecond }) => callsPerSecond))),
    median(({ p50Ms }) => p50Ms),
    median(({ p95Ms }) => p95Ms),
    median(({ p99Ms }) => p99Ms),
    perCall(({ serviceCpuMs }) => serviceCpuMs),
    perCall(({ postgresCpuMs }) => postgresCpuMs),
    perCall(({ driverCpuMs }) => driverCpuMs),
    slices.reduce((sum, { checked }) => sum + checked, 0).toLocaleString('en'),
  ];
}
