import { open, rm, type FileHandle } from 'node:fs/promises';
import { csvLine } from '../export/csv-line.js';
import { ImportError } from './import.error.js';
import type { Row } from './row-reader.js';

/** The rows that were not taken: line, reason, and the row as it was given. Made when the first one comes. */
export class RejectedFile {
  private file: FileHandle | null = null;

  private constructor(
    readonly path: string,
    private readonly headers: readonly string[],
    private length: number,
  ) {}

  /** @param length where a resumed import goes on; what is behind is dropped. 0: begins anew */
  static async open(path: string, headers: readonly string[], length: number): Promise<RejectedFile> {
    const rejected = new RejectedFile(path, headers, length);
    if (length === 0) {
      await rm(path, { force: true });
    } else {
      rejected.file = await open(path, 'r+').catch(() => {
        throw new ImportError(
          `The rejected rows of this import are gone (${path}). Begin anew with --restart.`,
        );
      });
      await rejected.file.truncate(length);
    }
    return rejected;
  }

  get bytes(): number {
    return this.length;
  }

  async add(rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) {
      return;
    }
    let text = '';
    if (this.file === null) {
      this.file = await open(this.path, 'w');
      text = csvLine(['line', 'reason', ...(this.headers.length === 0 ? ['row'] : this.headers)]);
    }
    text += rows.map(({ line, reason, fields }) => csvLine([String(line), reason, ...fields])).join('');
    const { bytesWritten } = await this.file.write(text, this.length);
    this.length += bytesWritten;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.file?.close();
  }
}
