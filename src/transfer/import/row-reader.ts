import { setImmediate as breathe } from 'node:timers/promises';
import { InvalidRequestError } from '../../http/problems/problem.errors.js';
import type { Sighting } from '../../identity/domain/contact.js';
import { findColumns, type Choice, type Columns } from './columns.js';
import { CsvParser } from './csv-parser.js';
import { ImportError, Rejection } from './import.error.js';
import { DELIMITERS, type Format } from './format.js';
import { LineParser } from './line-parser.js';
import type { RecordParser, TextRecord } from './record.js';

/** What a row says, before it is judged. */
export interface Given {
  readonly email: unknown;
  readonly phoneNumber: unknown;
  readonly createdAt: unknown;
}

/** One row of the input: a sighting, or the reason why it is none. */
export interface Row {
  readonly line: number;
  /** As they stand in the input. */
  readonly fields: readonly string[];
  readonly sighting: Sighting | null;
  readonly reason: string | null;
  /** Rows that follow one another with the same one are one person; null: the identifiers alone decide. */
  readonly identity: string | null;
}

/** Rows in order, and the place behind them. */
export interface RowBatch {
  readonly rows: readonly Row[];
  readonly end: Place;
  /** Whether an import may go on from there: it does not cut through the rows of one identity. */
  readonly isResumable: boolean;
}

/** A place in the text: characters from its start, and the line. */
export interface Place {
  readonly position: number;
  readonly line: number;
}

export interface RowOptions {
  readonly format: Format;
  /** null: found out from the first line; CSV only. */
  readonly delimiter: string | null;
  readonly columns: Choice;
  /** Judges what a row says. @throws {Rejection | InvalidRequestError} with the reason */
  readonly judge: (given: Given) => Sighting;
}

/** After so long of reading the database gets its turn: what it has answered meanwhile must not wait. */
const SLICE_MS = 2;
/** A batch that ends within an identity goes on to its end, up to so many times the size. */
const OVERRUN = 4;
/** Names in a summary; files may have any number. */
const IGNORED_MAX = 20;

/** Reads the rows of an input in batches, in memory that does not grow with it. */
export class RowReader {
  private isEnd = false;
  /** A record that was looked at for the header, and is to be read yet. */
  private first: TextRecord | null = null;
  /** Rows read that are in no batch yet, and the record they are of. */
  private held: { readonly rows: readonly Row[]; readonly record: TextRecord } | null = null;
  private end: Place = { position: 0, line: 1 };
  private readonly layouts = new Map<string, Columns>();

  /** The names of the columns; of NDJSON none. */
  headers: readonly string[] = [];
  /** Which of them hold what; null: each object of NDJSON has its own. */
  columns: Columns | null = null;
  /** Properties of NDJSON that were read past; the first of them. */
  readonly ignored = new Set<string>();

  private constructor(
    private readonly text: AsyncGenerator<string>,
    private readonly parser: RecordParser,
    private readonly options: RowOptions,
  ) {}

  /**
   * Reads as far as the header.
   *
   * @throws {ImportError} if the input is empty or the columns are not clear
   */
  static async open(text: AsyncGenerator<string>, options: RowOptions): Promise<RowReader> {
    let start = '';
    while (!/[^\s][^\r\n]*[\r\n]/.test(start) && start.length < 65_536) {
      const { value, done } = await text.next();
      if (done === true) {
        break;
      }
      start += value;
    }
    const parser =
      options.format === 'csv'
        ? new CsvParser(options.delimiter ?? likelyDelimiter(start))
        : new LineParser();
    parser.push(start);
    const reader = new RowReader(text, parser, options);
    await reader.readHeader();
    return reader;
  }

  /** Goes on at a place that a batch ended at. */
  seek(place: Place): void {
    this.first = null;
    this.held = null;
    this.end = place;
    this.parser.seek(place.position, place.line);
  }

  /** The next rows, at least `size` unless the input ends; null: there are no more. */
  async read(size: number): Promise<RowBatch | null> {
    const rows: Row[] = [];
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
        await breathe();
        sliceEnd = performance.now() + SLICE_MS;
      }
    }
  }

  /** Lets go of the input. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.text.return(undefined);
  }

  private async readHeader(): Promise<void> {
    const first = await this.record();
    if (first === null) {
      throw new ImportError('The input is empty.');
    }
    if (first.fault !== null) {
      throw new ImportError(`The first line can't be read: ${first.fault}.`);
    }
    if (this.options.format === 'csv') {
      this.headers = first.fields.map((header) => header.trim());
      this.columns = findColumns(this.headers, this.options.columns, false);
      return;
    }
    const object = parseObject(first.fields[0]!);
    if (object !== null && !isExported(object)) {
      findColumns(Object.keys(object), this.options.columns, true);
    }
    this.first = first;
  }

  private async next(): Promise<{ rows: readonly Row[]; record: TextRecord } | null> {
    const record = await this.record();
    return record === null ? null : { rows: this.rowsOf(record), record };
  }

  private async record(): Promise<TextRecord | null> {
    for (;;) {
      const record = this.first ?? this.parser.next(this.isEnd);
      this.first = null;
      if (record !== null || this.isEnd) {
        return record;
      }
      const { value, done } = await this.text.next();
      if (done === true) {
        this.isEnd = true;
      } else {
        this.parser.push(value);
      }
    }
  }

  private rowsOf(record: TextRecord): Row[] {
    if (record.fault !== null) {
      return [rejected(record, record.fault)];
    }
    return this.options.format === 'csv' ? [this.csvRow(record)] : this.objectRows(record);
  }

  private csvRow(record: TextRecord): Row {
    const { fields } = record;
    const beyond = fields.slice(this.headers.length).some((field) => field.trim() !== '');
    if (beyond) {
      return rejected(record, `the row has ${fields.length} fields, and the header ${this.headers.length}`);
    }
    return this.row(record, fields, this.columns!);
  }

  private objectRows(record: TextRecord): Row[] {
    const object = parseObject(record.fields[0]!);
    if (object === null) {
      return [rejected(record, 'the line is no JSON object')];
    }
    if (isExported(object)) {
      return exportedContacts(object).map((contact) => this.objectRow(record, contact));
    }
    return [this.objectRow(record, object)];
  }

  private objectRow(record: TextRecord, object: Readonly<Record<string, unknown>>): Row {
    try {
      return this.row(record, Object.values(object), this.layoutOf(Object.keys(object)));
    } catch (error) {
      if (error instanceof ImportError) {
        return rejected(
          record,
          'the object has no property for an email or a phone number, or several for one',
        );
      }
      throw error;
    }
  }

  private layoutOf(keys: readonly string[]): Columns {
    const known = this.layouts.get(keys.join('\n'));
    if (known !== undefined) {
      return known;
    }
    const columns = findColumns(keys, this.options.columns, true);
    const taken = Object.values(columns);
    for (const [place, key] of keys.entries()) {
      // as with headers, not what looks like the data of a customer
      if (!taken.includes(place) && this.ignored.size < IGNORED_MAX && !/@|\d{5}/.test(key)) {
        this.ignored.add(key.slice(0, 100));
      }
    }
    if (this.layouts.size < 1000) {
      this.layouts.set(keys.join('\n'), columns);
    }
    return columns;
  }

  private row(record: TextRecord, values: readonly unknown[], columns: Columns): Row {
    const at = (place: number | null): unknown => (place === null ? null : values[place]);
    try {
      const sighting = this.options.judge({
        email: decoded(at(columns.email)),
        phoneNumber: decoded(at(columns.phone)),
        createdAt: at(columns.createdAt),
      });
      return {
        line: record.line,
        fields: record.fields,
        sighting,
        reason: null,
        identity: identityOf(at(columns.identity)),
      };
    } catch (error) {
      return rejected(record, reasonOf(error));
    }
  }
}

function identityOf(value: unknown): string | null {
  const isGiven = typeof value === 'number' || (typeof value === 'string' && value.trim() !== '');
  return isGiven ? String(value) : null;
}

function rejected({ line, fields }: TextRecord, reason: string): Row {
  return { line, fields, sighting: null, reason, identity: null };
}

function reasonOf(error: unknown): string {
  if (error instanceof InvalidRequestError) {
    return [...new Set(error.errors.map(({ message }) => message))].join('; ');
  }
  if (error instanceof Rejection) {
    return error.message;
  }
  throw error;
}

/** What bytes become that are no text in the encoding. */
const UNDECODED = '\uFFFD';

function decoded(value: unknown): unknown {
  if (typeof value === 'string' && value.includes(UNDECODED)) {
    throw new Rejection('there are bytes that are no text in this encoding; see --encoding');
  }
  return value;
}

function parseObject(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && !Array.isArray(value)
      ? (value as Record<string, unknown> | null)
      : null;
  } catch {
    return null;
  }
}

/** Whether it is an identity as an export writes it, with its contacts in it. */
function isExported(object: Readonly<Record<string, unknown>>): boolean {
  const { contacts } = object;
  return (
    'primaryContactId' in object &&
    Array.isArray(contacts) &&
    contacts.every((contact) => typeof contact === 'object' && contact !== null)
  );
}

/** The contacts in the order in which they came, so that each brings again what it brought first. */
function exportedContacts(identity: Readonly<Record<string, unknown>>): Record<string, unknown>[] {
  const { primaryContactId } = identity;
  return (identity.contacts as Record<string, unknown>[])
    .toSorted((a, b) => Number(a.id) - Number(b.id))
    .map(({ email, phoneNumber, createdAt }) => ({ email, phoneNumber, createdAt, primaryContactId }));
}

/** The one of the usual delimiters that the first line has most of, outside of quotes. */
function likelyDelimiter(start: string): string {
  const [line = ''] = start
    .trimStart()
    .replaceAll(/"[^"]*"/g, '')
    .split(/[\r\n]/, 1);
  const counts = DELIMITERS.map((delimiter) => ({ delimiter, count: line.split(delimiter).length }));
  return counts.reduce((most, each) => (each.count > most.count ? each : most)).delimiter;
}
