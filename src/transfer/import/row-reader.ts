import { setImmediate as nextTurn } from 'node:timers/promises';
import { DELIMITERS, unguarded } from '../csv.js';
import { TransferError, type FileFormat } from '../files.js';
import { findColumns, unreadColumns, type Columns } from './columns.js';
import { CsvParser } from './records/csv-parser.js';
import { LineParser, type RecordParser, type TextRecord } from './records/record.js';
import { RowMaker, type InputRow, type RowOptions } from './row-maker.js';

/** Rows in order, and the place behind them. */
export interface RowBatch {
  readonly rows: readonly InputRow[];
  readonly end: Place;
  /** Whether an import may resume there. It may not in the middle of the rows of one identity. */
  readonly isResumable: boolean;
}

/** A place in the text: characters from its start, and the line. */
export interface Place {
  readonly position: number;
  readonly line: number;
}

export interface ReadOptions extends RowOptions {
  readonly format: FileFormat;
  /** null: detected in the first line; CSV only */
  readonly delimiter: string | null;
}

/** Longest time of reading without a pause, so that answers of the database do not wait. */
const SLICE_MS = 2;
/** A batch that ends within an identity is extended to the end of it, up to this many times the size. */
const OVERRUN = 4;
/** Characters among which the end of the first line is looked for. */
const FIRST_LINE_MAX = 65_536;

/** Reads the rows of an input in batches. Memory does not grow with the input. */
export class RowReader {
  private isEnd = false;
  /** The first record of NDJSON, which was looked at for its names and is still to be read. */
  private first: TextRecord | null = null;
  /** Rows that were read and belong to the next batch. */
  private held: { readonly rows: readonly InputRow[]; readonly record: TextRecord } | null = null;
  private end: Place = { position: 0, line: 1 };

  private constructor(
    private readonly text: AsyncGenerator<string>,
    private readonly parser: RecordParser,
    private readonly maker: RowMaker,
    /** The names of the columns; of NDJSON none */
    readonly headers: readonly string[],
    /** Which column holds what; null: NDJSON, where each object has its own */
    readonly columns: Columns | null,
  ) {}

  /**
   * Reads as far as the header.
   *
   * @throws {TransferError} if the input is empty or the columns are not clear
   */
  static async open(text: AsyncGenerator<string>, options: ReadOptions): Promise<RowReader> {
    try {
      const start = await startOf(text);
      const parser =
        options.format === 'csv'
          ? new CsvParser(options.delimiter ?? likelyDelimiter(start))
          : new LineParser();
      parser.push(start);
      return options.format === 'csv'
        ? await RowReader.ofCsv(text, parser, options)
        : await RowReader.ofObjects(text, parser, options);
    } catch (error) {
      // an open pipe would keep the process alive
      await text.return(undefined);
      throw error;
    }
  }

  private static async ofCsv(
    text: AsyncGenerator<string>,
    parser: RecordParser,
    options: ReadOptions,
  ): Promise<RowReader> {
    const { record, isEnd } = await firstRecord(text, parser);
    const headers = record.fields.map((header) => unguarded(header).trim());
    const columns = findColumns(headers, options.columns, false);
    const reader = new RowReader(text, parser, new RowMaker(options, headers, columns), headers, columns);
    reader.isEnd = isEnd;
    return reader;
  }

  private static async ofObjects(
    text: AsyncGenerator<string>,
    parser: RecordParser,
    options: ReadOptions,
  ): Promise<RowReader> {
    const { record, isEnd } = await firstRecord(text, parser);
    const maker = new RowMaker(options, [], null);
    maker.requireColumns(record);
    const reader = new RowReader(text, parser, maker, [], null);
    reader.first = record;
    reader.isEnd = isEnd;
    return reader;
  }

  /** Columns that look like contact data, and properties of NDJSON, that are not read; the first of them */
  get notTaken(): readonly string[] {
    return this.columns === null ? [...this.maker.notTaken] : unreadColumns(this.headers, this.columns);
  }

  /** Goes on at a place where a batch ended. */
  seek(place: Place): void {
    this.first = null;
    this.held = null;
    this.end = place;
    this.parser.seek(place.position, place.line);
  }

  /** The next rows, at least `size` unless the input ends; null: there are no more. */
  async read(size: number): Promise<RowBatch | null> {
    const rows: InputRow[] = [];
    let sliceEnd = performance.now() + SLICE_MS;
    for (;;) {
      this.held ??= await this.next();
      const last = rows.at(-1)?.identity ?? null;
      const isWithin = last !== null && this.held?.rows[0]?.identity === last;
      if (this.held === null || rows.length >= (isWithin ? size * OVERRUN : size)) {
        return rows.length === 0 && this.held === null
          ? null
          : { rows, end: this.end, isResumable: !isWithin };
      }
      rows.push(...this.held.rows);
      this.end = { position: this.held.record.end, line: this.held.record.endLine };
      this.held = null;
      if (performance.now() > sliceEnd) {
        await nextTurn();
        sliceEnd = performance.now() + SLICE_MS;
      }
    }
  }

  /** Closes the input. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.text.return(undefined);
  }

  private async next(): Promise<{ rows: readonly InputRow[]; record: TextRecord } | null> {
    const record = this.first ?? (await this.record());
    this.first = null;
    return record === null ? null : { rows: this.maker.rowsOf(record), record };
  }

  private async record(): Promise<TextRecord | null> {
    const { record, isEnd } = await nextRecord(this.text, this.parser, this.isEnd);
    this.isEnd = isEnd;
    return record;
  }
}

/** The records of a text, in order. Of CSV the first one is the header. */
export async function* recordsOf(
  text: AsyncGenerator<string>,
  format: FileFormat,
  delimiter: string | null,
): AsyncGenerator<TextRecord> {
  const start = await startOf(text);
  const parser = format === 'csv' ? new CsvParser(delimiter ?? likelyDelimiter(start)) : new LineParser();
  parser.push(start);
  for (let isDone = false; ;) {
    const { record, isEnd } = await nextRecord(text, parser, isDone);
    if (record === null) {
      return;
    }
    isDone = isEnd;
    yield record;
  }
}

async function startOf(text: AsyncGenerator<string>): Promise<string> {
  let start = '';
  while (!/[^\s][^\r\n]*[\r\n]/.test(start) && start.length < FIRST_LINE_MAX) {
    const { value, done } = await text.next();
    if (done === true) {
      break;
    }
    start += value;
  }
  return start;
}

async function firstRecord(
  text: AsyncGenerator<string>,
  parser: RecordParser,
): Promise<{ record: TextRecord; isEnd: boolean }> {
  const { record, isEnd } = await nextRecord(text, parser, false);
  if (record === null) {
    throw new TransferError('The input is empty.');
  }
  if (record.fault !== null) {
    throw new TransferError(`The first line can't be read: ${record.fault}.`);
  }
  return { record, isEnd };
}

async function nextRecord(
  text: AsyncGenerator<string>,
  parser: RecordParser,
  isEnd: boolean,
): Promise<{ record: TextRecord | null; isEnd: boolean }> {
  for (;;) {
    const record = parser.next(isEnd);
    if (record !== null || isEnd) {
      return { record, isEnd };
    }
    const { value, done } = await text.next();
    if (done === true) {
      isEnd = true;
    } else {
      parser.push(value);
    }
  }
}

/** The usual delimiter that occurs most often in the first line, outside of quotes. */
function likelyDelimiter(start: string): string {
  const [line = ''] = start
    .trimStart()
    .replaceAll(/"[^"]*"/g, '')
    .split(/[\r\n]/, 1);
  const counts = DELIMITERS.map((delimiter) => ({ delimiter, count: line.split(delimiter).length }));
  return counts.reduce((most, each) => (each.count > most.count ? each : most)).delimiter;
}
