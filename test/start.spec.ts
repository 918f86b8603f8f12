import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Settings } from '../src/config/settings.js';
import { firstCall } from '../src/first-call.js';

const OLD_NODE = `data:text/javascript,Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })`;
/** npm without what a script of npm hands down to it. */
const NPM_ENV = { PATH: process.env.PATH, HOME: process.env.HOME };

let dataDir: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'identity-start-'));
});

afterAll(() => rm(dataDir, { recursive: true, force: true }));

test.each([
  ['dist/src/main.js', 1],
  ['dist/src/cli/main.js', 2],
])('%s says in one sentence that it needs a newer Node', async (script, code) => {
  const run = promisify(execFile)(process.execPath, ['--import', OLD_NODE, resolve(script)]);
  await expect(run).rejects.toMatchObject({
    code,
    stdout: '',
    stderr: expect.stringMatching(/^This needs Node 24 or later, but .* is Node 20\.20\.2\. .*\n$/),
  });
});

test('SIGTERM to npm start ends the service, and npm ends after it with 0', async () => {
  // Without the build, which other specs run from
  const npm = spawn('npm', ['start', '--ignore-scripts'], {
    env: { ...NPM_ENV, PORT: '0', METRICS_PORT: '0', DATA_DIR: dataDir },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  for await (const chunk of npm.stdout as AsyncIterable<Buffer>) {
    output += chunk.toString();
    if (output.includes('Listening on')) {
      break;
    }
  }
  const { port } = new URL(/Listening on (http:\/\/[\d.:]+)/.exec(output)![1]!);
  npm.kill('SIGTERM');
  expect(await once(npm, 'exit')).toEqual([0, null]);
  await expect(fetch(`http://127.0.0.1:${port}/health/live`)).rejects.toThrow();
});

test('on Windows, where npm start runs in cmd.exe, exec.cmd stands in for the exec of a shell', async () => {
  const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as {
    scripts: Record<string, string>;
  };
  expect(scripts.start).toMatch(/^exec node .*dist\/src\/main\.js$/);
  expect(await readFile('exec.cmd', 'utf8')).toMatch(/\r?\n@%\*\r?\n$/);
});

test('no script sets variables in the way of one shell', async () => {
  const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as {
    scripts: Record<string, string>;
  };
  expect(Object.values(scripts).filter((script) => /(^|&& )\w+=/.test(script))).toEqual([]);
});

test('npm run --silent cli prints the result alone', async () => {
  const { stdout, stderr } = await promisify(execFile)(
    'npm',
    ['run', '--silent', '--ignore-scripts', 'cli', '--', '--version'],
    { env: NPM_ENV },
  );
  expect([stdout, stderr]).toEqual([expect.stringMatching(/^\d+\.\d+\.\d+\n$/), '']);
});

test('on a terminal the service ends its start with a call to try', () => {
  expect(firstCall('http://127.0.0.1:3000', new Settings({}))).toBe(`  Try it:

    curl http://127.0.0.1:3000/identify -H 'Content-Type: application/json' \\
      -d '{"email": "lorraine@hillvalley.edu", "phoneNumber": "123456"}'
`);
  expect(firstCall('http://127.0.0.1:3000', new Settings({ AUTH_MODE: 'api-key' }))).toContain(
    `      -H 'Authorization: Bearer <API key>' \\\n      -d '{"email"`,
  );
});
