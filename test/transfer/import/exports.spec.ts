import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { formatToReadOf } from '../../../src/transfer/files.js';
import type { ImportOptions } from '../../../src/transfer/import/run-import.js';
import { useDatabase } from '../../support/hooks.js';
import { dates, importFile, tally } from './import-text.js';

// Files in the column layout of real products, with invented people.

let folder: string;
const database = useDatabase();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'identity-exports-'));
  await cp(resolve('test/transfer/import/exports'), folder, { recursive: true });
});

beforeEach(() => database.clear());

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function imported(name: string, options: Partial<ImportOptions> = {}): ReturnType<typeof importFile> {
  const path = join(folder, name);
  return importFile({ DATABASE_URL: database.url }, path, { format: formatToReadOf(path)!, ...options });
}

/** Emails, phone numbers and dates by age; those that are dated now have no date. */
async function people(): Promise<unknown[]> {
  const rows = (await dates(database)) as Record<string, string | null>[];
  return rows.map((row) => [
    row.email,
    row.phone_number,
    row.created_at! > '2025' ? null : row.created_at!.slice(0, 16),
  ]);
}

test('of a payment service: the oldest row is the primary', async () => {
  expect((await imported('stripe.csv')).tally).toEqual(tally({ created: 1, linked: 1 }));
  expect(await people()).toEqual([
    ['kim.old@lake.example', '+15550100041', '2019-02-03T08:01'],
    ['kim@lake.example', '+15550100041', '2021-03-04T10:22'],
  ]);
});

test('of a newsletter: a date is that of signing up, or where there is none, that of confirming it', async () => {
  expect((await imported('mailchimp.csv')).tally).toEqual(tally({ created: 1, linked: 1 }));
  expect(await people()).toEqual([
    ['una2@vale.example', '+15550100071', '2018-02-03T04:06'],
    ['una@vale.example', '+15550100071', '2020-02-03T04:05'],
  ]);
});

test('of a report: the titles are passed over, and the lines below the rows are rejected', async () => {
  const result = await imported('title.csv');
  expect(result).toMatchObject({ headerLine: 3, tally: tally({ created: 1, rejected: 2 }) });
  expect(await people()).toEqual([['title@head.example', '+15550100461', null]]);
});

test('with a line for a spreadsheet', async () => {
  expect((await imported('sep.csv')).tally).toEqual(tally({ created: 1 }));
  expect(await people()).toEqual([['sep@one.example', '+15550100401', '2021-03-04T00:00']]);
});

test('as a JSON array', async () => {
  expect((await imported('array.json')).tally).toEqual(tally({ created: 2 }));
  expect(await people()).toHaveLength(2);
});

test('in another encoding: nothing is written until it is named', async () => {
  await expect(imported('german.csv')).rejects.toThrow(/^Line 2 is not UTF-8 text\. .*windows-1252/);
  expect(await people()).toEqual([]);
  const dayFirst = { format: 'day-first', timeZone: null } as const;
  const { tally: counts } = await imported('german.csv', { encoding: 'windows-1252', dates: dayFirst });
  expect(counts).toEqual(tally({ created: 1, linked: 1 }));
  expect((await people()).map((row) => (row as string[])[2])).toEqual([
    '2019-12-31T23:59',
    '2021-03-04T00:00',
    '2021-03-04T00:00',
  ]);
});

test.each(['french.csv', 'spanish_nfd.csv'])(
  'with dates that may mean two days: %s is taken when it is told which',
  async (name) => {
    const { tally: undated } = await imported(name, { isDryRun: true });
    expect(undated.incomplete).toBeGreaterThan(0);
    expect(Object.keys(undated.dropped)).toEqual([expect.stringMatching(/^(?:Date|Fecha)/)]);
    const { tally: counts } = await imported(name, { dates: { format: 'day-first', timeZone: null } });
    expect(counts).toMatchObject({ created: 1, rejected: 0 });
    expect(await people()).toContainEqual([
      expect.stringContaining('@'),
      expect.any(String),
      '2021-03-04T00:00',
    ]);
  },
);
