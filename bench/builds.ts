import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError } from './options.js';
import { Stage } from './stage.js';

/** A build of the service, with what opens a database and processes of it. */
export interface Build {
  readonly Stage: Pick<typeof Stage, 'open'>;
}

/**
 * This build, and the one that it is compared with.
 *
 * The other is built here, and brings a benchmark of its own: that fills the schema and calls the code of its own build.
 *
 * @param folder another checkout with its packages installed; null: no comparison
 */
export async function buildsOf(folder: string | null): Promise<{ now: Build; before: Build | null }> {
  prepare('.');
  if (folder === null) {
    return { now: { Stage }, before: null };
  }
  const module = resolve(folder, 'bench/dist/bench/stage.js');
  try {
    const compiler = 'node_modules/typescript/bin/tsc';
    execFileSync(process.execPath, [compiler, '-p', 'bench/tsconfig.json'], {
      cwd: folder,
      stdio: 'inherit',
    });
  } catch {
    throw new UsageError(`${folder} is no checkout with packages installed that compiles`);
  }
  prepare(folder);
  const before = (await import(pathToFileURL(module).href)) as Partial<Build>;
  if (before.Stage?.open === undefined) {
    throw new UsageError(`the benchmark of ${folder} is too old to be compared with`);
  }
  return { now: { Stage }, before: before as Build };
}

/** The built service looks for it above its own folder. */
function prepare(folder: string): void {
  if (existsSync(resolve(folder, 'bench/dist'))) {
    copyFileSync(resolve(folder, 'package.json'), resolve(folder, 'bench/dist/package.json'));
  }
}
