import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import type { Verdict } from '../comparison.js';
import type { Options } from '../options.js';
import { NAME, type Section } from '../suites.js';
import { isMet, type Target } from '../targets.js';
import type { Machine } from './machine.js';
import { figuresTable, spread, table } from './tables.js';

/** Everything that a run found out. */
export interface Report {
  readonly machine: Machine;
  readonly options: Options;
  readonly sections: readonly Section[];
  readonly targets: readonly Target[];
}

/** Where a run leaves what it found; not committed. */
const FOLDER = 'bench/report';
export const PROFILES = `${FOLDER}/profiles`;

/** Writes the document, and all figures of every slice as JSON; copies the document to docs if it is published. */
export async function writeReport(report: Report): Promise<void> {
  await mkdir(FOLDER, { recursive: true });
  await writeFile(`${FOLDER}/benchmarks.md`, documentOf(report));
  await writeFile(`${FOLDER}/results.json`, `${JSON.stringify(report, null, 2)}\n`);
  if (report.options.isPublished) {
    await copyFile(`${FOLDER}/benchmarks.md`, 'docs/benchmarks.md');
  }
}

function documentOf({ machine, options, sections, targets }: Report): string {
  const mistakes = sections
    .flatMap(({ results }) => results)
    .filter(({ name }) => name === NAME.baseline(NAME.hot))
    .reduce((sum, { slices }) => sum + slices.reduce((of, { mistakeCount }) => of + mistakeCount, 0), 0);
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
      ['Packages', machine.packages.join(', ')],
      ['Commit', machine.commit ?? 'unknown'],
      ['Contacts', options.sizes.map((size) => size.toLocaleString('en')).join(' and ')],
      [
        'Slices',
        `${options.rounds} of ${options.sliceMs / 1000} s for each contestant, after a warm-up, in turn`,
      ],
    ]),
    `The service, PostgreSQL and the load generator share these ${machine.cores} cores. So calls per second say how much work a call is for all three together, and ratios of one table say more than figures of two runs. Every status was checked, and one answer of 16 was compared with what it must be (of the big identity one of 256).`,
    targetsBlock(targets),
    ...sections.map(sectionBlock),
    ...(mistakes === 0
      ? []
      : [
          `The baseline gave ${mistakes.toLocaleString('en')} wrong answers or errors under the hot email: it may take one person for several when calls come at the same time.`,
        ]),
  ];
  return `${blocks.join('\n\n')}\n`;
}

export function sectionBlock({ title, note, connections, replicas, results }: Section): string {
  const load = connections === 1 ? 'One call at a time' : `${connections} calls at a time`;
  const intro = `${load}, ${replicas === 1 ? 'one replica' : `${replicas} replicas`}. ${note}`.trim();
  return `## ${title}\n\n${intro}\n\n${figuresTable(results)}`;
}

export function targetsBlock(targets: readonly Target[]): string {
  const rows = targets.map((target): string[] => {
    const { name, bound, unit, reached } = target;
    const met = isMet(target);
    return [
      name,
      `${bound === 'at least' ? '≥' : '≤'} ${target.target} ${unit}`,
      reached === null ? 'not measured' : spread(reached),
      met === null ? '' : met ? 'reached' : 'missed',
    ];
  });
  return `## Targets\n\n${table([['Ratio', 'Target', 'Reached: median (min … max)', ''], ...rows])}`;
}

export function verdictsBlock(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ name, rate, cpu, isKept }) => [name, spread(rate), spread(cpu), isKept]);
  return `## After / before: median, and where it lies with 95 % confidence\n\n${table([['', 'calls/s', 'CPU a call', ''], ...rows])}`;
}
