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

/** A row that was rejected, or taken without some of its fields. */
export type RejectedRow = Pick<InputRow, 'line' | 'fields' | 'faults'>;

/** How a file of rejected rows is written. */
export interface RejectedFormat {
  /** Of the rows; none: each row is one field */
  readonly headers: readonly string[];
  /** Whether it has a column for the names of the columns at fault */
  readonly namesColumns: boolean;
  /** Where a resumed import goes on; the rest is dropped. 0: a new file */
  readonly length: number;
}

/**
 * The file of rejected rows: line, column, reason, and the row as it was given, so that it can be imported again. Created with the
 * first of them. People open it in a spreadsheet, so no value in it may run as a formula.
 */
export class RejectedFile {
  private file: FileHandle | null = null;

  private length: number;

  private constructor(
    readonly path: string,
    private readonly format: RejectedFormat,
  ) {
    this.length = format.length;
  }

  /** @param path of {@link unusedPath}, or the file of the import that is resumed */
  static async open(path: string, format: RejectedFormat): Promise<RejectedFile> {
    const rejected = new RejectedFile(path, format);
    if (format.length === 0) {
      await rm(path, { force: true });
    } else {
      rejected.file = await reopenPrivately(path);
      if (rejected.file === null) {
        throw new TransferError(
          `The file of rejected rows of this import is missing (${path}). Start again with --restart.`,
        );
      }
      await rejected.file.truncate(format.length);
    }
    return rejected;
  }

  get bytes(): number {
    return this.length;
  }

  async add(rows: readonly RejectedRow[]): Promise<void> {
    if (rows.length === 0) {
      return;
    }
    const { headers, namesColumns } = this.format;
    let text = '';
    if (this.file === null) {
      this.file = await createPrivately(this.path);
      const names = headers.length === 0 ? ['row'] : headers.map(guarded);
      text = csvLine(['line', ...(namesColumns ? ['column'] : []), 'reason', ...names]);
    }
    text += rows
      .map(({ line, fields, faults }) =>
        csvLine([
          String(line),
          ...(namesColumns ? [guarded(joined(faults.map(({ column }) => column ?? '')))] : []),
          joined(faults.map(({ reason }) => reason)),
          ...fields.map((field) => guarded(unguarded(field))),
        ]),
      )
      .join('');
    const { bytesWritten } = await this.file.write(text, this.length);
    this.length += bytesWritten;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.file?.close();
  }
}

function joined(texts: readonly string[]): string {
  return [...new Set(texts)].filter((text) => text !== '').join('; ');
}
