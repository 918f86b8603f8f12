import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from '../support/command.js';
import { useDatabase } from '../support/hooks.js';

const ESCAPE = '\u001B]0;title\u0007\u009B31m\u202E';

let folder: string;
const database = useDatabase();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'identity-terminal-'));
  await writeFile(join(folder, 'headers.csv'), `email,tel${ESCAPE}\n`);
  await writeFile(join(folder, 'taken.csv'), `email\n`);
  await writeFile(
    join(folder, 'names.ndjson'),
    `${JSON.stringify({ email: 'ann@hillvalley.edu', [ESCAPE]: 1 })}\n`,
  );
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test.each([
  ['an option', ['import', 'x.csv', `--${ESCAPE}`]],
  ['a command', [ESCAPE]],
  ['a path', ['import', `${ESCAPE}.csv`]],
  ['a folder', ['export', `/missing${ESCAPE}/x`]],
  ['a tenant', ['export', '--tenant', ESCAPE]],
  ['a chosen column', ['import', 'taken.csv', '--email-column', ESCAPE]],
  ['headers', ['import', 'headers.csv', '--email-column', 'none']],
  ['a header in a summary', ['import', 'headers.csv', '--phone-column', `tel${ESCAPE}`]],
  ['names of properties', ['import', 'names.ndjson', '--dry-run']],
  ['names of properties, as JSON', ['import', 'names.ndjson', '--dry-run', '--json']],
])('%s can’t send escape sequences to the terminal', async (_, args) => {
  const paths = args.map((arg) => (/^[a-z]+\.(csv|ndjson)$/.test(arg) ? join(folder, arg) : arg));
  const { stdout, stderr } = await command(paths, { DATABASE_URL: database.url });
  const said = stdout + stderr;
  expect(said).toContain('\\u001b');
  expect(said.match(/(?!\n)[\p{Cc}\p{Cf}]/u)).toBeNull();
});
