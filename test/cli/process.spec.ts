import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawned, type Finished } from '../support/command.js';
import { useDatabase } from '../support/hooks.js';

// The other tests run commands in their own process. Here the built program must end by itself, with the exit code of the
// command, and print its results and nothing else.

let folder: string;
const database = useDatabase();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'identity-process-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const run = (args: readonly string[], input?: string): Promise<Finished> =>
  spawned(
    args,
    { DATABASE_URL: database.url, ERASURE_KEY: 'a key of more than thirty-two characters' },
    input,
  );

test.each<[string, string[], string, object]>([
  [
    'an import from a pipe, with a row that is rejected',
    ['import', '-', '--format', 'csv', '--quiet', '--on-bad-field', 'reject'],
    'email\nlorraine@hillvalley.edu\nlorraine\n',
    {
      code: 1,
      stdout: expect.stringMatching(/^Imported: 2 rows in \d+s\n/),
      stderr: '',
    },
  ],
  [
    'an export into a pipe',
    ['export'],
    '',
    {
      code: 0,
      stdout: expect.stringContaining('lorraine@hillvalley.edu'),
      stderr: expect.stringMatching(
        /^Exported 1 identity with 1 contact\nCursor of what changes from then on: [0-9a-f]{12}-1\n$/,
      ),
    },
  ],
  [
    'a decision on reviews from a pipe',
    ['reviews', 'decide', '--file', '-', '--decision', 'link', '--reason', 'They called', '--quiet'],
    '4711\n',
    {
      code: 1,
      stdout: expect.stringMatching(/^Done: 1 review in \d+s\n/),
      stderr: '',
    },
  ],
  [
    'erasures from a pipe that are none',
    ['erasures', 'apply', '-'],
    'email\n',
    { code: 2, stdout: '', stderr: expect.stringContaining('is no JSON object') },
  ],
  [
    'merges of nobody',
    ['merges', 'list', '4711'],
    '',
    { code: 2, stdout: '', stderr: 'There is no contact 4711.\n' },
  ],
  [
    'a policy',
    ['policy', 'set', '--max-contacts', '7'],
    '',
    { code: 0, stdout: expect.stringContaining('at most 7\n'), stderr: '' },
  ],
  [
    'tenants',
    ['tenants', 'list', '--json'],
    '',
    { code: 0, stdout: expect.stringMatching(/^\[\{"id":1,.*\}\]\n$/), stderr: '' },
  ],
  [
    'the help of a command',
    ['import', '--help'],
    '',
    {
      code: 0,
      stdout: expect.stringMatching(/^Usage: identity-reconciliation import /),
      stderr: '',
    },
  ],
  [
    'a command that there is not',
    ['\u001B]0;title\u0007'],
    '',
    {
      code: 2,
      stdout: '',
      stderr: expect.stringContaining("unknown command '\\u001b]0;title\\u0007'"),
    },
  ],
])('%s', async (_, args, input, finished) => {
  const flags = args[0] === 'import' && input !== '' ? ['--rejected', join(folder, 'rejected.csv')] : [];
  expect(await run([...args, ...flags], input)).toEqual(finished);
});
