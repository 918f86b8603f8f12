import { gzipSync } from 'node:zlib';
import { csvLine } from '../../../src/transfer/csv.js';
import { startApp } from '../../support/app.js';
import { useDatabase } from '../../support/hooks.js';
import { partition, violations } from '../../support/invariants.js';
import { random, seedOf } from '../../support/random.js';
import { closure } from '../../support/union-find.js';
import { sightingOf } from '../../support/wire.js';
import { dates, importText, stored, tally } from './import-text.js';

const database = useDatabase();
const other = useDatabase();

beforeEach(async () => {
  await Promise.all([database.clear(), other.clear()]);
});

afterEach(async () => {
  expect(await violations(database)).toEqual({});
});

const LORRAINE = { email: 'lorraine@hillvalley.edu', phone_number: '123456' };
const MCFLY = { email: 'mcfly@hillvalley.edu', phone_number: '123456' };
const PEOPLE = 'email,phone\nlorraine@hillvalley.edu,123456\nMcFly@HillValley.edu,123-456\n';

async function people(): Promise<object[]> {
  return database.query('select email, phone_number from contact order by id');
}

/** Random people of few identifiers, so that all outcomes happen often; some rows are wrong. */
function crowd(next: () => number, rows: number): { email: string; phone: string; date: string }[] {
  return Array.from({ length: rows }, () => {
    const shape = next();
    const email = `george${Math.floor(next() * rows * 0.4)}@hillvalley.edu`;
    const phone = String(100_000 + Math.floor(next() * rows * 0.4));
    const date = new Date(Date.UTC(2020, 0, 1) + Math.floor(next() * 1e9) * 60).toISOString();
    return {
      email: shape < 0.2 ? '' : shape > 0.97 ? 'nobody' : email,
      phone: shape > 0.8 && shape < 0.97 ? '' : phone,
      date,
    };
  });
}

test('rows give what the same calls of the API give, one by one', async () => {
  const rows = crowd(random(seedOf('import like the API')), 300);
  await using app = await startApp({ DATABASE_URL: other.url });
  let refused = 0;
  for (const { email, phone } of rows) {
    const { status } = await app.client.send('POST', '/identify', { email, phoneNumber: phone });
    refused += status === 400 ? 1 : 0;
  }
  const text = `email,phone\n${rows.map(({ email, phone }) => csvLine([email, phone])).join('')}`;

  const result = await importText(database, text, { batchSize: 37, onBadField: 'reject' });

  expect(await stored(database)).toEqual(await stored(other));
  expect(result.tally.rejected).toBe(refused);
  const { created, linked, merged, unchanged } = result.tally;
  expect(Math.min(created, linked, merged, unchanged, refused)).toBeGreaterThan(0);
  expect(created + linked + merged + unchanged + refused).toBe(300);
});

test('the oldest date wins whatever the order of the rows and the size of the batches', async () => {
  const rows = crowd(random(seedOf('dated import')), 200).filter(({ email }) => email !== 'nobody');
  const text = (list: typeof rows): string =>
    `email,phone,date\n${list.map(({ email, phone, date }) => csvLine([email, phone, date])).join('')}`;

  await importText(database, text(rows), { batchSize: 7 });
  await importText(other, text(rows.toReversed()), { batchSize: 1000 });

  const sightings = rows.map(({ email, phone }) => ({ email: email || null, phoneNumber: phone || null }));
  const components = closure(sightings);
  for (const each of [database, other]) {
    expect(await violations(each)).toEqual({});
    expect(await partition(each)).toEqual(components);
  }
  // each identity begins with the oldest row that belongs to it
  const oldest = components.map((component) => {
    const members = component.split(' ');
    const own = rows.filter(({ email, phone }) => members.includes(email ? `e:${email}` : `p:${phone}`));
    return own.map(({ date }) => date).toSorted()[0]!;
  });
  for (const each of [database, other]) {
    const primaries = await each.query<{ created_at: Date }>(
      'select created_at from contact where linked_id is null',
    );
    expect(primaries.map(({ created_at: date }) => date.toISOString()).toSorted()).toEqual(oldest.toSorted());
  }
});

test('a row older than what is stored makes its contact the primary, to the microsecond', async () => {
  await importText(
    database,
    'email,phone,created_at\nlorraine@hillvalley.edu,123456,2020-01-01T00:00:00.000002Z\n',
  );
  const result = await importText(
    database,
    'email,phone,created_at\nmcfly@hillvalley.edu,123456,2020-01-01T00:00:00.000001Z\n',
  );
  expect(result.tally).toEqual(tally({ linked: 1 }));
  expect(await dates(database)).toEqual([
    { ...MCFLY, created_at: '2020-01-01T00:00:00.000001', is_primary: true },
    { ...LORRAINE, created_at: '2020-01-01T00:00:00.000002', is_primary: false },
  ]);
});

test('a row that brings nothing but an earlier date is counted as that', async () => {
  await importText(
    database,
    'email,phone,date\nlorraine@hillvalley.edu,123456,2020-01-01\nmcfly@hillvalley.edu,123456,2021-01-01\n',
  );
  const rows = 'email,phone,date\nmcfly@hillvalley.edu,123456,2019-01-01\nmcfly@hillvalley.edu,,2022-01-01\n';
  const [dry, real, again] = [
    await importText(database, rows, { isDryRun: true }),
    await importText(database, rows),
    await importText(database, rows),
  ];
  expect([dry, real, again].map((result) => result.tally)).toEqual([
    tally({ dated: 1, unchanged: 1 }),
    tally({ dated: 1, unchanged: 1 }),
    tally({ unchanged: 2 }),
  ]);
  expect(await dates(database)).toEqual([
    { ...MCFLY, created_at: '2019-01-01T00:00:00.000000', is_primary: true },
    { ...LORRAINE, created_at: '2020-01-01T00:00:00.000000', is_primary: false },
  ]);
});

test('the same file again changes nothing', async () => {
  await importText(database, PEOPLE);
  const before = await stored(database);
  expect((await importText(database, PEOPLE)).tally).toEqual(tally({ unchanged: 2 }));
  expect(await stored(database)).toEqual(before);
});

describe('a file is read as it is written', () => {
  const utf16 = Buffer.from(`\uFEFF${PEOPLE}`, 'utf16le');
  const lines = PEOPLE.trim().split('\n').slice(1);
  const ndjson = lines
    .map((line) => line.split(','))
    .map(([email, phoneNumber]) => JSON.stringify({ name: 'x', email, phoneNumber }))
    .join('\r\n');
  test.each([
    ['CSV', PEOPLE, {}],
    ['with a byte order mark', `\uFEFF${PEOPLE}`, {}],
    ['UTF-16, little end first', utf16, {}],
    ['UTF-16, big end first', Buffer.from(utf16).swap16(), {}],
    ['UTF-16 without a mark, given', utf16.subarray(2), { encoding: 'utf-16le' as const }],
    ['semicolons', PEOPLE.replaceAll(',', ';'), {}],
    ['tabs', PEOPLE.replaceAll(',', '\t'), {}],
    ['bars', PEOPLE.replaceAll(',', '|'), {}],
    ['a delimiter that is given', PEOPLE.replaceAll(',', '~'), { delimiter: '~' }],
    [
      '\\r\\n and quotes',
      `"email","phone"\r\n${lines.map((line) => `"${line.replace(',', '","')}"`).join('\r\n')}`,
      {},
    ],
    ['gzip', gzipSync(PEOPLE), {}],
    ['gzip in parts', Buffer.concat([gzipSync(PEOPLE.slice(0, 30)), gzipSync(PEOPLE.slice(30))]), {}],
    ['a line that tells the delimiter', `sep=~\r\n${PEOPLE.replaceAll(',', '~')}`, {}],
    ['rows of delimiters only', PEOPLE.replaceAll('\n', '\n,\n" ",\n\n;;;\n\t|\n'), {}],
    ['lines that are to be skipped', `Report, 2026\n"by; McFly\n${PEOPLE}`, { skipLines: 2 }],
    ['titles', `Customers 2026,\n,\nSource: Hill Valley,x\n${PEOPLE}`, {}],
    [
      'Shift JIS, given',
      Buffer.concat([
        Buffer.from([0x83, 0x81, 0x2c]),
        Buffer.from(PEOPLE.replaceAll('\n', '\nx,').slice(0, -2)),
      ]),
      { encoding: 'shift_jis' },
    ],
    ['NDJSON', ndjson, { format: 'ndjson' as const }],
    ['a JSON array', `\uFEFF [${ndjson.replaceAll('\r\n', ',\n')}]\n`, { format: 'ndjson' as const }],
    ['NDJSON in gzip', gzipSync(ndjson), { format: 'ndjson' as const }],
  ])('%s', async (_, content, options) => {
    const result = await importText(database, content, options);
    expect(result).toMatchObject({ tally: tally({ created: 1, linked: 1 }), rejected: null });
    expect(await people()).toEqual([LORRAINE, MCFLY]);
  });

  test.each(['latin1', 'windows-1252'] as const)('%s, given', async (encoding) => {
    const content = Buffer.from('name;email\nRenée;renée@hillvalley.edu\n', 'latin1');
    await importText(database, content, { encoding });
    expect(await people()).toEqual([{ email: 'renée@hillvalley.edu', phone_number: null }]);
  });

  test('properties of NDJSON may differ from line to line, and be numbers', async () => {
    const content = '{"mail":"mcfly@hillvalley.edu","date":1600000000}\n\n{"Phone Number":123456}\n';
    const { tally: counts } = await importText(database, content, { format: 'ndjson' });
    expect(counts).toEqual(tally({ created: 2 }));
    expect(await people()).toEqual([
      { email: 'mcfly@hillvalley.edu', phone_number: null },
      { email: null, phone_number: '123456' },
    ]);
  });
});

test('the summary knows the line of a header that comes after titles', async () => {
  const result = await importText(database, `Customers 2026,\n,\n${PEOPLE}`);
  expect(result).toMatchObject({ headerLine: 3, tally: tally({ created: 1, linked: 1 }) });
  expect((await importText(database, PEOPLE)).headerLine).toBeNull();
});

test('a quoted field that takes in rows is told with its lines', async () => {
  const rows = [
    'name,email,phone',
    '"Doc,doc@hillvalley.edu,88',
    'Biff",biff@hillvalley.edu,',
    '"Two\nlines",mcfly@hillvalley.edu,1',
  ];
  const { strayQuotes, tally: counts } = await importText(database, rows.join('\n'));
  expect(counts).toEqual(tally({ created: 2 }));
  expect(strayQuotes).toEqual([{ line: 2, endLine: 3 }]);
});

describe('a row that can’t be taken', () => {
  test('goes to a file with its line, the reason, and all its fields', async () => {
    const rows = [
      'name,email,phone,date',
      '"McFly, M",mcfly@hillvalley.edu,123456,2020-01-01',
      '"two\nlines",not an email,123456,',
      'nobody,,,',
      'future,doc@hillvalley.edu,,2999-01-01',
      'letters,doc@hillvalley.edu,12ab,',
      'wide,doc@hillvalley.edu,1,2020-01-01,more',
      'open,"doc@hillvalley.edu,1,2020-01-01',
      'last,doc@hillvalley.edu,88,2020-01-01',
    ];
    const result = await importText(database, rows.join('\n'), { batchSize: 2, onBadField: 'reject' });
    expect(result.tally).toEqual(tally({ created: 2, rejected: 6 }));
    expect(result.rejected).toBe(
      [
        'line,column,reason,name,email,phone,date',
        '3,email,email must be a valid email address,"two\nlines",not an email,123456,',
        '5,email; phone,"give email, phoneNumber, or both",nobody,,,',
        '6,date,the date is in the future,future,doc@hillvalley.edu,,2999-01-01',
        '7,phone,"phoneNumber must have 1 to 15 digits, and may start with + and a country code",letters,doc@hillvalley.edu,12ab,',
        '8,,"the row has 5 fields, but the header has 4",wide,doc@hillvalley.edu,1,2020-01-01,more',
        '9,,a quote is never closed,"open,""doc@hillvalley.edu,1,2020-01-01"',
        '',
      ].join('\n'),
    );
  });

  test('of NDJSON goes there as it is', async () => {
    const rows = [
      '{"email":"mcfly@hillvalley.edu"}',
      '{"email":"x"',
      '["x"]',
      '{"name":"biff"}',
      '{"email":{}}',
    ];
    const result = await importText(database, rows.join('\n'), { format: 'ndjson' });
    expect(result.tally).toEqual(tally({ created: 1, rejected: 4 }));
    expect(result.rejected!.split('\n').map((line) => line.split(',', 3).join(','))).toEqual([
      'line,column,reason',
      '2,,the line is no JSON object',
      '3,,the line is no JSON object',
      '4,,the object has no property for an email or a phone number',
      '5,email,email must be a string',
      '',
    ]);
  });

  test('because of a NUL goes there alone', async () => {
    const content =
      'name,email\nDo\0c,doc@hillvalley.edu\nBiff,biff\0@hillvalley.edu\nM,mcfly@hillvalley.edu\n';
    const result = await importText(database, content);
    expect(result.tally).toEqual(tally({ created: 1, rejected: 2 }));
    expect(result.rejected).toContain('2,,"the row holds a NUL, which is no character of text",Do\0c,');
  });
});

test('nothing of a file is written if a line of it is in another encoding, which can be given', async () => {
  const rows = Array.from({ length: 20_000 }, (_, i) => `b${i}@hillvalley.edu,${'x'.repeat(20)}\n`).join('');
  const chinese = Buffer.from([0xc0, 0xee, 0x81, 0x30, 0x81, 0x30]);
  const content = Buffer.concat([Buffer.from(`email,name\n${rows}li@hillvalley.edu,`), chinese]);
  await expect(importText(database, content)).rejects.toThrow(/^Line 20002 is not UTF-8 text\. .*shift_jis/);
  expect(await people()).toEqual([]);
  const { tally: counts } = await importText(database, content, { encoding: 'gb18030', isDryRun: true });
  expect(counts).toEqual(tally({ created: 20_001 }));
});

describe('a dry run', () => {
  test('counts what the real run then does, and writes nothing', async () => {
    const next = random(seedOf('dry run'));
    const text = (rows: ReturnType<typeof crowd>): string =>
      `email,phone,date\n${rows.map(({ email, phone, date }) => csvLine([email, phone, date])).join('')}`;
    await importText(database, text(crowd(next, 150)));
    await using app = await startApp({ DATABASE_URL: database.url });
    for (const id of [1, 2, 3, 20, 21, 40]) {
      await app.client.delete(id);
    }
    const rows = text(crowd(next, 300));
    const snapshot = async (): Promise<object> => ({
      stored: await stored(database),
      dates: await dates(database),
      sequences: await database.query(
        'select last_value from contact_id_seq union all select last_value from identity_merge_id_seq',
      ),
    });
    const before = await snapshot();

    const dry = await importText(database, rows, { isDryRun: true, batchSize: 23 });
    expect(await snapshot()).toEqual(before);
    const real = await importText(database, rows, { batchSize: 41 });

    expect(dry.tally).toEqual(real.tally);
    expect(dry.rejected).toBe(real.rejected);
    expect(
      Math.min(
        ...Object.values({
          ...real.tally,
          joined: 1,
          apart: 1,
          withheld: 1,
          blocked: 1,
          ignored: 1,
          dropped: 1,
          dated: 1,
          rejected: 1,
        }),
      ),
    ).toBeGreaterThan(0);
  });

  test('can write nothing even where a statement misses its tables', async () => {
    const { readOnly } = await import('../../../src/transfer/import/dry-run.js');
    const { openService } = await import('../../../src/transfer/open-service.js');
    const { Settings } = await import('../../../src/config/settings.js');
    const settings = new Settings({ DATABASE_URL: readOnly(database.url)! });
    await using service = await openService(settings, 1, null);
    await expect(
      service.reconciliation.reconcileAll(1, [
        sightingOf({ email: 'mcfly@hillvalley.edu', phoneNumber: null }),
      ]),
    ).rejects.toThrow();
    expect(await people()).toEqual([]);
  });
});
