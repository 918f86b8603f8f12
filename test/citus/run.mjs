// `CITUS_URL=… npm run test:citus`: on a Citus cluster, whether its script prepares it, and whether the service runs on it: every
// statement, then the tests of what callers see, of several replicas at once, of imports and of erasures. Words choose others.
//
// CITUS_URL names a superuser on the coordinator, whom the other nodes admit too. Each file makes a database and roles of its
// own on every node, and drops them.
import { spawnSync } from 'node:child_process';

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
const { status } = spawnSync(
  process.execPath,
  [
    '--experimental-vm-modules',
    '--no-warnings',
    'node_modules/jest/bin/jest.js',
    '--testRegex=[.](spec|cluster)[.]ts$',
    // a database is made on every node
    '--testTimeout=120000',
    `--testPathPatterns=test/(${(words.length > 0 ? words : DEFAULT).join('|')})`,
    ...given.filter((each) => each.startsWith('-')),
  ],
  // the tests' own server is not needed
  { stdio: 'inherit', env: { ...process.env, TEST_DATABASE_URL: CITUS_URL } },
);
process.exitCode = status ?? 1;
