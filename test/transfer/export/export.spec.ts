import { execFileSync, spawn } from 'node:child_process';
import { lstat, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { openService } from '../../../src/transfer/open-service.js';
import { Settings } from '../../../src/config/settings.js';
import type { SqlSession } from '../../../src/database/session/sql-session.js';
import { exportIdentities } from '../../../src/transfer/export/exporter.js';
import { runExport, type ExportOptions } from '../../../src/transfer/export/run-export.js';
import { dates, importFile } from '../import/import-text.js';
import type { TestDatabase } from '../../support/database.js';
import { useApp, useDatabase } from '../../support/hooks.js';
import { violations } from '../../support/invariants.js';
import { random, seedOf } from '../../support/random.js';

let folder: string;
const database = useDatabase();
const other = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'identity-export-'));
});

beforeEach(async () => {
  await Promise.all([database.clear(), other.clear()]);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const DATE = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);

const OPTIONS = { format: 'ndjson', isExcelSafe: false, tenant: null, streams: process } as const;

async function exported(name: string, options: Partial<ExportOptions> = {}): Promise<string> {
  const path = join(folder, name);
  const format = name.includes('.csv') ? 'csv' : 'ndjson';
  await runExport(new Settings({ DATABASE_URL: database.url }), {
    path,
    format,
    isExcelSafe: false,
    tenant: null,
    streams: process,
    ...options,
  });
  const content = await readFile(path);
  return (name.endsWith('.gz') ? gunzipSync(content) : content).toString();
}

/** Three identities: one of two contacts, one that was merged, one that lost its first contact. */
async function people(): Promise<void> {
  const { client } = app;
  await client.identify({ email: 'lorraine@hillvalley.edu', phoneNumber: '123456' });
  await client.identify({ email: 'george@hillvalley.edu', phoneNumber: '919191' });
  await client.identify({ email: 'biff@hillvalley.edu', phoneNumber: '717171' });
  await client.identify({ email: 'mcfly@hillvalley.edu', phoneNumber: '123456' });
  await client.identify({ email: 'george@hillvalley.edu', phoneNumber: '717171' });
  await client.identify({ email: 'doc@hillvalley.edu' });
  await client.identify({ email: 'doc@hillvalley.edu', phoneNumber: '+15550109999' });
  await client.delete(5);
}

test('NDJSON has one identity a line as the API shows it, with its contacts and their dates, in order of primary id', async () => {
  await people();
  const lines = (await exported('people.ndjson')).trim().split('\n');
  const found = lines.map((line) => JSON.parse(line) as { contacts: unknown });
  expect(found).toMatchObject([
    { ...(await app.client.find(1)) },
    { ...(await app.client.find(2)) },
    { ...(await app.client.find(6)) },
  ]);
  expect(found.map(({ contacts }) => contacts)).toEqual([
    [
      { id: 1, email: 'lorraine@hillvalley.edu', phoneNumber: '123456', createdAt: DATE },
      { id: 4, email: 'mcfly@hillvalley.edu', phoneNumber: '123456', createdAt: DATE },
    ],
    [
      { id: 2, email: 'george@hillvalley.edu', phoneNumber: '919191', createdAt: DATE },
      { id: 3, email: 'biff@hillvalley.edu', phoneNumber: '717171', createdAt: DATE },
    ],
    [{ id: 6, email: 'doc@hillvalley.edu', phoneNumber: '+15550109999', createdAt: DATE }],
  ]);
});

test('CSV has one contact a row', async () => {
  await people();
  const text = await exported('people.csv');
  expect(text.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/g, 'DATE')).toBe(
    [
      'primaryContactId,contactId,email,phoneNumber,createdAt',
      '1,1,lorraine@hillvalley.edu,123456,DATE',
      '1,4,mcfly@hillvalley.edu,123456,DATE',
      '2,2,george@hillvalley.edu,919191,DATE',
      '2,3,biff@hillvalley.edu,717171,DATE',
      '6,6,doc@hillvalley.edu,+15550109999,DATE',
      '',
    ].join('\n'),
  );
});

test('a name that ends in .gz is gzipped, and what a spreadsheet would run is quoted if that is asked for', async () => {
  await people();
  await database.query(`update contact set email = '=1+1@hillvalley.edu' where id = 1`);
  expect(await exported('people.csv.gz')).toContain('\n1,1,=1+1@hillvalley.edu,');
  const safe = await exported('safe.csv.gz', { isExcelSafe: true });
  expect(safe).toContain(`\n1,1,'=1+1@hillvalley.edu,123456,`);
  expect(safe).toContain(`\n6,6,doc@hillvalley.edu,'+15550109999,`);
});

/** The identifiers of all live contacts. */
function carried(each: TestDatabase): Promise<object[]> {
  return each.query('select email, phone_number from contact where deleted_at is null order by 1, 2');
}

test('what is safe for spreadsheets is imported again as it was', async () => {
  await people();
  await database.query(`update contact set email = '＝1+1@hillvalley.edu' where id = 1`);
  await database.query(`update contact set email = $$'+2@hillvalley.edu$$ where id = 2`);
  await database.query(`update contact set email = $$'a|b@hillvalley.edu$$ where id = 4`);
  const before = await carried(database);
  for (const isExcelSafe of [true, false]) {
    await other.query('truncate contact, contact_past, identifier, identity_merge, do_not_link');
    const text = await exported('safe-round.csv', { isExcelSafe });
    expect(text).toContain(isExcelSafe ? "1,1,'＝1+1@" : '1,1,＝1+1@');
    await importFile({ DATABASE_URL: other.url }, join(folder, 'safe-round.csv'));
    expect(await carried(other)).toEqual(before);
  }
});

test('only its owner may read an export, also if a file of the name was open to all', async () => {
  await people();
  const path = join(folder, 'private.csv');
  await writeFile(path, 'old', { mode: 0o644 });
  await writeFile(`${path}.partial`, 'stale', { mode: 0o644 });
  await exported('private.csv');
  expect((await lstat(path)).mode & 0o777).toBe(0o600);
});

test('a link to a file stays a link, and its file is replaced', async () => {
  await people();
  await writeFile(join(folder, 'real.csv'), 'old', { mode: 0o644 });
  await symlink(join(folder, 'real.csv'), join(folder, 'link.csv'));
  expect(await exported('link.csv')).toContain('mcfly@hillvalley.edu');
  expect((await lstat(join(folder, 'link.csv'))).isSymbolicLink()).toBe(true);
  expect((await lstat(join(folder, 'real.csv'))).mode & 0o777).toBe(0o600);
});

test('a file that can’t be written is told before the database is opened', async () => {
  const settings = new Settings({ DATABASE_URL: 'postgres://127.0.0.1:1/nowhere' });
  const path = join(folder, 'missing', 'out.csv');
  await expect(runExport(settings, { ...OPTIONS, path })).rejects.toThrow(
    `${path} can't be written: there is no such folder.`,
  );
  await expect(runExport(settings, { ...OPTIONS, path: folder })).rejects.toThrow(
    `${folder} can't be written: it is a folder.`,
  );
});

test('an empty database gives an empty export', async () => {
  expect(await exported('empty.ndjson')).toBe('');
  expect(await exported('empty.csv')).toBe('primaryContactId,contactId,email,phoneNumber,createdAt\n');
});

test('an export shows one moment, whatever is written while it passes page by page', async () => {
  const rows = Array.from({ length: 2500 }, (_, i) => `biff${i}@hillvalley.edu,${1000 + i}`);
  const path = join(folder, 'many.csv');
  await writeFile(path, `email,phone\n${rows.join('\n')}\n`);
  await importFile({ DATABASE_URL: database.url }, path);
  await using service = await openService(new Settings({ DATABASE_URL: database.url }), 1, null);
  let text = '';
  let pieces = 0;
  const write = async (piece: string): Promise<void> => {
    text += piece;
    pieces++;
    // all behind the page: a merge of the last two, somebody new, a deletion
    await app.client.identify({ email: 'biff2498@hillvalley.edu', phoneNumber: '3499' });
    await app.client.identify({ email: 'doc@hillvalley.edu' });
    await app.client.delete(2000);
  };
  expect(await exportIdentities(service.session, service.tenantId, 'csv', false, null, write)).toEqual({
    identities: 2500,
    contacts: 2500,
    cursor: null,
  });
  expect(pieces).toBe(4);
  expect(text.split('\n').map((line) => line.split(',')[0])).toEqual([
    'primaryContactId',
    ...rows.map((_, i) => String(i + 1)),
    '',
  ]);
});

test('an export may wait for its target as long as that takes, where other commands lose their locks', async () => {
  await people();
  await using service = await openService(new Settings({ DATABASE_URL: database.url }), 1, null);
  const LIMIT = { name: 'limit', text: 'show idle_in_transaction_session_timeout' };
  const name = 'idle_in_transaction_session_timeout';
  expect(await service.session.query([LIMIT], null)).toEqual([{ [name]: '30s' }]);
  let limits: unknown;
  const session: SqlSession = {
    query: (query, tenantId) => service.session.query(query, tenantId),
    transaction: (work, tenantId) =>
      service.session.transaction(async (transaction) => {
        const result = await work(transaction);
        limits = await transaction.send([LIMIT]);
        return result;
      }, tenantId),
  };
  await exportIdentities(session, service.tenantId, 'ndjson', false, null, async () => undefined);
  expect(limits).toEqual([[{ [name]: '0' }]]);
  expect(await service.session.query([LIMIT], null)).toEqual([{ [name]: '30s' }]);
});

test('an export that fails leaves no file behind', async () => {
  const before = await readdir(folder);
  await database.query('alter table contact rename to gone');
  await expect(exported('broken.csv')).rejects.toThrow('schema');
  await database.query('alter table gone rename to contact');
  expect(await readdir(folder)).toEqual(before);
});

test.each(['csv', 'ndjson'] as const)(
  'what was exported as %s and is imported elsewhere gives the same identities',
  async (format) => {
    const next = random(seedOf('round trip'));
    const pick = (size: number): number => Math.floor(next() * size);
    for (let i = 0; i < 200; i++) {
      const shape = next();
      await app.client.identify({
        email: shape < 0.3 ? null : `marty${pick(80)}@hillvalley.edu`,
        phoneNumber: shape > 0.7 ? null : String(4000 + pick(80)),
      });
    }
    for (let i = 0; i < 10; i++) {
      await app.client.delete(1 + pick(80));
    }
    // with dates of their own, so that age is not the order of arrival
    const dated = Array.from(
      { length: 80 },
      () => `marty${pick(110)}@hillvalley.edu,${4000 + pick(110)},${1_500_000_000 + pick(100_000_000)}`,
    );
    const path = join(folder, `dated-${format}.csv`);
    await writeFile(path, `email,phone,date\n${dated.join('\n')}\n`);
    await importFile({ DATABASE_URL: database.url }, path);
    const [merges] = await database.query<{ count: number }>('select count(*)::int from identity_merge');
    expect(merges!.count).toBeGreaterThan(5);

    await exported(`round.${format}`);
    const options = { format, batchSize: 10 };
    const result = await importFile({ DATABASE_URL: other.url }, join(folder, `round.${format}`), options);

    expect(result.tally).toMatchObject({ rejected: 0, apart: 0 });
    expect(await valuesAndAges(other)).toEqual(await valuesAndAges(database));
    const [imported, exportedRows] = [await dates(other), await dates(database)];
    expect(await violations(other)).toEqual({});
    // A contact that only had an early date brought no news: another may have an earlier date by now.
    if (result.tally.unchanged + result.tally.dated === 0) {
      expect(imported).toEqual(exportedRows);
      expect(await identities(other)).toEqual(await identities(database));
    }
  },
);

/** What each identity has, and since when. */
async function valuesAndAges(each: TestDatabase): Promise<object[]> {
  return each.query(
    `select array_agg(distinct v order by v) as values, min(created_at)::text as since
     from contact cross join lateral (values (email), (phone_number)) l(v)
     where deleted_at is null and v is not null group by coalesce(linked_id, id) order by 1`,
  );
}

/** Who belongs together, contact by contact. */
async function identities(each: TestDatabase): Promise<object[]> {
  return each.query(
    `select array_agg(coalesce(email, '') || ' ' || coalesce(phone_number, '') order by created_at, email, phone_number) as contacts
     from contact where deleted_at is null group by coalesce(linked_id, id) order by 1`,
  );
}

test('contacts that nothing but a deleted one held together stay together', async () => {
  const { client } = app;
  await client.identify({ email: 'lorraine@hillvalley.edu' });
  await client.identify({ email: 'mcfly@hillvalley.edu' });
  await client.identify({ email: 'lorraine@hillvalley.edu', phoneNumber: '123456' });
  await client.identify({ email: 'mcfly@hillvalley.edu', phoneNumber: '123456' });
  await client.delete(3);
  await exported('apart.csv');
  const result = await importFile({ DATABASE_URL: other.url }, join(folder, 'apart.csv'));
  expect(result.tally).toMatchObject({ created: 2, joined: 1, apart: 0 });
  expect(await identities(other)).toEqual(await identities(database));
});

test('what is there and is no file is written to, and not replaced', async () => {
  await people();
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const [text] = await Promise.all([
    readFile(pipe, 'utf8'),
    runExport(new Settings({ DATABASE_URL: database.url }), { ...OPTIONS, path: pipe }),
  ]);
  expect(text.trim().split('\n')).toHaveLength(3);
  expect((await lstat(pipe)).isFIFO()).toBe(true);
});

test('an output that nobody reads to its end is no trouble of the database', async () => {
  await people();
  await database.query(
    `insert into contact (tenant_id, id, email, link_precedence, created_at, updated_at)
     select 1, n, 'n' || n || '@hillvalley.edu', 'primary', now(), now() from generate_series(100, 20000) n`,
  );
  const finished = await new Promise<string>((resolve) => {
    const cli = spawn(process.execPath, ['dist/src/cli/main.js', 'export'], {
      env: { PATH: process.env.PATH, DATABASE_URL: database.url },
    });
    let stderr = '';
    cli.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    cli.stdout.once('data', () => cli.stdout.destroy());
    cli.once('close', (code) => resolve(`${code} ${stderr}`));
  });
  expect(finished).toBe('0 ');
});
