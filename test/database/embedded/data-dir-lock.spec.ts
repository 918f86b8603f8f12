import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DataDirError,
  DataDirInUseError,
  holdDataDir,
} from '../../../src/database/embedded/data-dir-lock.js';

let dataDir: string;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'identity-lock-'));
});

afterEach(() => rm(dataDir, { recursive: true, force: true }));

test('a folder is held by one at a time, and free again once it is released', async () => {
  const release = await holdDataDir(dataDir);
  await expect(holdDataDir(dataDir)).rejects.toThrow(DataDirInUseError);
  await release();
  await (
    await holdDataDir(dataDir)
  )();
});

test('of many that want the folder at once exactly one gets it', async () => {
  for (let round = 0; round < 5; round++) {
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => holdDataDir(dataDir)));
    const held = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    expect(held).toHaveLength(1);
    await held[0]!.value();
  }
});

test('a folder that does not exist yet is made', async () => {
  const folder = join(dataDir, 'a', 'b');
  const release = await holdDataDir(folder);
  expect(existsSync(folder)).toBe(true);
  await release();
});

test('a path too long for a socket works too', async () => {
  const release = await holdDataDir(join(dataDir, 'x'.repeat(120)));
  await expect(holdDataDir(join(dataDir, 'x'.repeat(120)))).rejects.toThrow(DataDirInUseError);
  await release();
});

test('a folder with other things in it, or a file in its place, is refused', async () => {
  const file = join(dataDir, 'diary.txt');
  await writeFile(file, 'mine');
  await expect(holdDataDir(dataDir)).rejects.toThrow(
    new DataDirError(`The data folder ${dataDir} can't be used: it contains files that are not a database`),
  );
  await expect(holdDataDir(file)).rejects.toThrow(DataDirError);
  await expect(holdDataDir(join(file, 'below'))).rejects.toThrow(DataDirError);
});
