import type { Result } from '../measuring/rounds.js';
import { spreadOf } from '../measuring/spread.js';
import { NAME, type Section } from '../suites.js';
import { barChart, type Bar } from './bar-chart.js';
import { lineChart } from './line-chart.js';
import type { Report } from './report.js';

/** A picture of the report. */
export interface Chart {
  readonly file: string;
  readonly title: string;
  readonly svg: string;
}

/** The pictures that the measured suites allow. */
export function chartsOf({ sections, soak }: Report): Chart[] {
  const charts: Chart[] = [];
  const add = (file: string, title: string, svg: string): void => void charts.push({ file, title, svg });
  const http = sections.find(({ suite }) => suite === 'http');
  const inProcess = sections.find(({ suite }) => suite === 'in-process');
  if (http !== undefined) {
    const title = `Calls per second, ${http.connections} at a time`;
    const groups = [http, ...(inProcess === undefined ? [] : [inProcess])].map(
      ({ title: heading, results }) => ({
        heading,
        bars: results.map(rateBar),
      }),
    );
    add('throughput.svg', title, barChart(title, 'median and range', groups, []));
    const cpu = 'CPU time of a call';
    add(
      'cpu.svg',
      cpu,
      barChart(cpu, 'µs', [{ heading: '', bars: cpuBars(http) }], ['service', 'PostgreSQL']),
    );
  }
  const swept = [http, ...sections.filter(({ suite }) => suite === 'concurrency')]
    .filter((section) => section !== undefined)
    .toSorted((a, b) => a.connections - b.connections);
  if (swept.length > 1) {
    const title = 'Calls per second by calls at a time';
    const shown = new Set([NAME.noop, 'known', 'mix']);
    const groups = swept.map(({ connections, results }) => ({
      heading: String(connections),
      bars: results.filter(({ name }) => shown.has(name)).map(rateBar),
    }));
    add('concurrency.svg', title, barChart(title, 'median and range', groups, []));
  }
  if (soak !== null) {
    const title = 'Memory of the service during mix';
    add('memory.svg', title, lineChart(title, 'MB', soak.minutes, soak.rssMb));
  }
  return charts;
}

function rateBar({ name, slices }: Result): Bar {
  const range = spreadOf(slices.map(({ callsPerSecond }) => callsPerSecond));
  return { label: name, parts: [range.median], range };
}

function cpuBars({ results }: Section): Bar[] {
  return results.map(({ name, slices }) => ({
    label: name,
    parts: [medianUs(slices, 'serviceCpuMs'), medianUs(slices, 'postgresCpuMs')],
    range: null,
  }));
}

function medianUs(slices: Result['slices'], of: 'serviceCpuMs' | 'postgresCpuMs'): number {
  return spreadOf(slices.map((slice) => ((slice[of] ?? 0) * 1000) / slice.calls)).median;
}
