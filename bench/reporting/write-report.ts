import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { chartsOf } from './charts.js';
import { markdownOf } from './markdown.js';
import { CHARTS, FOLDER, type Report } from './report.js';

const DOCUMENT = 'benchmarks.md';

/** Writes the document, its pictures, and all figures of every slice as JSON. */
export async function writeReport(report: Report): Promise<void> {
  const charts = chartsOf(report);
  await rm(`${FOLDER}/${CHARTS}`, { recursive: true, force: true });
  await mkdir(`${FOLDER}/${CHARTS}`, { recursive: true });
  await writeFile(`${FOLDER}/${DOCUMENT}`, markdownOf(report, charts));
  await writeFile(`${FOLDER}/results.json`, `${JSON.stringify(report, null, 2)}\n`);
  for (const { file, svg } of charts) {
    await writeFile(`${FOLDER}/${CHARTS}/${file}`, svg);
  }
}

/** Copies document and pictures to where they are committed. */
export async function publish(): Promise<void> {
  await rm(`docs/${CHARTS}`, { recursive: true, force: true });
  await cp(`${FOLDER}/${CHARTS}`, `docs/${CHARTS}`, { recursive: true });
  await cp(`${FOLDER}/${DOCUMENT}`, `docs/${DOCUMENT}`);
}
