import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSettings } from '../../src/config/load-settings.js';

test('an .env that is a folder is refused by name', async () => {
  const [before, folder] = [process.cwd(), await mkdtemp(join(tmpdir(), 'identity-env-'))];
  await mkdir(join(folder, '.env'));
  process.chdir(folder);
  try {
    expect(() => loadSettings({})).toThrow("The file .env can't be read: it is a folder");
  } finally {
    process.chdir(before);
    await rm(folder, { recursive: true, force: true });
  }
});
