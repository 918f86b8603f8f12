import { existsSync } from 'node:fs';
import { appendFile, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { useDatabase } from '../../support/hooks.js';
import { violations } from '../../support/invariants.js';
import { until } from '../../support/until.js';
import { random, seedOf } from '../../support/random.js';
import { Command, command } from '../../support/command.js';
import { rowsOf } from '../../../src/transfer/import/summary.js';
import { dates, importFile, stored } from './import-text.js';

let folder: string;
const database = useDatabase();
const other = useDatabase();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'identity-resume-'));
  await Promise.all([database.clear(), other.clear()]);
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const ROWS = 2000;

/**
 * Each row dated, so that the result may be compared with dates and all; one of forty is wrong, and one of ten tells who it is about by
 * a column of its own.
 */
function crowd(): string {
  const next = random(seedOf('resume'));
  const lines = Array.from({ length: ROWS }, () => {
    const shape = next();
    const email = shape < 0.1 ? '' : `biff${Math.floor(next() * ROWS)}@hillvalley.edu`;
    const phone = shape > 0.9 ? '' : String(100_000 + Math.floor(next() * ROWS));
    const date = new Date(1_600_000_000_000 + Math.floor(next() * 1e9)).toISOString();
    const who = shape > 0.2 && shape < 0.3 ? `w${Math.floor(next() * 60)}` : '';
    return shape > 0.5 && shape < 0.525 ? `"nobody\nat all",x,${date},` : `${email},${phone},${date},${who}`;
  });
  return `email,phone,date,primaryContactId\n${lines.join('\n')}\n`;
}

async function checkpointOf(path: string): Promise<{ progress: { place: { line: number } } } | null> {
  const text = await readFile(`${path}.checkpoint.json`, 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as { progress: { place: { line: number } } });
}

/** Starts an import and waits until its checkpoint has come beyond a line. */
async function startUntil(path: string, line: number): Promise<Command> {
  const running = new Command(['import', path, '--batch-size', '20', '--json', '--quiet'], {
    DATABASE_URL: database.url,
  });
  while (running.isRunning && ((await checkpointOf(path))?.progress.place.line ?? 0) < line) {
    await sleep(2);
  }
  return running;
}

test.each([
  ['a file', 'people.csv'],
  ['a gzip file', 'people.csv.gz'],
])('%s whose import is killed twice ends as that of one run', async (_, name) => {
  const text = crowd();
  const path = join(folder, name);
  const whole = join(folder, `whole-${name}`);
  const content = name.endsWith('.gz') ? gzipSync(text) : text;
  await Promise.all([writeFile(path, content), writeFile(whole, content)]);
  const expected = await importFile({ DATABASE_URL: other.url }, whole);

  for (const line of [300, 1000]) {
    const victim = await startUntil(path, line);
    victim.kill('SIGKILL');
    expect(await victim.end()).toMatchObject({ code: null });
  }
  const resumed = await command(['import', path, '--batch-size', '20', '--json', '--quiet'], {
    DATABASE_URL: database.url,
  });

  expect(resumed.code).toBe(1);
  expect(await stored(database)).toEqual(await stored(other));
  expect(await dates(database)).toEqual(await dates(other));
  expect(await violations(database)).toEqual({});
  expect(await readFile(`${path}.rejected.csv`, 'utf8')).toBe(
    await readFile(`${whole}.rejected.csv`, 'utf8'),
  );
  expect(JSON.parse(resumed.stdout)).toMatchObject({
    rows: ROWS,
    rejected: expected.tally.rejected,
    isComplete: true,
    isResumed: true,
  });
  expect(existsSync(`${path}.checkpoint.json`)).toBe(false);
});

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s ends the import after its batch, and the same command goes on',
  async (signal) => {
    const path = join(folder, 'people.csv');
    await writeFile(path, crowd());
    const running = await startUntil(path, 300);
    running.kill(signal);
    const { code, stdout, stderr } = await running.end();
    expect(code).toBe(2);
    expect(stderr).toContain('To continue from here, run the same command again.');
    const stopped = JSON.parse(stdout) as Record<string, number>;
    expect(stopped).toMatchObject({ isComplete: false });
    expect(stopped.rows).toBeLessThan(ROWS);

    const rest = await importFile({ DATABASE_URL: database.url }, path);
    expect(rest).toMatchObject({ isComplete: true, isResumed: true });
    expect(rowsOf(rest.tally)).toBe(ROWS);
    await importFile({ DATABASE_URL: other.url }, path);
    expect(await dates(database)).toEqual(await dates(other));
  },
);

test('rejected rows that were corrected before the import goes on stay as they are', async () => {
  const path = join(folder, 'people.csv');
  await writeFile(path, crowd());
  const here = { DATABASE_URL: database.url };
  const stopping = new AbortController();
  const stopped = importFile(here, path, { batchSize: 20, stop: stopping.signal });
  await until(() => existsSync(`${path}.rejected.csv`) && existsSync(`${path}.checkpoint.json`));
  stopping.abort();
  const { tally: before, isComplete } = await stopped;
  expect(isComplete).toBe(false);
  const corrected = (await readFile(`${path}.rejected.csv`, 'utf8')).replaceAll('nobody\nat all', 'doc@x.io');
  await writeFile(`${path}.rejected.csv`, corrected);

  const rest = await importFile(here, path);

  expect(rest).toMatchObject({ isResumed: true, rejectedPath: `${path}.rejected.2.csv` });
  expect(await readFile(`${path}.rejected.csv`, 'utf8')).toBe(corrected);
  const later = await readFile(rest.rejectedPath, 'utf8');
  expect(later.match(/^\d+,/gm)).toHaveLength(rest.tally.rejected - before.rejected);
});

test('a second import of a file is refused while the first is at work, and takes nothing from it', async () => {
  const path = join(folder, 'people.csv');
  await writeFile(path, crowd());
  const first = await startUntil(path, 300);
  const here = { DATABASE_URL: database.url };

  await expect(importFile(here, path)).rejects.toThrow(/^Another import is using .*people.csv/);
  const elsewhere = { rejectedPath: join(folder, 'other.csv') };
  await expect(importFile(here, path, elsewhere)).rejects.toThrow(/^Another import is using /);
  const { code, stdout } = await first.end();
  expect(code).toBe(1);
  const { rejected } = JSON.parse(stdout) as { rejected: number };
  const kept = await readFile(`${path}.rejected.csv`, 'utf8');
  expect(kept.match(/^\d+,/gm)).toHaveLength(rejected);
  expect(await importFile(here, path)).toMatchObject({ isComplete: true, isResumed: false });
});

test('a checkpoint holds for the same file, options and database only, and --restart begins anew', async () => {
  const path = join(folder, 'people.csv');
  await writeFile(path, crowd());
  const running = await startUntil(path, 200);
  running.kill('SIGKILL');
  await running.end();
  const before = await checkpointOf(path);
  const here = { DATABASE_URL: database.url };

  await expect(importFile(here, path, { columns: { createdAt: null } })).rejects.toThrow(
    /other options: columns /,
  );
  await expect(importFile({ DATABASE_URL: other.url }, path)).rejects.toThrow(/other options: database /);
  await expect(importFile({ ...here, DEFAULT_PHONE_REGION: 'DE' }, path)).rejects.toThrow(
    /other options: phoneRegion /,
  );
  const dry = await importFile(here, path, { isDryRun: true });
  expect(rowsOf(dry.tally)).toBe(ROWS);
  expect(await checkpointOf(path)).toEqual(before);
  await utimes(path, new Date(), new Date(2020, 1, 1));
  await expect(importFile(here, path)).rejects.toThrow(
    /^The file has changed since its import was stopped .*--restart/,
  );
  await appendFile(path, 'doc@hillvalley.edu,88,\n');
  await expect(importFile(here, path)).rejects.toThrow(/^The file has changed/);
  await writeFile(`${path}.checkpoint.json`, '{');
  await expect(importFile(here, path)).rejects.toThrow(
    /is no checkpoint of this version\. Start again with --restart\.$/,
  );
  expect(await other.query('select 1 from contact')).toEqual([]);

  const anew = await importFile(here, path, { isRestart: true });
  expect(rowsOf(anew.tally)).toBe(ROWS + 1);
  expect(anew).toMatchObject({ isComplete: true, isResumed: false });
});
