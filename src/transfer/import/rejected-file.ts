import { lstat, rm, type FileHandle } from 'node:fs/promises';
import { csvLine, guarded, unguarded } from '../csv.js';
import { createPrivately, reopenPrivately, TransferError } from '../files.js';
import type { InputRow } from './row-maker.js';

/**
 * The path where no file is yet: the wanted one, or the same with a number. A file of rejected rows is never replaced:
 * people correct them in it.
 */
export async function unusedPath(wanted: string): Promise<string> {
  for (let number = 1; ; number++) {
    const path = number === 1 ? wanted : wanted.replace(/(\.[^./]*)?$/, `.${number}$1`);
    const isUsed = await lstat(path).then(
      () => true,
      () => false,
    );
    if (!isUsed) {
      return path;
    }
  }
}

/** The file of rejected rows: line, reason, and the row as it was given. Created with the first of them.
 * People open it in a spreadsheet, so no value in it may run as a formula. */
export class RejectedFile {
  private file: FileHandle | null = null;

  private constructor(
    readonly path: string,
    private readonly headers: readonly string[],
    private length: number,
  ) {}

  /**
   * @param path of {@link unusedPath}, or the file of the import that is resumed
   * @param length where a resumed import goes on; the rest is dropped. 0: a new file
   */
  static async open(path: string, headers: readonly string[], length: number): Promise<RejectedFile> {
    const rejected = new RejectedFile(path, headers, length);
    if (length === 0) {
      await rm(path, { force: true });
    } else {
      rejected.file = await reopenPrivately(path);
      if (rejected.file === null) {
        throw new TransferError(
          `The file of rejected rows of this import is missing (${path}). Start again with --restart.`,
        );
      }
      await rejected.file.truncate(length);
    }
    return rejected;
  }

  get bytes(): number {
    return this.length;
  }

  async add(rows: readonly InputRow[]): Promise<void> {
    if (rows.length === 0) {
      return;
    }
    let text = '';
    if (this.file === null) {
      this.file = await createPrivately(this.path);
      text = csvLine([
        'line',
        'reason',
        ...(this.headers.length === 0 ? ['row'] : this.headers.map(guarded)),
      ]);
    }
    text += rows
      .map(({ line, reason, fields }) =>
        csvLine([String(line), reason, ...fields.map((field) => guarded(unguarded(field)))]),
      )
      .join('');
    const { bytesWritten } = await this.file.write(text, this.length);
    this.length += bytesWritten;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.file?.close();
  }
}
