import type { Sighting } from '../../identity/domain/contact.js';
import { EMAIL, PHONE_NUMBER, type Kinds } from '../../identity/domain/kinds.js';
import { unguarded } from '../csv.js';
import { TransferError } from '../files.js';
import { isBlank } from './blank.js';
import { valuesIn } from './cells.js';
import { looksLikeData } from './column-names.js';
import { ColumnWatch } from './column-watch.js';
import {
  findColumns,
  isExported,
  NESTED,
  placesOf,
  shownNames,
  takenOf,
  UndeclaredColumnError,
  unreadColumns,
  UNREAD_MAX,
  type ColumnChoice,
  type Columns,
} from './columns.js';
import { flattened } from './flatten.js';
import type { Judge, OnBadField } from './judge.js';
import { isNoDate } from './parse-date.js';
import { personOf, type DatedCell, type Given, type GivenValue, type Layout } from './person.js';
import type { TextRecord } from './records/record.js';

/** The values of a row, before they are judged. */
export interface RawValues {
  readonly email: unknown;
  readonly phoneNumber: unknown;
  /** By kind, of the kinds that the tenant has declared; undefined: the input has no columns for them. */
  readonly identifiers: Readonly<Record<string, unknown>> | undefined;
  readonly createdAt: unknown;
}

/** One row of the input: a sighting, or the reasons why it can't be imported. */
export interface InputRow {
  readonly line: number;
  /** As they are written in the input */
  readonly fields: readonly string[];
  /** null: it can't be imported */
  readonly sighting: Sighting | null;
  /** Values of the same person beyond those that the first sighting has room for */
  readonly further: readonly Sighting[];
  /** What is wrong with the row, or was left out of the sighting; empty: nothing */
  readonly faults: readonly Fault[];
  /** Rows with the same value are one person; null: the identifiers alone decide. */
  readonly identity: string | null;
}

/** What is wrong with a row. */
export interface Fault {
  /** The header of the column, or the name of the property; null: it is about the row */
  readonly column: string | null;
  readonly reason: string;
}

export interface RowOptions {
  readonly columns: ColumnChoice;
  /** Of the tenant */
  readonly kinds: Kinds;
  readonly judge: Judge;
  readonly onBadField: OnBadField;
}

/** Most sets of properties whose columns are kept. */
const LAYOUTS_MAX = 1000;
const SEPARATORS = /^[\s,;|]*$/;

/** Makes rows of records. */
export class RowMaker {
  /** Properties of NDJSON that were not read; the first of them */
  readonly notTaken = new Set<string>();
  /** What is read of NDJSON, by what it holds: `createdAt`, `identity` or the name of a kind */
  readonly taken = new Map<string, Set<string>>();
  /** What the columns hold that are not read, by name */
  readonly watches = new Map<string, ColumnWatch>();
  /** By the names of the properties */
  private readonly layouts = new Map<string, Layout>();
  private readonly ofCsv: Layout | null;

  /** @param columns null: NDJSON, where each object has its own */
  constructor(
    private readonly options: RowOptions,
    private readonly headers: readonly string[],
    columns: Columns | null,
  ) {
    this.ofCsv = columns === null ? null : this.layoutFrom(columns, headers);
  }

  /**
   * Checks that the properties of an object are clear.
   *
   * @throws {TransferError} if they are not; a line that is no object is not judged here
   */
  requireColumns(record: TextRecord): void {
    const { columns, kinds } = this.options;
    const object = parseObject(record.fields[0]!);
    const [first] = object === null ? [] : isExportedIdentity(object) ? exportedContacts(object) : [object];
    if (first !== undefined) {
      findColumns(flattened(first).keys, columns, true, kinds);
    }
  }

  /** The rows of a record: one, or all contacts of an exported identity. */
  rowsOf(record: TextRecord): InputRow[] {
    if (record.fault !== null) {
      return [rejected(record, record.fault)];
    }
    return this.ofCsv === null ? this.objectRows(record) : this.csvRows(record, this.ofCsv);
  }

  private csvRows(record: TextRecord, layout: Layout): InputRow[] {
    // also of delimiters that are not those of the file
    return record.fields.every((field) => SEPARATORS.test(field)) ? [] : [this.csvRow(record, layout)];
  }

  private csvRow(record: TextRecord, layout: Layout): InputRow {
    const { fields } = record;
    const hasMore = fields.slice(this.headers.length).some((field) => field.trim() !== '');
    if (hasMore) {
      return rejected(
        record,
        `the row has ${fields.length} fields, but the header has ${this.headers.length}`,
      );
    }
    if (fields.some((field) => field.includes('\0'))) {
      return rejected(record, 'the row holds a NUL, which is no character of text');
    }
    return this.row(record, fields, layout);
  }

  private objectRows(record: TextRecord): InputRow[] {
    const object = parseObject(record.fields[0]!);
    if (object === null) {
      return [rejected(record, 'the line is no JSON object')];
    }
    if (isExportedIdentity(object)) {
      return exportedContacts(object).map((contact) => this.objectRow(record, contact));
    }
    return [this.objectRow(record, object)];
  }

  private objectRow(record: TextRecord, object: Readonly<Record<string, unknown>>): InputRow {
    const { keys, values } = flattened(object);
    try {
      return this.row(record, values, this.layoutOf(keys));
    } catch (error) {
      if (error instanceof UndeclaredColumnError) {
        return rejected(record, error.message);
      }
      if (error instanceof TransferError) {
        const hasFurther = this.options.kinds.further.length > 0;
        const named = hasFurther
          ? 'an email, a phone number or another identifier'
          : 'an email or a phone number';
        return rejected(record, `the object has no property for ${named}`);
      }
      throw error;
    }
  }

  private layoutOf(keys: readonly string[]): Layout {
    const known = this.layouts.get(keys.join('\n'));
    if (known !== undefined) {
      return known;
    }
    const columns = findColumns(keys, this.options.columns, true, this.options.kinds);
    const layout = this.layoutFrom(columns, keys);
    const used = new Set(placesOf(columns));
    for (const [place, key] of keys.entries()) {
      // like headers: not what looks like the data of a customer
      if (!used.has(place) && this.notTaken.size < UNREAD_MAX && !looksLikeData(key)) {
        this.notTaken.add(key.slice(0, 100));
      }
    }
    this.noteTaken(columns, keys);
    if (this.layouts.size < LAYOUTS_MAX) {
      this.layouts.set(keys.join('\n'), layout);
    }
    return layout;
  }

  private noteTaken(columns: Columns, keys: readonly string[]): void {
    for (const [holds, places] of takenOf(columns)) {
      const names = this.taken.get(holds) ?? new Set();
      this.taken.set(holds, names);
      places.filter(() => names.size < UNREAD_MAX).forEach((place) => names.add(keys[place]!.slice(0, 100)));
    }
  }

  private layoutFrom(columns: Columns, names: readonly string[]): Layout {
    const { kinds } = this.options;
    const shown = shownNames(names);
    return {
      columns,
      isExact: isExported(names),
      names: shown,
      values: [
        ...columns.emails.map((place) => ({ field: EMAIL.name, kind: EMAIL, place })),
        ...columns.phones.map((place) => ({ field: PHONE_NUMBER.name, kind: PHONE_NUMBER, place })),
        ...columns.further.map(([name, place]) => ({ field: NESTED + name, kind: kinds.named(name), place })),
      ],
      watched: unreadColumns(names, columns).map(({ place, telling }) => {
        const name = shown[place]!;
        const watch = this.watches.get(name) ?? new ColumnWatch(name.slice(0, 100), telling);
        if (this.watches.size < WATCHED_MAX && !looksLikeData(name)) {
          this.watches.set(name, watch);
        }
        return { place, watch };
      }),
    };
  }

  private row(record: TextRecord, values: readonly unknown[], layout: Layout): InputRow {
    const at = (place: number): unknown => {
      const value = values[place];
      if (typeof value !== 'string') {
        return value ?? null;
      }
      const text = this.ofCsv === null ? value : unguarded(value);
      return isBlank(text) ? null : text;
    };
    look(values, layout);
    const { identity } = layout.columns;
    const { sighting, further, faults } = personOf(
      givenIn(layout, at),
      dateIn(layout, at),
      layout,
      this.options,
    );
    return {
      line: record.line,
      fields: record.fields,
      sighting,
      further,
      faults,
      identity: sighting === null || identity === null ? null : identityOf(at(identity)),
    };
  }
}

/** Most names of columns whose cells are looked at; NDJSON may have any number. */
const WATCHED_MAX = 1000;

function look(values: readonly unknown[], layout: Layout): void {
  if (layout.watched.length === 0) {
    return;
  }
  let isOneDone = false;
  for (const { place, watch } of layout.watched) {
    watch.look(values[place]);
    isOneDone ||= watch.isDone;
  }
  if (isOneDone) {
    layout.watched = layout.watched.filter(({ watch }) => !watch.isDone);
  }
}

/** The values of a row, and what is wrong with cells that hold none. */
function givenIn({ values, names, isExact }: Layout, at: (place: number) => unknown): Given {
  const given: GivenValue[] = [];
  const faults: Fault[] = [];
  for (const { field, kind, place } of values) {
    const cell = at(place);
    if (cell === null) {
      continue;
    }
    for (const each of isExact ? [{ value: cell }] : valuesIn(kind.normaliser, cell)) {
      if ('wrong' in each) {
        faults.push({ column: names[place]!, reason: `${kind.name}: ${each.wrong}` });
      } else if (typeof each.value !== 'string' || !isBlank(each.value)) {
        given.push({ field, place, value: each.value });
      }
    }
  }
  return { values: given, faults };
}

/** The first date of a row that is one. */
function dateIn({ columns: { dates } }: Layout, at: (place: number) => unknown): DatedCell {
  for (const place of dates) {
    const value = at(place);
    if (value !== null && !(typeof value === 'string' && isNoDate(value))) {
      return { place, value };
    }
  }
  return { place: dates[0] ?? null, value: null };
}

function identityOf(value: unknown): string | null {
  const isGiven = typeof value === 'number' || (typeof value === 'string' && value.trim() !== '');
  return isGiven ? String(value).trim() : null;
}

function rejected({ line, fields }: TextRecord, reason: string): InputRow {
  return { line, fields, sighting: null, further: [], faults: [{ column: null, reason }], identity: null };
}

/** The object of a line of NDJSON; null: it is none. */
export function parseObject(line: string): Readonly<Record<string, unknown>> | null {
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
function isExportedIdentity(object: Readonly<Record<string, unknown>>): boolean {
  const { contacts } = object;
  return (
    'primaryContactId' in object &&
    Array.isArray(contacts) &&
    contacts.every((contact) => typeof contact === 'object' && contact !== null)
  );
}

/** The contacts in the order they were created, so that each brings again what it brought first. */
function exportedContacts(identity: Readonly<Record<string, unknown>>): Record<string, unknown>[] {
  const { primaryContactId } = identity;
  return (identity.contacts as Record<string, unknown>[])
    .toSorted((a, b) => Number(a.id) - Number(b.id))
    .map(({ email, phoneNumber, identifiers, createdAt }) => ({
      email,
      phoneNumber,
      ...(identifiers !== undefined && { identifiers }),
      createdAt,
      primaryContactId,
    }));
}
