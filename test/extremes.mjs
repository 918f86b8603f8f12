// `npm run test:extremes`: what holds must hold with caches and batches as aggressive as can be, and without any. Runs the
// tests that are about answers under such settings; words choose others.
import { spawnSync } from 'node:child_process';

const VARIANTS = {
  'caches and batches at their most': {
    IDENTITY_CACHE_MIN_CONTACTS: '1',
    BATCH_LANES: '8',
    BATCH_MAX: '10000',
  },
  'one call a batch, no cache': { IDENTITY_CACHE_MB: '0', BATCH_MAX: '1', BATCH_LANES: '8' },
};
const words = process.argv.slice(2);
const paths = words.length > 0 ? words : ['concurrency', 'http/identify', 'http/fuzz', 'import/import.spec'];

let hasFailed = false;
for (const [name, settings] of Object.entries(VARIANTS)) {
  process.stdout.write(`\n${name}: ${JSON.stringify(settings)}\n`);
  const { status } = spawnSync(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--no-warnings',
      'node_modules/jest/bin/jest.js',
      `--testPathPatterns=test/(${paths.join('|')})`,
    ],
    { stdio: 'inherit', env: { ...process.env, TEST_SETTINGS: JSON.stringify(settings) } },
  );
  hasFailed ||= status !== 0;
}
process.exitCode = hasFailed ? 1 : 0;
