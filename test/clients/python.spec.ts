import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { useDatabase, useService } from '../support/hooks.js';
import { delivery } from './delivery.js';
import { codeOf } from './readme-code.js';

const FOLDER = 'clients/python';
const database = useDatabase();
const service = useService(() => ({ DATABASE_URL: database.url }));

/** Calls what the README has for a receiver with a delivery, and with one that was changed. */
const RECEIVE_TWO = `import json
for body in (os.environ["BODY"], os.environ["BODY"] + " "):
    print(receive(json.loads(os.environ["HEADERS"]), body.encode()))`;

let cache = '';
beforeAll(() => void (cache = mkdtempSync(join(tmpdir(), 'python-'))));
afterAll(() => rmSync(cache, { recursive: true }));

const environment = (): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH,
  PYTHONPATH: join(FOLDER, 'src'),
  PYTHONPYCACHEPREFIX: cache,
  IDENTITY_URL: service.client.url,
});

test('its own tests pass', () => {
  const args = ['-m', 'unittest', 'discover', '-s', join(FOLDER, 'tests')];
  const { status, stderr } = spawnSync('python3', args, { env: environment(), encoding: 'utf8' });
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: expect.stringMatching(/Ran \d+ tests[^]*\nOK\n$/),
  });
});

test('every operation of the API is a method', async () => {
  const { body } = await service.client.send<{
    paths: Record<string, Record<string, { operationId?: string }>>;
  }>('GET', '/openapi.json');
  const operations = Object.values(body.paths)
    .flatMap((path) => Object.values(path))
    .flatMap(({ operationId }) => operationId ?? [])
    .filter((name) => !name.startsWith('getHealth'))
    .map((name) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  const program = `import identity_reconciliation as i; print(*[n for n in vars(i.IdentityClient) if not n.startswith('_')])`;
  const { stdout } = await promisify(execFile)('python3', ['-c', program], { env: environment() });
  expect(operations.length).toBeGreaterThan(20);
  expect(new Set(stdout.trim().split(' '))).toEqual(new Set([...operations, 'pages', 'events', 'close']));
});

test('the code of the README works', async () => {
  const printed = [];
  for (const code of codeOf(join(FOLDER, 'README.md'), 'python')) {
    const program = code.includes('verify_webhook') ? `${code}\n${RECEIVE_TWO}` : code;
    const env = { ...environment(), ...delivery() };
    const { stdout } = await promisify(execFile)('python3', ['-c', program], { env });
    printed.push(stdout.trim());
  }
  expect(printed).toEqual([
    `['lorraine@hillvalley.edu']`,
    `['email']`,
    '1',
    'identity.created True',
    `['marty@hillvalley.edu', 'calvin@hillvalley.edu']`,
    'identity.created msg_1\n204\n400',
  ]);
});
