import type { Section } from '../suites.js';
import type { Chart } from './charts.js';
import { targetRow } from './console.js';
import { COLUMNS, figures, round, spread } from './format.js';
import { CHARTS, type Report } from './report.js';

/** The report as a document; its pictures lie in a folder beside it. */
export function markdownOf(report: Report, charts: readonly Chart[]): string {
  const { machine, options, sections, targets, soak, baselineMistakes } = report;
  const packages = Object.entries(machine.packages).map(([name, version]) => `${name} ${version}`);
  const blocks = [
    '# Benchmarks',
    `What one run of \`${machine.command}\` measured on ${machine.date}. How to run and read it: [bench/README.md](../bench/README.md).`,
    table([
      ['', ''],
      ['CPU', `${machine.cpu}, ${machine.cores} cores`],
      ['Memory', `${machine.memoryGib} GiB`],
      ['System', machine.system],
      ['Node', machine.node],
      ['PostgreSQL', `${machine.postgres}; ${machine.postgresSettings.join(', ')}`],
      ['Packages', packages.join(', ')],
      ['Commit', machine.commit ?? 'unknown'],
      ['Contacts', options.sizes.map((size) => size.toLocaleString('en')).join(' and ')],
      [
        'Slices',
        `${options.rounds} of ${options.sliceMs / 1000} s for each contestant, after a warm-up, in turn`,
      ],
    ]),
    `The service, PostgreSQL and the load generator share these ${machine.cores} cores. So calls per second say how much work a call is for all three together, and ratios of one table say more than figures of two runs. Every status was checked, and one answer of 16 was compared with what it must be (of the big identity one of 256).`,
    '## Targets',
    table([['Ratio', 'Target', 'Reached: median (min … max)', ''], ...targets.map(targetRow)]),
    ...charts.map(({ file, title }) => `![${title}](${CHARTS}/${file})`),
    ...sections.flatMap(sectionBlocks),
    ...(baselineMistakes === 0
      ? []
      : [
          `The baseline gave ${baselineMistakes.toLocaleString('en')} wrong answers or errors under the hot email: it may take one person for several when calls come at the same time.`,
        ]),
    ...(soak === null
      ? []
      : [
          '## Soak',
          `${round(soak.minutes)} minutes of mix: ${spread(soak.callsPerSecond)} calls/s; memory at most ${round(Math.max(...soak.rssMb))} MB, in the last quarter ${round(soak.growth)} × that of the second.`,
        ]),
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

function sectionBlocks({ title, note, connections, replicas, results }: Section): string[] {
  return [
    `## ${title}`,
    `${connections === 1 ? 'One call at a time' : `${connections} calls at a time`}, ${replicas === 1 ? 'one replica' : `${replicas} replicas`}. ${note}`.trim(),
    table([['', ...COLUMNS], ...results.map(({ name, slices }) => [name, ...figures(slices)])]),
  ];
}

/** A table as prettier would write it; the first column is text, the others are figures if there are many. */
function table(rows: readonly string[][]): string {
  const [head, ...body] = rows as [string[], ...string[][]];
  const isFigure = (column: number): boolean => column > 0 && head.length > 4;
  const widths = head.map((_, column) => Math.max(3, ...rows.map((row) => row[column]!.length)));
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (isFigure(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join(' | ')} |`;
  const rule = widths.map((width, i) => (isFigure(i) ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)));
  return [row(head), row(rule), ...body.map(row)].join('\n');
}
