// `npm run test:faults`: all counts that are promised. `npm run test:faults -- --short`: enough to notice a break.
// Words choose files: `npm run test:faults -- network pool`. `--timed` takes the files that hold times to a limit, `--untimed` all
// others. Other options go to Jest. Alone on the machine if possible, but for `--untimed`.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const given = process.argv.slice(2);
const OWN_OPTIONS = new Set(['--short', '--timed', '--untimed']);
const isShort = given.includes('--short');
const words = given.filter((each) => !each.startsWith('-'));
const options = given.filter((each) => each.startsWith('-') && !OWN_OPTIONS.has(each));
const files = chosenFiles();
if (files.length === 0) {
  throw new Error('no file has such a name');
}
const folder = mkdtempSync(join(tmpdir(), 'identity-faults-'));
const reportFile = join(folder, 'report.jsonl');

const jest = spawn(
  process.execPath,
  [
    '--experimental-vm-modules',
    '--no-warnings',
    'node_modules/jest/bin/jest.js',
    '--runInBand',
    '--forceExit',
    // of hooks that start services
    '--testTimeout=120000',
    `--testPathPatterns=test/faults/(${files.join('|')})`,
    ...options,
  ],
  {
    stdio: 'inherit',
    env: { ...process.env, FAULTS: isShort ? 'short' : 'full', FAULTS_REPORT: reportFile },
  },
);
jest.once('close', (code) => {
  process.stdout.write(`\n${table(readReport())}\n`);
  rmSync(folder, { recursive: true });
  process.exitCode = code ?? 1;
});

function chosenFiles() {
  return readdirSync('test/faults')
    .filter(
      (file) =>
        file.endsWith('.spec.ts') && (words.length === 0 || words.some((word) => file.includes(word))),
    )
    .filter((file) => {
      // what holds a time to a limit watches for stalls of the machine
      const isTimed = readFileSync(join('test/faults', file), 'utf8').includes('harness/stalls');
      return !given.includes(isTimed ? '--untimed' : '--timed');
    });
}

function readReport() {
  try {
    return readFileSync(reportFile, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .map(({ promise, promised, reached }) => [promise, promised, reached]);
  } catch {
    return [];
  }
}

function table(lines) {
  const rows = [['promise', 'promised', `reached (${isShort ? 'short' : 'full'} run)`], ...lines];
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map(([a, b, c]) => `${a.padEnd(widths[0])}  ${b.padEnd(widths[1])}  ${c}`).join('\n');
}
