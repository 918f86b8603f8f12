import { readFile, rm } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { fileTrouble, replacePrivately, TransferError } from '../files.js';
import type { FileFingerprint } from './records/input.js';
import type { Place } from './row-reader.js';
import type { Before } from './shared-values.js';
import type { Tally } from './summary.js';

/** What must be the same for an import to resume an earlier one. */
export interface Terms {
  readonly file: FileFingerprint;
  /** Everything that decides how the file is read and where its rows go */
  readonly options: Readonly<Record<string, unknown>>;
}

/** How far an import has come. */
export interface Progress {
  readonly place: Place;
  readonly tally: Tally;
  /** Length of the file of rejected rows */
  readonly rejectedBytes: number;
  /** The file of rejected rows; absent in a checkpoint of an earlier version: the one that was asked for */
  readonly rejectedPath?: string;
  /** What they are in it; absent in a checkpoint of an earlier version */
  readonly rejectedHash?: string;
  /** What was stored before; absent in a checkpoint of an earlier version */
  readonly before?: Before;
}

const VERSION = 1;

/**
 * The file that lets an import resume, however it was stopped. It is replaced as a whole after each committed batch, so
 * it never claims more than the database holds.
 */
export class Checkpoint {
  constructor(
    readonly path: string,
    private readonly terms: Terms,
  ) {}

  /**
   * How far the earlier import has come; null: there is none to resume.
   *
   * @throws {TransferError} if there is one with other terms
   */
  async load(): Promise<Progress | null> {
    const text = await readFile(this.path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') {
        return null;
      }
      throw new TransferError(`The checkpoint ${this.path} can't be read: ${fileTrouble(error, 'read')}.`);
    });
    if (text === null) {
      return null;
    }
    const saved = parse(text);
    if (saved === null) {
      throw new TransferError(`${this.path} is no checkpoint of this version. Start again with --restart.`);
    }
    if (!isDeepStrictEqual(saved.terms.file, this.terms.file)) {
      throw new TransferError(
        `The file has changed since its import was stopped (${this.path}). Start again with --restart; rows that are in the database already are not written twice.`,
      );
    }
    if (!isDeepStrictEqual(saved.terms.options, this.terms.options)) {
      const changed = Object.keys(this.terms.options).filter(
        (name) => !isDeepStrictEqual(saved.terms.options[name], this.terms.options[name]),
      );
      throw new TransferError(
        `The import of this file was started with other options: ${changed.join(', ')} (${this.path}). Give the same options, or start again with --restart.`,
      );
    }
    return saved.progress;
  }

  async save(progress: Progress): Promise<void> {
    await replacePrivately(this.path, JSON.stringify({ version: VERSION, terms: this.terms, progress }));
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
