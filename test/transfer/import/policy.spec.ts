import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Settings } from '../../../src/config/settings.js';
import { DEFAULT_POLICY } from '../../../src/identity/domain/policy.js';
import type { ImportOptions } from '../../../src/transfer/import/run-import.js';
import { sharedValues, type SharedValue } from '../../../src/transfer/import/shared-values.js';
import { summaryJson, summaryText, type ImportResult } from '../../../src/transfer/import/summary.js';
import { openService } from '../../../src/transfer/open-service.js';
import { command } from '../../support/command.js';
import { useApp, useDatabase } from '../../support/hooks.js';
import { importFile, importText, tally } from './import-text.js';

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

describe.each([
  ['a dry run', true],
  ['an import', false],
])('%s reports values', (_, isDryRun) => {
  const report = async (
    rows: readonly (readonly [string, string])[],
    options: Partial<ImportOptions> = {},
  ): Promise<readonly SharedValue[]> =>
    (await importText(database, csv(rows), { isDryRun, ...options })).shared;

  test('that eleven contacts share, but not those that ten share', async () => {
    const rows = [...customers(11, ZEROS), ...customers(10, '1', 'example.org')];
    expect(await report(rows, { batchSize: 7 })).toEqual([
      { kind: 'phoneNumber', value: ZEROS, contacts: 11, merges: 0 },
    ]);
  });

  test('that stored contacts and new ones share, but not because of repeated rows', async () => {
    const repeated = customers(8, ZEROS);
    expect(await report([...repeated, ...repeated])).toEqual([]);
    await importText(database, csv(repeated));
    const more = customers(3, ZEROS, 'example.org');
    const eleven = [{ kind: 'phoneNumber', value: ZEROS, contacts: 11, merges: 0 }];
    expect(await report(more)).toEqual(eleven);
    // What is common already and gets nothing new is left out.
    await importText(database, csv(more));
    expect(await report([['c1@example.com', '2']])).toEqual([]);
    // A deleted contact does not count.
    const [{ id }] = (await database.query<{ id: number }>(
      'select id::int from contact where linked_id is not null order by id limit 1',
    )) as [{ id: number }];
    await app.client.delete(id);
    expect(await report([['next@example.com', ZEROS]])).toEqual(eleven);
  });

  test('that merge customers who are known, which adds no contact', async () => {
    const known = customers(30, '').map(([email]): [string, string] => [email, '']);
    await importText(database, csv(known));
    expect(await report(customers(30, ZEROS))).toEqual([
      { kind: 'phoneNumber', value: ZEROS, contacts: 1, merges: 29 },
    ]);
  });
});

test('the links of an import are read in steps, however many identities and links there are', async () => {
  const many = Array.from({ length: 30 }, (_, i) => customers(8 + i, `9${i + 1}`, `shop${i}.example`)).flat();
  await importText(database, csv(many));
  await using service = await openService(new Settings({ DATABASE_URL: database.url }), 1, null);
  const since = { contactId: 0, mergeId: 0 };
  const { kinds } = DEFAULT_POLICY;
  const whole = await sharedValues(service.session, 1, since, kinds);
  expect(whole).toHaveLength(27);
  expect([whole[0], whole.at(-1)]).toEqual([
    { kind: 'phoneNumber', value: '930', contacts: 37, merges: 0 },
    { kind: 'phoneNumber', value: '94', contacts: 11, merges: 0 },
  ]);
  for (const step of [1, 7, 36, 37, 100]) {
    expect(await sharedValues(service.session, 1, since, kinds, step)).toEqual(whole);
  }
});

test('shared values are listed in a file that only its owner may read and that is never replaced, and the most common ones on the screen', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'identity-shared-'));
  const path = join(folder, 'people.csv');
  const some = Array.from({ length: 25 }, (_, i) =>
    customers(21 + i, `9${i + 1}`, `shop${i}.example`),
  ).flat();
  await writeFile(path, csv([...customers(1_200, '+1000'), ...some, ...customers(20, '8', 'eight.example')]));
  const run = (isDryRun: boolean): Promise<ImportResult> =>
    importFile({ DATABASE_URL: database.url }, path, { isDryRun });

  const dry = summaryText(await run(true));
  expect(dry).toContain(
    `  SHARED VALUES: 27 would be shared by more than 10 people, see ${path}.dry-run.shared.csv. Block those that nobody owns before you import.\n` +
      '    phoneNumber +1000: 1,000 contacts\n    phoneNumber 925: 45 contacts\n',
  );
  expect(dry.match(/^ {4}phoneNumber /gm)).toHaveLength(20);
  const list = await readFile(`${path}.dry-run.shared.csv`, 'utf8');
  expect(list).toMatch(/^kind,value,contacts,merges\nphoneNumber,'\+1000,1000,0\nphoneNumber,925,45,0\n/);
  expect(list).toContain('\nphoneNumber,8,20,0\n');
  expect(list.match(/\n/g)).toHaveLength(28);
  expect((await stat(`${path}.dry-run.shared.csv`)).mode & 0o777).toBe(0o600);

  await writeFile(`${path}.shared.csv`, 'mine');
  const real = JSON.parse(summaryJson(await run(false))) as Record<string, unknown>;
  expect(real).toMatchObject({ sharedValues: 27, sharedFile: `${path}.shared.2.csv` });
  expect(real.commonValues).toHaveLength(20);
  expect(await readFile(`${path}.shared.2.csv`, 'utf8')).toBe(list);
  expect(await readFile(`${path}.shared.csv`, 'utf8')).toBe('mine');
  expect(JSON.parse(summaryJson(await run(false)))).toMatchObject({ sharedValues: 0, sharedFile: null });
  await rm(folder, { recursive: true });
});
