// `CITUS_URL=… npm run test:citus`: on a Citus cluster, whether its script prepares it, and whether the service runs on it: every
// statement, then the tests of what callers see, of several replicas at once, of imports and of erasures. Words choose others.
//
// It ends with what passed, what failed, and what was left out and why. CITUS_URL names a superuser on the coordinator, whom the
// other nodes admit too. Each file makes a database and roles of its own on every node, and drops them. Options of Jest that take a
// value are given with `=`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { LEFT_OUT } from './left-out.mjs';

const DEFAULT = [
  'citus',
  'http/identify',
  'identity/api',
  'identity/store',
  'concurrency',
  'transfer',
  'events',
  'privacy',
  'access',
  'keys',
  'console/session',
];

const { CITUS_URL } = process.env;
if (!URL.canParse(CITUS_URL ?? '')) {
  process.stderr.write(
    'CITUS_URL: set it to the URL of a superuser on the coordinator, such as postgres://postgres@localhost/postgres\n',
  );
  process.exit(2);
}
const given = process.argv.slice(2);
const words = given.filter((each) => !each.startsWith('-'));
const BY_NAME = '--testNamePattern=';
const wanted = given.find((each) => each.startsWith(BY_NAME))?.slice(BY_NAME.length) ?? '';
const options = given.filter((each) => each.startsWith('-') && !each.startsWith(BY_NAME));
const folder = mkdtempSync(join(tmpdir(), 'identity-citus-'));
const results = join(folder, 'results.json');
const escaped = (text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
const files = LEFT_OUT.filter(({ name }) => name === null).map(({ file }) => escaped(file));
const names = LEFT_OUT.filter(({ name }) => name !== null).map(({ name }) => escaped(name));
const { status } = spawnSync(
  process.execPath,
  [
    '--experimental-vm-modules',
    '--no-warnings',
    'node_modules/jest/bin/jest.js',
    '--testRegex=[.](spec|cluster)[.]ts$',
    // a database is made on every node, and a call takes several times as long
    '--testTimeout=300000',
    `--testPathPatterns=test/(${(words.length > 0 ? words : DEFAULT).join('|')})`,
    `--testPathIgnorePatterns=${['/node_modules/', 'test/faults/', ...files].join('|')}`,
    `${BY_NAME}^${names.length > 0 ? `(?!.*(${names.join('|')}))` : ''}.*(${wanted})`,
    '--json',
    `--outputFile=${results}`,
    ...options,
  ],
  // the tests' own server is not needed
  { stdio: 'inherit', env: { ...process.env, TEST_DATABASE_URL: CITUS_URL } },
);
process.exitCode = status ?? 1;
try {
  // Jest writes none if it refuses its options.
  if (existsSync(results)) {
    summarise(JSON.parse(readFileSync(results, 'utf8')));
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** What a reader of the end of a long log wants to know. */
function summarise({ testResults, numPassedTests, numFailedTests }) {
  const lines = [
    `\nOn the cluster: ${numPassedTests} passed, ${numFailedTests} failed, of ${testResults.length} files`,
  ];
  for (const { name: path, message, assertionResults } of testResults) {
    const file = relative(process.cwd(), path);
    const failed = assertionResults.filter((result) => result.status === 'failed');
    lines.push(...failed.map(({ fullName }) => `  failed: ${file}: ${fullName}`));
    if (assertionResults.length === 0 && message !== '') {
      lines.push(`  failed to run: ${file}`);
    }
  }
  lines.push(
    ...LEFT_OUT.map(
      ({ file, name, why }) => `  left out: ${[file, ...(name === null ? [] : [name]), why].join(': ')}`,
    ),
  );
  process.stdout.write(`${lines.join('\n')}\n`);
}
