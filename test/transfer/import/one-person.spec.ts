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

// Rows with several values of a kind.

const SEVERAL = [
  'Email,Other emails,Phone,Phone,Created,Fax',
  'lorraine@hillvalley.edu,lorraine@baines.example;l@baines.example,123456,+1 555 010 0001,2020-01-01,+1 555 010 9999',
  'goldie@hillvalley.edu,"goldie@wilson.example, g@wilson.example",,,2019-01-01,',
  ',,919191 ::: 717171,,,',
  'g@wilson.example,,515151,,2018-01-01,',
].join('\n');

test('a row is one person with all its values, and another import of it changes nothing', async () => {
  const result = await importText(database, SEVERAL, { batchSize: 1 });
  expect(result.tally).toEqual(tally({ created: 3, linked: 1 }));
  expect(result.taken).toEqual(
    new Map([
      ['email', ['Email', 'Other emails']],
      ['phoneNumber', ['Phone (column 3)', 'Phone (column 4)']],
      ['createdAt', ['Created']],
      ['identity', []],
    ]),
  );
  expect(result).toMatchObject({ notTaken: ['Fax'], looksLike: { emails: [], phones: ['Fax'] } });
  const expected = [
    '+15550100001 123456 l@baines.example lorraine@baines.example lorraine@hillvalley.edu',
    '515151 g@wilson.example goldie@hillvalley.edu goldie@wilson.example',
    '717171 919191',
  ];
  expect(await partition()).toEqual(expected);
  expect(
    await database.query(
      `select email, to_char(created_at at time zone 'UTC', 'YYYY') as year from contact
       where linked_id is null and email is not null order by 2`,
    ),
  ).toEqual([
    { email: 'g@wilson.example', year: '2018' },
    { email: 'lorraine@hillvalley.edu', year: '2020' },
  ]);
  const before = await database.query('select count(*)::int as contacts from contact');
  expect((await importText(database, SEVERAL)).tally).toEqual(tally({ unchanged: 4 }));
  expect(await database.query('select count(*)::int as contacts from contact')).toEqual(before);
  expect(await partition()).toEqual(expected);
  expect(await violations(database)).toEqual({});
});

test('a value of a row that a rule keeps apart is named with its line, and is a person of its own', async () => {
  await rule('lorraine@hillvalley.edu', 'l@baines.example');
  const { tally: counts, apart } = await importText(database, SEVERAL);
  expect(counts).toMatchObject({ created: 3, apart: 1 });
  expect(apart).toEqual([{ line: 2, from: 2, reason: 'do-not-link' }]);
  expect((await partition()).slice(0, 1)).toEqual([
    '+15550100001 123456 lorraine@baines.example lorraine@hillvalley.edu',
  ]);
});

test('a bad value among several is left out alone, and named', async () => {
  const { tally: counts, rejected } = await importText(
    database,
    'email,phone\ndoc@hillvalley.edu;nobody;emmett@hillvalley.edu,1.23457E+11;123456\n',
  );
  expect(counts).toMatchObject({ created: 1, rejected: 0, incomplete: 1, dropped: { email: 1, phone: 1 } });
  expect(rejected).toContain('phoneNumber: a spreadsheet made it 1.23457E+11; digits are lost');
  expect(await partition()).toEqual(['123456 doc@hillvalley.edu emmett@hillvalley.edu']);
  const strict = await importText(database, 'email\ndoc@hillvalley.edu;nobody\n', { onBadField: 'reject' });
  expect(strict.tally).toEqual(tally({ rejected: 1 }));
});

test('events are read by their paths, in any order of them', async () => {
  const events = [
    { type: 'page', anonymousId: 'a' },
    { userId: 'u', traits: { email: 'joy@kerr.example', createdAt: '2020-01-01T00:00:00Z' } },
    {
      userId: 'u',
      properties: { email: 'joy2@kerr.example', phone: '+15550100171' },
      timestamp: '2021-01-01',
    },
  ];
  const result = await importText(database, events.map((event) => JSON.stringify(event)).join('\n'), {
    format: 'ndjson',
    columns: { identity: 'userId' },
  });
  expect(result.tally).toEqual(tally({ created: 2, joined: 1, rejected: 1 }));
  expect(result.taken.get('email')).toEqual(['traits.email', 'properties.email']);
  expect(await partition()).toEqual(['+15550100171 joy2@kerr.example joy@kerr.example']);
});
