import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { ImportError } from './import.error.js';
import type { FileIdentity } from './input.js';
import type { Place } from './row-reader.js';
import type { Tally } from './tally.js';

/** What an import must have in common with the one that it goes on with. */
export interface Terms {
  readonly file: FileIdentity;
  /** Everything that decides how the file is read and where its rows go. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** How far an import has come. */
export interface Progress {
  readonly place: Place;
  readonly tally: Tally;
  /** Length of the file of rejected rows */
  readonly rejectedBytes: number;
}

const VERSION = 1;

/**
 * The file that lets an import go on after it was stopped in any way. It is replaced as a whole after each batch that is
 * committed, so it never claims more than what is in the database.
 */
export class Checkpoint {
  constructor(
    readonly path: string,
    private readonly terms: Terms,
  ) {}

  /**
   * How far the import has come before; null if there is none to go on with.
   *
   * @throws {ImportError} if there is one on other terms
   */
  async load(): Promise<Progress | null> {
    const text = await readFile(this.path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') {
        return null;
      }
      throw new ImportError(`The checkpoint ${this.path} can't be read: ${error.message}`);
    });
    if (text === null) {
      return null;
    }
    const saved = parse(text);
    if (saved === null) {
      throw new ImportError(`${this.path} is no checkpoint of this version. Begin anew with --restart.`);
    }
    if (!isDeepStrictEqual(saved.terms.file, this.terms.file)) {
      throw new ImportError(
        `The file has changed since its import was stopped (${this.path}). Begin anew with --restart; what is in the database already is not written again.`,
      );
    }
    if (!isDeepStrictEqual(saved.terms.options, this.terms.options)) {
      const changed = Object.keys(this.terms.options).filter(
        (name) => !isDeepStrictEqual(saved.terms.options[name], this.terms.options[name]),
      );
      throw new ImportError(
        `The import of this file was stopped with another choice of: ${changed.join(', ')} (${this.path}). Give the same, or begin anew with --restart.`,
      );
    }
    return saved.progress;
  }

  async exists(): Promise<boolean> {
    return stat(this.path).then(
      () => true,
      () => false,
    );
  }

  async save(progress: Progress): Promise<void> {
    const next = `${this.path}.tmp`;
    await writeFile(next, JSON.stringify({ version: VERSION, terms: this.terms, progress }));
    await rename(next, this.path);
  }

  async remove(): Promise<void> {
    await rm(this.path, { force: true });
  }
}

function parse(text: string): { terms: Terms; progress: Progress } | null {
  try {
    const saved = JSON.parse(text) as { version: number; terms: Terms; progress: Progress };
    return saved.version === VERSION ? saved : null;
  } catch {
    return null;
  }
}
