import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Settings } from '../../../src/config/settings.js';
import { runImport, type ImportOptions } from '../../../src/transfer/import/run-import.js';
import { emptyTally, type ImportResult } from '../../../src/transfer/import/summary.js';
import type { TestDatabase } from '../../support/database.js';

const DEFAULTS = {
  format: 'csv',
  delimiter: null,
  skipLines: 0,
  encoding: null,
  columns: {},
  dates: { format: 'iso', timeZone: null },
  onBadField: 'drop',
  batchSize: 1000,
  rejectedPath: null,
  checkpointPath: null,
  isRestart: false,
  isDryRun: false,
  tenant: null,
  retryForMs: 0,
  progress: null,
  streams: process,
} as const;

/** Imports a file in this process, with the defaults of the command line. */
export function importFile(
  env: Readonly<Record<string, string>>,
  path: string,
  options: Partial<ImportOptions> = {},
): Promise<ImportResult> {
  const stop = new AbortController().signal;
  return runImport(new Settings(env), { ...DEFAULTS, stop, path, ...options });
}

/** Imports a file of this content in this process; returns the result with the file of rejected rows. */
export async function importText(
  database: TestDatabase,
  content: string | Uint8Array,
  options: Partial<ImportOptions> = {},
): Promise<ImportResult & { readonly rejected: string | null }> {
  const folder = await mkdtemp(join(tmpdir(), 'identity-import-'));
  const path = join(folder, 'people');
  await writeFile(path, content);
  try {
    const result = await importFile({ DATABASE_URL: database.url }, path, options);
    const isRejected = existsSync(result.rejectedPath);
    return { ...result, rejected: isRejected ? await readFile(result.rejectedPath, 'utf8') : null };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Counts of an import; those that are not named are 0. */
export function tally(counts: Partial<ImportResult['tally']>): ImportResult['tally'] {
  return { ...emptyTally(), ...counts };
}

/** Everything stored but ids, times and versions: contacts by their order, and links, claims and merges among them. */
export async function stored(database: TestDatabase): Promise<object> {
  const place = '(select count(*)::int from contact o where o.id <= ';
  return {
    contacts: await database.query(
      `select email, phone_number, link_precedence, case when linked_id is null then null else ${place} c.linked_id) end as linked
       from contact c order by id`,
    ),
    claims: await database.query(
      `select kind, value, ${place} i.contact_id) as holder from identifier i order by kind, value`,
    ),
    merges: await database.query(
      `select email, phone_number, ${place} m.survivor_id) as survivor, ${place} m.merged_id) as merged
       from identity_merge m order by email, phone_number, survivor, merged`,
    ),
  };
}

/** The dates of all contacts, by what they carry. */
export async function dates(database: TestDatabase): Promise<object[]> {
  return database.query(
    `select email, phone_number, to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') as created_at,
       linked_id is null as is_primary
     from contact where deleted_at is null order by created_at, email, phone_number`,
  );
}
