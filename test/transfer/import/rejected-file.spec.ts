import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Checkpoint } from '../../../src/transfer/import/checkpoint.js';
import { importFile, tally } from './import-text.js';
import { useDatabase } from '../../support/hooks.js';

let folder: string;
const database = useDatabase();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'identity-rejected-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777;
}

test('only its owner may read the rejected rows', async () => {
  const path = join(folder, 'mode.csv');
  await writeFile(path, 'email\nnobody\n');
  await importFile({ DATABASE_URL: database.url }, path);
  expect(await modeOf(`${path}.rejected.csv`)).toBe(0o600);
});

test('a file of rejected rows, which may have been corrected, is never replaced; the next one gets a number', async () => {
  const path = join(folder, 'twice.csv');
  await writeFile(path, 'email\nnobody\n');
  const here = { DATABASE_URL: database.url };
  const first = await importFile(here, path);
  await writeFile(first.rejectedPath, 'corrected');
  const second = await importFile(here, path);
  const chosen = { rejectedPath: first.rejectedPath };
  const third = await importFile(here, path, chosen);
  expect(await readFile(first.rejectedPath, 'utf8')).toBe('corrected');
  expect([second, third].map(({ rejectedPath }) => rejectedPath)).toEqual([
    `${path}.rejected.2.csv`,
    `${path}.rejected.3.csv`,
  ]);
  expect(await readFile(second.rejectedPath, 'utf8')).toContain('2,email,email must be');
});

test('a dry run has a file of rejected rows of its own', async () => {
  const path = join(folder, 'dry.csv');
  await writeFile(path, 'email\nnobody\n');
  const { rejectedPath } = await importFile({ DATABASE_URL: database.url }, path, { isDryRun: true });
  expect(rejectedPath).toBe(`${path}.dry-run.rejected.csv`);
  expect(await readFile(rejectedPath, 'utf8')).toContain('2,email,email must be');
});

test('rejected rows of NDJSON can be corrected in their file and imported again', async () => {
  const path = join(folder, 'people.ndjson');
  const rows = ['{"email":"nobody","name":"Doc, \\"B\\""}', '["x"]', '{"email":"good@hillvalley.edu"}'];
  await writeFile(path, rows.join('\n'));
  const here = { DATABASE_URL: database.url };
  const { rejectedPath } = await importFile(here, path, { format: 'ndjson' });
  await writeFile(
    rejectedPath,
    (await readFile(rejectedPath, 'utf8')).replace('nobody', 'doc@hillvalley.edu'),
  );
  const again = await importFile(here, rejectedPath);
  expect(again.tally).toEqual(tally({ created: 1, rejected: 1 }));
  const left = await readFile(again.rejectedPath, 'utf8');
  expect(left).toBe('line,column,reason,row\n3,,the line is no JSON object,"[""x""]"\n');
});

test('only its owner may read a checkpoint', async () => {
  const path = join(folder, 'checkpoint.json');
  await writeFile(`${path}.tmp`, 'stale', { mode: 0o644 });
  const file = { size: 1, modifiedMs: 1, head: '' };
  await new Checkpoint(path, { file, options: {} }).save({
    place: { position: 0, line: 1 },
    tally: tally({}),
    rejectedBytes: 0,
  });
  expect(await modeOf(path)).toBe(0o600);
});

test('no rejected value runs in a spreadsheet, and each is imported again as it was', async () => {
  const path = join(folder, 'formula.csv');
  await writeFile(path, `email,"=note"\n=1+1,＝2+2\n'@SUM(1),"\t=3"\n'=x@hillvalley,\n`);
  const reason = 'email must be a valid email address';
  const text = await rejected(path);
  expect(text).toBe(
    [
      `line,column,reason,email,'=note`,
      `2,email,${reason},'=1+1,'＝2+2`,
      `3,email,${reason},'@SUM(1),'\t=3`,
      `4,email,${reason},'=x@hillvalley,`,
      '',
    ].join('\n'),
  );
  const again = await rejected(`${path}.rejected.csv`);
  expect(columnsFrom(again, 6)).toEqual(columnsFrom(text, 3));
});

async function rejected(path: string): Promise<string> {
  expect((await importFile({ DATABASE_URL: database.url }, path)).tally).toEqual(tally({ rejected: 3 }));
  return readFile(`${path}.rejected.csv`, 'utf8');
}

function columnsFrom(text: string, first: number): string[] {
  return text.split('\n').map((row) => row.split(',').slice(first).join(','));
}
