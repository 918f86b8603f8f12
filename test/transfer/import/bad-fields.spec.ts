import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { summaryText } from '../../../src/transfer/import/summary.js';
import { useDatabase } from '../../support/hooks.js';
import { partition } from '../../support/invariants.js';
import { dates, importFile, importText, tally } from './import-text.js';

const database = useDatabase();
beforeEach(() => database.clear());

const people = (): Promise<object[]> =>
  database.query('select email, phone_number as phone from contact order by id');
const PHONE_MISTAKE = '"phoneNumber must have 1 to 15 digits, and may start with + and a country code"';

const ROWS = [
  'Name,Email,Phone,Date',
  'Lorraine,lorraine@hillvalley.edu,call me,2020-01-01',
  'Biff,nobody,717171,2020-01-01',
  'Doc,doc@hillvalley.edu,505050,soon',
  'Griff,nowhere,call me,2020-01-01',
  'George,george@hillvalley,12ab,later',
  'Mcfly,mcfly@hillvalley.edu,12ab,never mind',
].join('\n');

describe('a field that is not valid', () => {
  test('does not keep its row out, and is told with its line, column and reason', async () => {
    const result = await importText(database, ROWS);
    expect(result.tally).toEqual(
      tally({ created: 4, incomplete: 4, rejected: 2, dropped: { Email: 1, Phone: 2, Date: 2 } }),
    );
    expect(await people()).toEqual([
      { email: 'lorraine@hillvalley.edu', phone: null },
      { email: null, phone: '717171' },
      { email: 'doc@hillvalley.edu', phone: '505050' },
      { email: 'mcfly@hillvalley.edu', phone: null },
    ]);
    const [header, ...lines] = result.rejected!.split('\n');
    expect(header).toBe('line,column,reason,Name,Email,Phone,Date');
    expect(lines).toEqual([
      `2,Phone,${PHONE_MISTAKE},Lorraine,lorraine@hillvalley.edu,call me,2020-01-01`,
      '3,Email,email must be a valid email address,Biff,nobody,717171,2020-01-01',
      expect.stringMatching(/^4,Date,"?the date must be .*,Doc,doc@hillvalley\.edu,505050,soon$/),
      expect.stringMatching(/^5,Email; Phone,"email must be .*; phoneNumber must .*,Griff,/),
      expect.stringMatching(
        /^6,Email; Phone; Date,"email must be .*; phoneNumber must .*; the date .*,George,/,
      ),
      expect.stringMatching(/^7,Phone; Date,"phoneNumber must .*; the date .*,Mcfly,/),
      '',
    ]);
    expect(summaryText(result)).toContain(
      `  4 taken without a bad field (2 in "Phone", 1 in "Email", 2 in "Date"), see ${result.rejectedPath}\n`,
    );
  });

  test('rejects its row if that is wanted', async () => {
    const result = await importText(database, ROWS, { onBadField: 'reject' });
    expect(result.tally).toEqual(tally({ rejected: 6 }));
    expect(result.rejected).toContain(`2,Phone,${PHONE_MISTAKE},Lorraine,`);
  });

  test('of NDJSON is told with the name of its property', async () => {
    const rows = [
      '{"email":"doc@hillvalley.edu","tel":true}',
      '{"E-Mail":7,"phone":88,"created":"never mind"}',
    ];
    const result = await importText(database, rows.join('\n'), { format: 'ndjson' });
    expect(result.tally).toEqual(
      tally({ created: 2, incomplete: 2, dropped: { tel: 1, 'E-Mail': 1, created: 1 } }),
    );
    expect(result.rejected).toContain('1,tel,phoneNumber must be a string or an integer,');
    expect(result.rejected).toMatch(/^2,E-Mail; created,"?email must be a string; the date/m);
  });

  test('is counted and told by a dry run as by the import', async () => {
    const dry = await importText(database, ROWS, { isDryRun: true, batchSize: 2 });
    expect(await people()).toEqual([]);
    const real = await importText(database, ROWS);
    expect([dry.tally, dry.rejected]).toEqual([real.tally, real.rejected]);
  });
});

test('what was corrected in the file of rejected rows joins the people whose good fields are in', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'identity-bad-fields-'));
  try {
    const here = { DATABASE_URL: database.url };
    const path = join(folder, 'people.csv');
    await writeFile(path, ROWS);
    const { rejectedPath } = await importFile(here, path);
    const corrected = (await readFile(rejectedPath, 'utf8'))
      .replace('call me,2020', '+1 313 555 0100,2020')
      .replace('Biff,nobody', 'Biff,biff@hillvalley.edu')
      .replace('505050,soon', '505050,2019-01-01');
    await writeFile(rejectedPath, corrected);

    const again = await importFile(here, rejectedPath);

    expect(again.tally).toMatchObject({
      created: 0,
      linked: 2,
      dated: 1,
      unchanged: 1,
      rejected: 2,
      incomplete: 1,
    });
    expect(await partition(database)).toEqual([
      'e:biff@hillvalley.edu p:717171',
      'e:doc@hillvalley.edu p:505050',
      'e:lorraine@hillvalley.edu p:+13135550100',
      'e:mcfly@hillvalley.edu',
    ]);
    expect(await dates(database)).toContainEqual({
      email: 'doc@hillvalley.edu',
      phone_number: '505050',
      created_at: '2019-01-01T00:00:00.000000',
      is_primary: true,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('placeholders for nothing are blank, also for the date and the identity', async () => {
  const rows = [
    'primaryContactId,email,phone,created_at',
    'n/a,doc@hillvalley.edu,N/A,-',
    'n/a,#N/A,505050,NULL',
    'n/a,none,keine Angabe,\\N',
  ];
  const result = await importText(database, rows.join('\n'));
  expect(result.tally).toEqual(tally({ created: 2, rejected: 1 }));
  expect(result.rejected).toContain('4,email; phone,"give email, phoneNumber, or both",');
  expect(await partition(database)).toEqual(['e:doc@hillvalley.edu', 'p:505050']);
});

test('placeholders in NDJSON are blank too', async () => {
  const rows = ['{"email":"unknown","phone":"505050"}', '{"email":"doc@hillvalley.edu","phone":"(null)"}'];
  const result = await importText(database, rows.join('\n'), { format: 'ndjson' });
  expect(result.tally).toEqual(tally({ created: 2 }));
});
