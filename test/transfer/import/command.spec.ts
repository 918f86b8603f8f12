import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describeError } from '../../../src/cli/describe-error.js';
import { createDatabase } from '../../support/database.js';
import { useDatabase } from '../../support/hooks.js';
import { command, type Finished } from '../../support/command.js';
import { importFile, importText, tally } from './import-text.js';

let folder: string;
const database = useDatabase();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'identity-command-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function run(args: string[], input?: string): Promise<Finished> {
  return command(args, { DATABASE_URL: database.url }, input);
}

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

test('an import of which every row is taken exits with 0 and says what became of the rows', async () => {
  const path = await file(
    'good.csv',
    'email,phone\nlorraine@hillvalley.edu,123456\nmcfly@hillvalley.edu,123456\n',
  );
  const { code, stdout, stderr } = await run(['import', path]);
  expect(stdout).toMatch(/^Imported: 2 rows in \d+s\n/);
  expect(stdout).toContain('  1 created (new identities)\n  1 linked (new contacts of known identities)\n');
  expect([code, stderr]).toEqual([0, '']);
});

test('the summary names the columns that were taken, so that one that was not recognised is noticed', async () => {
  const path = await file('german.csv', 'E-Mail;Ruf\nelaine@hillvalley.edu;515151\n');
  const { stdout } = await run(['import', path, '--dry-run']);
  expect(stdout).toContain('  columns: email "E-Mail", no phone number, no date\n');
  const named = await run(['import', path, '--dry-run', '--json', '--phone-column', 'Ruf']);
  expect(JSON.parse(named.stdout)).toMatchObject({
    columns: { email: 'E-Mail', phone: 'Ruf', createdAt: null, identity: null },
  });
});

test('dates are read as the flags say, and the summary tells of none at all and of those that are placeholders', async () => {
  const rows = 'mail,Erstellt am\nday@hillvalley.edu,31.12.2019 00:30\nzero@hillvalley.edu,01.01.1970\n';
  const path = await file('dated.csv', rows);
  const flags = ['--date-format', 'day-first', '--time-zone', 'Europe/Berlin'];
  const { code, stdout } = await run(['import', path, ...flags]);
  expect([code, stdout]).toEqual([0, expect.stringContaining('  1 date is 1970-01-01 or 1900-01-01')]);
  const dated = await database.query(
    `select to_char(created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI') as date from contact where email = 'day@hillvalley.edu'`,
  );
  expect(dated).toEqual([{ date: '2019-12-30 23:30' }]);
  const undated = await run(['import', path, '--no-created-at-column']);
  expect(undated.stdout).toContain('  NO DATES: every new contact is dated now.');
  const wrong = await run(['import', path, '--time-zone', 'Middle/Earth']);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('the name of a time zone')]);
});

test('of objects the summary names the properties that were not taken', async () => {
  const path = await file(
    'german.ndjson',
    '{"email":"jennifer@hillvalley.edu","Ruf":"515151"}\n{"Ruf":"1","phone":"2","plz":"95420"}\n',
  );
  const { stdout } = await run(['import', path, '--dry-run']);
  expect(stdout).toContain('  not taken: "Ruf", "plz"\n');
  const named = await run(['import', path, '--dry-run', '--json', '--phone-column', 'Ruf']);
  expect(JSON.parse(named.stdout)).toMatchObject({ columns: null, notTaken: ['phone', 'plz'] });
});

test('an import with rejected rows exits with 1 and names their file', async () => {
  const path = await file('mixed.csv', 'email\nnobody\ndoc@hillvalley.edu\n');
  const { code, stdout } = await run(['import', path]);
  expect(code).toBe(1);
  expect(stdout).toContain(`  1 rejected, see ${path}.rejected.csv\n`);
});

test('the standard input is taken too, and the file of rejected rows can be chosen', async () => {
  const rejected = join(folder, 'refused.csv');
  const rows = '{"email":"goldie@hillvalley.edu"}\n{"email":"goldie"}\n';
  const { code, stdout } = await run(
    ['import', '-', '--format', 'ndjson', '--rejected', rejected, '--json'],
    rows,
  );
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ rows: 2, created: 1, rejected: 1, rejectedFile: rejected });
  expect(await readFile(rejected, 'utf8')).toContain('2,email,email must be a valid email address,');
});

const PEOPLE = 'email\ndoc@hillvalley.edu\n';

describe('what can’t run exits with 2 and one sentence', () => {
  test.each([
    ['a file that is not there', [], /^\S+ can't be read: there is no such file\.\n$/],
    [
      'an unknown option',
      ['--nothing'],
      /^error: unknown option '--nothing'\nUse --help to see the options\.\n$/,
    ],
    ['a wrong number', ['--batch-size', '0'], /It must be a whole number from 1 to 20000\./],
    ['a wrong delimiter', ['--delimiter', ';;'], /It must be one character/],
  ])('%s', async (_, options, message) => {
    const { code, stdout, stderr } = await run(['import', join(folder, 'none.csv'), ...options]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
  });

  test('a format that the name does not tell', async () => {
    const { code, stderr } = await run(['import', await file('people', PEOPLE)]);
    expect([code, stderr]).toEqual([
      2,
      'The name does not tell the format: give --format csv or --format ndjson.\n',
    ]);
  });

  test('a schema that is not up to date', async () => {
    const bare = await createDatabase({ isMigrated: false });
    const { code, stderr } = await command(['import', await file('early.csv', PEOPLE)], {
      DATABASE_URL: bare.url,
    });
    await bare.drop();
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(
        /^The schema is not up to date \(missing: .*run `npm run migration:up` first\.\n$/,
      ),
    ]);
  });

  test('a database that is not there', async () => {
    const { code, stderr } = await command(['export'], { DATABASE_URL: 'postgres://127.0.0.1:1/nowhere' });
    expect([code, stderr]).toEqual([
      2,
      'The command failed: the database is not reachable (ECONNREFUSED).\n',
    ]);
  });

  test('a wrong setting', async () => {
    const { code, stderr } = await command(['export'], { DATABASE_URL: 'mysql://x' });
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/^The configuration is wrong:\n {2}DATABASE_URL/),
    ]);
  });
});

test.each([
  ['no column that is known', 'name\nbiff\n', /^No column for an email .* The headers are: "name"\.$/],
  ['an empty file', '', /^The input is empty\.$/],
  ['a ZIP archive', 'PK\u0003\u0004rest of it', /^This is a ZIP archive\. Unpack it/],
  ['a workbook', 'PK\u0003\u0004 [Content_Types].xml', /^This is an Excel workbook \(\.xlsx\)\. Save it as/],
  ['an open document', 'PK\u0003\u0004 mimetypeapplication/vnd.oasis.opendocument.spreadsheet', /\(\.ods\)/],
  [
    'an old workbook',
    Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1]),
    /^This is an Excel workbook of the old form/,
  ],
  [
    'a workbook older than that',
    Buffer.from('\t\b\u0010\0\0\u0006'),
    /^This is an Excel workbook of an old form/,
  ],
  ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x65, 0, 0, 0]), /^This is UTF-32 text\. Save it as UTF-8/],
  [
    'a title that hides the delimiter',
    'Customers 2026\n\nemail;phone\ndoc@hillvalley.edu;88\n',
    /are: "Customers 2026"\. If it is a title, pass over it with --skip-lines 1\.$/,
  ],
  ['another archive', '7z\u00BC\u00AF', /^This is a 7-Zip archive\. Unpack it/, 'latin1'],
  ['a web page', '<html><table><tr><td>email</td></tr></table></html>', /^This is a web page or XML/],
  [
    'UTF-16 without a mark',
    Buffer.from(PEOPLE, 'utf16le'),
    /it looks like UTF-16\. .* --encoding utf-16le\.$/,
  ],
  ['a multi-byte encoding', Buffer.from(`${PEOPLE}\u00C0\u00EE`, 'latin1'), /^Line 3 is not UTF-8 .*gb18030/],
  ['a single-byte encoding', Buffer.from(`name,${PEOPLE}Ren\u00E9,`, 'latin1'), /^Line 3 .*windows-1252/],
  [
    'a gzip file that is cut off',
    gzipSync(PEOPLE).subarray(0, 30),
    /^The gzip file is damaged or incomplete/,
  ],
])('%s is refused with a sentence', async (_, content, message, encoding = 'utf8') => {
  const bytes = typeof content === 'string' ? Buffer.from(content, encoding as BufferEncoding) : content;
  const failure: unknown = await importText(database, bytes).catch((error: unknown) => error);
  expect(describeError(failure)).toMatch(message);
});

test('rejected rows are not written in place of the input', async () => {
  const path = await file('in-place.csv', PEOPLE);
  const failure = importFile({ DATABASE_URL: database.url }, path, { rejectedPath: path });
  await expect(failure).rejects.toThrow('The rejected rows would replace the input');
});

test('a database that goes away is waited for, and the import gives up after a while', async () => {
  const lost = await createDatabase();
  await lost.query('alter table identifier rename to gone');
  const back = sleep(600).then(() => lost.query('alter table gone rename to identifier'));
  const env = { DATABASE_URL: lost.url };
  const path = await file('patient.csv', PEOPLE);
  expect((await importFile(env, path, { retryForMs: 20_000 })).tally).toEqual(tally({ created: 1 }));
  await back;
  await lost.query('alter table identifier rename to gone');
  await expect(importFile(env, path, { retryForMs: 0 })).rejects.toThrow(
    /^The import can't continue: the database schema is missing/,
  );
  await lost.drop();
});

test('a database that does not exist is not waited for', async () => {
  const url = Object.assign(new URL(database.url), { pathname: '/nowhere' }).href;
  const path = await file('nowhere.csv', PEOPLE);
  const { code, stderr } = await command(['import', path, '--retry-for', '60'], { DATABASE_URL: url });
  expect([code, stderr]).toEqual([
    2,
    'The command failed: the database that DATABASE_URL names does not exist (3D000).\n',
  ]);
});

test.each([[['--help']], [['import', '--help']], [['export', '--help']], [['--version']]])(
  '%p exits with 0',
  async (args) => {
    const { code, stdout, stderr } = await run(args);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(args[0] === '--version' ? /^\d+\.\d+\.\d+\n$/ : /Exit codes: 0|Commands:/);
  },
);

test('neither emails nor phone numbers are printed, whatever goes wrong', async () => {
  const path = await file(
    'private.csv',
    'email,phone\nsecret@hillvalley.edu,424242x\n"secret@hillvalley.edu,424242\n',
  );
  const headless = await file('headless.csv', 'secret@hillvalley.edu,424242\n');
  for (const args of [
    ['import', path],
    ['import', headless],
  ]) {
    const { stdout, stderr } = await run(args);
    expect(stdout + stderr).not.toMatch(/secret|424242/);
  }
});
