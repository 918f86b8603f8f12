import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, type FileHandle } from 'node:fs/promises';
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
    if (!(await exists(path))) {
      return path;
    }
  }
}

/** What an import has written to a file of rejected rows. */
export interface WrittenSoFar {
  readonly path: string;
  readonly bytes: number;
  /** SHA-256; absent: not known, an earlier version wrote it */
  readonly hash?: string | undefined;
}

/** Whether an import may go on with its file: not if there is nothing in it yet, or if people have changed what it wrote. */
export async function isAsWritten({ path, bytes, hash }: WrittenSoFar): Promise<boolean> {
  if (bytes === 0 || hash === undefined || !(await exists(path))) {
    return bytes > 0;
  }
  return (await hashOf(path, bytes)).digest('hex') === hash;
}

async function hashOf(path: string, bytes: number): Promise<Hash> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { end: bytes - 1 })) {
    hash.update(chunk as Buffer);
  }
  return hash;
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
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
  private content = createHash('sha256');

  private constructor(
    readonly path: string,
    private readonly format: RejectedFormat,
  ) {
    this.length = format.length;
  }

  /** @param path of {@link unusedPath}, or the file of the import that is resumed */
  static async open(path: string, format: RejectedFormat): Promise<RejectedFile> {
    const rejected = new RejectedFile(path, format);
    if (format.length > 0) {
      rejected.file = await reopenPrivately(path);
      if (rejected.file === null) {
        throw new TransferError(
          `The file of rejected rows of this import is missing (${path}). Start again with --restart.`,
        );
      }
      await rejected.file.truncate(format.length);
      rejected.content = await hashOf(path, format.length);
    }
    return rejected;
  }

  get soFar(): WrittenSoFar {
    return { path: this.path, bytes: this.length, hash: this.content.copy().digest('hex') };
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
    this.content.update(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.file?.close();
  }
}

function joined(texts: readonly string[]): string {
  return [...new Set(texts)].filter((text) => text !== '').join('; ');
}
