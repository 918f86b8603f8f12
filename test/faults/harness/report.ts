import { appendFileSync } from 'node:fs';

/** One line of the report at the end of the run: what is promised, and what was reached. */
export interface ReportLine {
  readonly promise: string;
  readonly promised: string;
  readonly reached: string;
}

/** Adds a line to the report. Call it before the assertions, so that a broken promise shows its figures too. */
export function report(promise: string, promised: string, reached: string): void {
  const line: ReportLine = { promise, promised, reached };
  if (process.env.FAULTS_REPORT !== undefined) {
    appendFileSync(process.env.FAULTS_REPORT, `${JSON.stringify(line)}\n`);
  }
  progress(`${promise}: ${reached}`);
}

/** Says how far a long test has come. */
export function progress(text: string): void {
  process.stderr.write(`  ${text}\n`);
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
