import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from '../../support/command.js';
import { useApp, useDatabase } from '../../support/hooks.js';
import { importText, tally } from './import-text.js';

const ZEROS = '0000000000';

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));

beforeEach(() => database.clear());

/** A file with an email and a phone number a row; either may be empty. */
function csv(rows: readonly (readonly [string, string])[]): string {
  return ['email,phone', ...rows.map((row) => row.join(',')), ''].join('\n');
}

/** So many customers, each with an email of the domain, and all with one phone number. */
function customers(count: number, phone: string, domain = 'example.com'): [string, string][] {
  return Array.from({ length: count }, (_, i) => [`c${i + 1}@${domain}`, phone]);
}

describe('rows that policy takes something from', () => {
  const ROWS = csv([
    ['lorraine@hillvalley.edu', '666'], // blocked
    ['', '666'], // blocked, and nothing else
    ['george@hillvalley.edu', '717171'],
    ['biff@hillvalley.edu', '131'],
    ['biff@hillvalley.edu', '717171'], // a rule
    ['doc@hillvalley.edu', '88'],
    ['marty@hillvalley.edu', '88'],
    ['jennifer@hillvalley.edu', '88'], // the third of at most two
    ['strickland@hillvalley.edu', '1955'],
  ]);

  beforeEach(async () => {
    const reason = 'A test';
    const blocked = { kind: 'phoneNumber', pattern: '666', existing: 'keep', reason };
    expect((await app.client.send('POST', '/blocked-values', blocked)).status).toBe(201);
    const identifiers = [
      { kind: 'email', value: 'biff@hillvalley.edu' },
      { kind: 'phoneNumber', value: '717171' },
    ];
    expect((await app.client.send('POST', '/rules', { identifiers, reason })).status).toBe(201);
    await database.query('update tenant_policy set max_contacts = 2');
  });

  afterEach(() => database.query('truncate tenant_policy, blocked_value'));

  const expected = tally({
    created: 6,
    linked: 1,
    unchanged: 1,
    blocked: 1,
    withheld: 3,
    ignored: { blocked: 1, 'do-not-link': 1, limit: 1 },
  });

  test('are counted by reason, in a dry run as in the import', async () => {
    expect((await importText(database, ROWS, { isDryRun: true, batchSize: 4 })).tally).toEqual(expected);
    expect(await database.query('select from contact')).toEqual([]);
    expect((await importText(database, ROWS, { batchSize: 3 })).tally).toEqual(expected);
    const { withheld, blocked, ignored } = expected;
    expect((await importText(database, ROWS)).tally).toEqual(
      tally({ unchanged: 8, blocked, withheld, ignored }),
    );
  });

  test('are told in the summary, for people and for programs', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'identity-policy-'));
    const path = join(folder, 'people.csv');
    await writeFile(path, ROWS);
    const run = async (...flags: string[]): Promise<string> =>
      (await command(['import', path, '--quiet', '--dry-run', ...flags], { DATABASE_URL: database.url }))
        .stdout;
    const text = await run();
    expect(text).toContain('  1 blocked (all identifiers of the row may link nobody)\n');
    expect(text).toContain(
      '  3 would be taken without an identifier: 1 blocked, 1 kept apart by a rule, 1 beyond a limit\n',
    );
    expect(JSON.parse(await run('--json'))).toMatchObject({
      rows: 9,
      blocked: 1,
      withheld: 3,
      ignored: { blocked: 1, 'do-not-link': 1, limit: 1 },
    });
    await rm(folder, { recursive: true });
  });
});

describe('a dry run warns of a value', () => {
  test('that 21 contacts would share, but not of one that 20 would share', async () => {
    const rows = csv([...customers(21, ZEROS), ...customers(20, '1', 'example.org')]);
    const { commonValues } = await importText(database, rows, { isDryRun: true, batchSize: 7 });
    expect(commonValues).toEqual([{ kind: 'phoneNumber', value: ZEROS, contacts: 21, merges: 0 }]);
    expect((await importText(database, rows)).commonValues).toEqual([]);
  });

  test('that repeated rows do not make common, and stored contacts do', async () => {
    const repeated = customers(15, ZEROS);
    const rows = csv([...repeated, ...repeated]);
    expect((await importText(database, rows, { isDryRun: true })).commonValues).toEqual([]);
    await importText(database, rows);
    const more = csv(customers(6, ZEROS, 'example.org'));
    expect((await importText(database, more, { isDryRun: true })).commonValues).toEqual([
      { kind: 'phoneNumber', value: ZEROS, contacts: 21, merges: 0 },
    ]);
    // What is common already and gets nothing new is left out.
    await importText(database, more);
    const other = csv([['c1@example.com', '2']]);
    expect((await importText(database, other, { isDryRun: true })).commonValues).toEqual([]);
    // A deleted contact does not count.
    await app.client.delete(1);
    const next = csv([['next@example.com', ZEROS]]);
    expect((await importText(database, next, { isDryRun: true })).commonValues).toEqual([
      { kind: 'phoneNumber', value: ZEROS, contacts: 21, merges: 0 },
    ]);
  });

  test('that would merge customers who are known, which adds no contact', async () => {
    const known = customers(30, '').map(([email]): [string, string] => [email, '']);
    await importText(database, csv(known));
    const { commonValues } = await importText(database, csv(customers(30, ZEROS)), { isDryRun: true });
    expect(commonValues).toEqual([{ kind: 'phoneNumber', value: ZEROS, contacts: 1, merges: 29 }]);
  });

  test('at most of twenty, the most common ones, and says how many contacts', async () => {
    const rows = Array.from({ length: 25 }, (_, i) =>
      customers(21 + i, `9${i + 1}`, `shop${i}.example`),
    ).flat();
    const { commonValues } = await importText(database, csv(rows), { isDryRun: true });
    expect(commonValues).toHaveLength(20);
    expect(commonValues[0]).toEqual({ kind: 'phoneNumber', value: '925', contacts: 45, merges: 0 });
    expect(commonValues.at(-1)).toMatchObject({ value: '96', contacts: 26 });
  });

  test('in its summary', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'identity-common-'));
    const path = join(folder, 'people.csv');
    await writeFile(path, csv(customers(1_200, ZEROS)));
    const { stdout } = await command(['import', path, '--quiet', '--dry-run'], {
      DATABASE_URL: database.url,
    });
    expect(stdout).toContain(
      '  SHARED VALUES: more than 20 contacts would be linked by each of these. Block them before you import if nobody owns them.\n' +
        `    phoneNumber ${ZEROS}: 1,000 contacts\n`,
    );
    await rm(folder, { recursive: true });
  });
});
