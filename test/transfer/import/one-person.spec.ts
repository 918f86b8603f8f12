import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from '../../support/command.js';
import { useApp, useDatabase } from '../../support/hooks.js';
import { violations } from '../../support/invariants.js';
import { importText, tally } from './import-text.js';

// Rows that are one person by a column, whatever their identifiers say.

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));

beforeEach(() => database.clear());

afterEach(() => database.query('truncate tenant_policy, blocked_value'));

async function partition(): Promise<string[]> {
  const rows = await database.query<{ values: string }>(
    `select string_agg(distinct v, ' ' order by v) as values
     from contact cross join lateral (values (email), (phone_number)) l(v)
     where v is not null and deleted_at is null group by coalesce(linked_id, id) order by 1`,
  );
  return rows.map(({ values }) => values);
}

const block = async (pattern: string): Promise<void> => {
  const blocked = { kind: 'email', pattern, existing: 'keep', reason: 'A test' };
  expect((await app.client.send('POST', '/blocked-values', blocked)).status).toBe(201);
};

const rule = async (one: string, other: string): Promise<void> => {
  const identifiers = [one, other].map((value) => ({ kind: 'email', value }));
  const { status } = await app.client.send('POST', '/rules', { identifiers, reason: 'A test' });
  expect(status).toBe(201);
};

test('rows of one identity come together wherever they stand, also where their identifiers do not', async () => {
  const rows = [
    'primaryContactId,email,phone',
    '1,george@hillvalley.edu,919191',
    '2,doc@hillvalley.edu,',
    '3,strickland@hillvalley.edu,',
    '1,biff@hillvalley.edu,717171',
    ',marty@hillvalley.edu,1',
    '2,jennifer@hillvalley.edu,',
    '1,,505050',
    '3,griff@hillvalley.edu,',
    '2,goldie@hillvalley.edu,88',
  ];
  const result = await importText(database, rows.join('\n'), { batchSize: 2 });
  expect(result).toMatchObject({ apart: [], tally: tally({ created: 9, joined: 5 }) });
  const expected = [
    '1 marty@hillvalley.edu',
    '505050 717171 919191 biff@hillvalley.edu george@hillvalley.edu',
    '88 doc@hillvalley.edu goldie@hillvalley.edu jennifer@hillvalley.edu',
    'griff@hillvalley.edu strickland@hillvalley.edu',
  ];
  expect(await partition()).toEqual(expected);
  expect((await importText(database, rows.join('\n'))).tally).toEqual(tally({ unchanged: 9 }));
  expect(await partition()).toEqual(expected);
  expect(await violations(database)).toEqual({});
});

test('rows that a rule or a limit keeps apart are named, and the command exits with 1', async () => {
  await rule('lorraine@hillvalley.edu', 'biff@hillvalley.edu');
  await block('none@none.com');
  await database.query('update tenant_policy set max_contacts = 2');
  const folder = await mkdtemp(join(tmpdir(), 'identity-person-'));
  const path = join(folder, 'people.csv');
  const rows = ['lorraine', 'biff', 'george', 'marty'].map((name) => `7,${name}@hillvalley.edu`);
  await writeFile(path, ['who,email', ...rows].join('\n'));
  const { code, stdout } = await command(['import', path, '--identity-column', 'who'], {
    DATABASE_URL: database.url,
  });
  await rm(folder, { recursive: true });
  expect(stdout).toContain(
    [
      '  NOT JOINED: 2 rows of one person are more than one identity now',
      '    line 3 with line 2: a rule keeps them apart',
      '    line 5 with line 2: the identity would grow beyond a limit',
    ].join('\n'),
  );
  expect(code).toBe(1);
  expect(await partition()).toEqual([
    'biff@hillvalley.edu',
    'george@hillvalley.edu lorraine@hillvalley.edu',
    'marty@hillvalley.edu',
  ]);
});

test('a blocked value joins nobody: the next one of its row does', async () => {
  await block('none@none.com');
  const rows = ['none@none.com,', 'none@none.com,919191', 'george@hillvalley.edu,', 'none@none.com,'];
  const { tally: counts } = await importText(
    database,
    ['primaryContactId,email,phone', ...rows.map((row) => `1,${row}`)].join('\n'),
    { batchSize: 1 },
  );
  expect(counts).toMatchObject({ created: 2, joined: 1, blocked: 2, apart: 0 });
  expect(await partition()).toEqual(['919191 george@hillvalley.edu']);
});

test('rows that were taken apart again stay apart', async () => {
  const text = 'primaryContactId,email\n1,lorraine@hillvalley.edu\n1,goldie@hillvalley.edu\n';
  await importText(database, text);
  const [merge] = await database.query<{ id: string }>('select id from identity_merge');
  const undone = await app.client.send('POST', `/merges/${merge!.id}/undo`, { reason: 'Two people' });
  expect(undone.status).toBe(200);
  const { tally: counts, apart } = await importText(database, text);
  expect(counts).toEqual(tally({ unchanged: 2, apart: 1 }));
  expect(apart).toEqual([{ line: 3, from: 2, reason: 'do-not-link' }]);
  expect(await partition()).toEqual(['goldie@hillvalley.edu', 'lorraine@hillvalley.edu']);
});
