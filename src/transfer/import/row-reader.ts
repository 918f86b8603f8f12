import { setImmediate as nextTurn } from 'node:timers/promises';
import { DELIMITERS, unguarded } from '../csv.js';
import { TransferError } from '../files.js';
import type { Telling } from './column-names.js';
import {
  findColumns,
  isWorthTelling,
  shownNames,
  takenOf,
  unreadColumns,
  UNREAD_MAX,
  type Columns,
} from './columns.js';
import { openParser, type RecordFormat } from './records/open-parser.js';
import type { RecordParser, TextRecord } from './records/record.js';
import { takesInRows } from './records/stray-quote.js';
import { RowMaker, type InputRow, type RowOptions } from './row-maker.js';

/** Rows in order, and the place behind them. */
export interface RowBatch {
  readonly rows: readonly InputRow[];
  readonly end: Place;
}

/** A place in the text: characters from its start, and the line. */
export interface Place {
  readonly position: number;
  readonly line: number;
}

/** Longest time of reading without a pause, so that answers of the database do not wait. */
const SLICE_MS = 2;
/** Rows among which the header is looked for, if the first one names no column that is known */
const TITLES_MAX = 10;
/** Most records told of that seem to take in further rows */
const STRAY_QUOTES_MAX = 20;
/** The columns of rejected rows of NDJSON; an earlier version did not write the second one. */
const REJECTED_OBJECTS = new Set(['line,column,reason,row', 'line,reason,row']);

/** Objects among which one with known properties is looked for */
const OBJECTS_MAX = 100;

/** Names of what is not read. */
export interface LooksLike {
  readonly emails: readonly string[];
  readonly phones: readonly string[];
}

/** What the columns hold. */
interface Layout {
  readonly maker: RowMaker;
  readonly headers: readonly string[];
  readonly columns: Columns | null;
}

/** Reads the rows of an input in batches. Memory does not grow with the input. */
export class RowReader {
  /** The line of the header if titles come before it, such as that of a report; otherwise null */
  lineAfterTitles: number | null = null;
  /** Records with a quoted field that seems to take in further rows: their lines; the first of them */
  readonly strayQuotes: { readonly line: number; readonly endLine: number }[] = [];
  private layout: Layout | null = null;
  /** Whether the records are rejected rows of NDJSON, each in the last column of a CSV file */
  private isOfRejectedObjects = false;
  private end: Place = { position: 0, line: 1 };

  private constructor(
    private readonly text: AsyncGenerator<string>,
    private readonly parser: RecordParser,
    private readonly format: RecordFormat['format'],
    private readonly delimiter: string,
    /** Records that were looked at and are still to be read; of CSV the first one is the header. */
    private ahead: TextRecord[],
    private isEnd: boolean,
  ) {}

  /**
   * Reads the first record.
   *
   * @throws {TransferError} if the input is empty, or its first record can't be read
   */
  static async open(text: AsyncGenerator<string>, options: RecordFormat): Promise<RowReader> {
    try {
      const { parser, delimiter } = await openParser(text, options);
      const { record, isEnd } = await firstRecord(text, parser);
      return new RowReader(text, parser, options.format, delimiter, [record], isEnd);
    } catch (error) {
      // an open pipe would keep the process alive
      await text.return(undefined);
      throw error;
    }
  }

  /**
   * Finds the columns, and of CSV the header. To be called before everything else.
   *
   * @throws {TransferError} if they are not clear
   */
  async findColumns(options: RowOptions): Promise<void> {
    const first = this.ahead[0]!;
    if (this.format !== 'csv') {
      this.layout = { maker: new RowMaker(options, [], null), headers: [], columns: null };
      await this.requireColumns(this.layout.maker);
      return;
    }
    this.ahead = [];
    const names = namesOf(first);
    if (REJECTED_OBJECTS.has(names.join(','))) {
      this.layout = { maker: new RowMaker(options, [], null), headers: [], columns: null };
      this.isOfRejectedObjects = true;
      return;
    }
    const start = { record: first, isEnd: this.isEnd };
    const found = await headerFrom(this.text, this.parser, this.delimiter, start, options);
    const { headers, columns, lineAfterTitles, isEnd } = found;
    this.layout = { maker: new RowMaker(options, headers, columns), headers, columns };
    this.lineAfterTitles = lineAfterTitles;
    this.isEnd = isEnd;
  }

  /**
   * Looks for an object with properties that are clear: events come with and without them.
   *
   * @throws {TransferError} what is wrong with the first object, if the first ones have none
   */
  private async requireColumns(maker: RowMaker): Promise<void> {
    let wrong: unknown = null;
    for (let at = 0; at < OBJECTS_MAX; at++) {
      const record = this.ahead[at] ?? (await this.record());
      if (record === null) {
        break;
      }
      this.ahead[at] = record;
      try {
        maker.requireColumns(record);
        return;
      } catch (error) {
        wrong ??= error;
      }
    }
    throw wrong;
  }

  /** The names of the columns; of NDJSON none */
  get headers(): readonly string[] {
    return this.known.headers;
  }

  /** Which column holds what; null: NDJSON, where each object has its own */
  get columns(): Columns | null {
    return this.known.columns;
  }

  /** Whether rows may belong together by a column of their identity. */
  get hasIdentities(): boolean {
    return this.columns === null || this.columns.identity !== null;
  }

  /** The names of what is read, by what it holds: `email`, `phoneNumber`, `createdAt`, `identity`, or another kind */
  get taken(): ReadonlyMap<string, readonly string[]> {
    const { maker, headers, columns } = this.known;
    const names = shownNames(headers);
    return columns === null
      ? new Map([...maker.taken].map(([holds, found]) => [holds, [...found]]))
      : new Map(
          [...takenOf(columns)].map(([holds, places]) => [holds, places.map((place) => names[place]!)]),
        );
  }

  /** What is not read and looks like emails or phone numbers, by the cells that were read so far; the first of them */
  get looksLike(): LooksLike {
    const watches = [...this.known.maker.watches.values()];
    const named = (telling: Telling): string[] =>
      watches.filter(({ looksLike }) => looksLike === telling).map(({ name }) => name);
    return { emails: named('email'), phones: named('phone') };
  }

  /** Columns that look like contact data, and properties of NDJSON, that are not read; the first of them */
  get notTaken(): readonly string[] {
    const { maker, headers, columns } = this.known;
    const { emails, phones } = this.looksLike;
    const names = shownNames(headers);
    const others =
      columns === null
        ? [...maker.notTaken]
        : unreadColumns(headers, columns)
            .filter(({ place }) => isWorthTelling(headers, place))
            .map(({ place }) => names[place]!);
    return [...new Set([...emails, ...phones, ...others.slice(0, UNREAD_MAX)])];
  }

  private get known(): Layout {
    if (this.layout === null) {
      throw new Error('the columns are not known yet');
    }
    return this.layout;
  }

  /** Goes on at a place where a batch ended. */
  seek(place: Place): void {
    this.end = place;
    this.ahead = this.ahead.filter(({ end }) => end > place.position);
    if (this.ahead.length === 0) {
      this.parser.seek(place.position, place.line);
    }
  }

  /**
   * The next rows, at least `size` unless the input ends; null: there are no more.
   *
   * @param until a place where a record ends, to read no further
   */
  async read(size: number, until: Place | null = null): Promise<RowBatch | null> {
    const rows: InputRow[] = [];
    let sliceEnd = performance.now() + SLICE_MS;
    while (rows.length < size && this.end.position < (until?.position ?? Infinity)) {
      // most records are there already, and a promise for each would take as long as parsing it
      const record = this.ahead.shift() ?? this.parser.next(this.isEnd) ?? (await this.record());
      if (record === null) {
        break;
      }
      rows.push(...this.rowsOf(record));
      this.end = { position: record.end, line: record.endLine };
      if (performance.now() > sliceEnd) {
        await nextTurn();
        sliceEnd = performance.now() + SLICE_MS;
      }
    }
    return rows.length === 0 ? null : { rows, end: this.end };
  }

  /** Closes the input. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.text.return(undefined);
  }

  private rowsOf(record: TextRecord): readonly InputRow[] {
    if (this.isOfRejectedObjects && record.fault === null) {
      const field = unguarded(record.fields.at(-1)!);
      return this.known.maker.rowsOf({ ...record, fields: [field] });
    }
    this.noteStrayQuote(record);
    return this.known.maker.rowsOf(record);
  }

  private noteStrayQuote(record: TextRecord): void {
    if (
      this.columns !== null &&
      this.strayQuotes.length < STRAY_QUOTES_MAX &&
      takesInRows(record, this.headers.length, this.delimiter)
    ) {
      this.strayQuotes.push({ line: record.line, endLine: record.endLine - 1 });
    }
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
  format: RecordFormat,
): AsyncGenerator<TextRecord> {
  const { parser } = await openParser(text, format);
  for (let isDone = false; ;) {
    const { record, isEnd } = await nextRecord(text, parser, isDone);
    if (record === null) {
      return;
    }
    isDone = isEnd;
    yield record;
  }
}

function namesOf({ fields }: TextRecord): string[] {
  return fields.map((header) => unguarded(header).trim());
}

/**
 * The header: the first record, or the first one after it that names a column which is read.
 *
 * @throws {TransferError} if there is none among the first records: what is wrong with the first one, and what to do if others
 *   have another delimiter than that one shows
 */
async function headerFrom(
  text: AsyncGenerator<string>,
  parser: RecordParser,
  delimiter: string,
  { record: first, isEnd: isShort }: { record: TextRecord; isEnd: boolean },
  { columns: choice, kinds }: RowOptions,
): Promise<{ headers: string[]; columns: Columns; lineAfterTitles: number | null; isEnd: boolean }> {
  let wrong: unknown = null;
  let record: TextRecord | null = first;
  let isEnd = isShort;
  let seemsDivided = false;
  for (let titles = 0; record !== null && titles < TITLES_MAX; titles++) {
    const headers = namesOf(record);
    try {
      requireDivided(headers, delimiter);
      const columns = findColumns(headers, choice, false, kinds);
      requireNames(headers);
      return { headers, columns, lineAfterTitles: titles > 0 ? record.line : null, isEnd };
    } catch (error) {
      wrong ??= error;
    }
    seemsDivided ||= isUndivided(headers, delimiter);
    ({ record, isEnd } = await nextRecord(text, parser, isEnd));
  }
  throw first.fields.length === 1 && !isUndivided(namesOf(first), delimiter) && seemsDivided
    ? new TransferError(`${(wrong as Error).message} If it is a title, pass over it with --skip-lines 1.`)
    : wrong;
}

/** @throws {TransferError} if the names of several columns are read as one, because another delimiter divides them */
function requireDivided(headers: readonly string[], delimiter: string): void {
  if (isUndivided(headers, delimiter)) {
    throw new TransferError(
      `The header is read as one column: ${JSON.stringify(headers[0])}. Name what divides its columns with --delimiter.`,
    );
  }
}

/** The delimiter of the input may be in a name, in quotes. */
function isUndivided([name = '', ...others]: readonly string[], delimiter: string): boolean {
  return others.length === 0 && DELIMITERS.some((each) => each !== delimiter && name.includes(each));
}

/** @throws {TransferError} if it is a title in the first of several columns, such as "Email addresses of customers" */
function requireNames(headers: readonly string[]): void {
  const [name = '', ...others] = headers.filter((header) => header !== '');
  if (headers.length > 1 && others.length === 0 && name.split(/\s+/).length > 2) {
    throw new TransferError(`The first line has the name of one column only: ${JSON.stringify(name)}.`);
  }
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
