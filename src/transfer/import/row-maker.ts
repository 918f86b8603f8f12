import type { Kinds } from '../../identity/domain/kinds.js';
import type { Sighting } from '../../identity/domain/contact.js';
import { unguarded } from '../csv.js';
import { TransferError } from '../files.js';
import { isBlank } from './blank.js';
import {
  findColumns,
  looksLikeData,
  NESTED,
  placesOf,
  UndeclaredColumnError,
  UNREAD_MAX,
  type ColumnChoice,
  type Columns,
} from './columns.js';
import type { Judge, Mistake } from './judge.js';
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
}

/** Most sets of properties whose columns are kept. */
const LAYOUTS_MAX = 1000;
const NO_FAULTS: readonly Fault[] = [];

/** Makes rows of records. */
export class RowMaker {
  /** Properties of NDJSON that were not read; the first of them */
  readonly notTaken = new Set<string>();
  /** Columns by the names of the properties */
  private readonly layouts = new Map<string, Columns>();

  /** @param columns null: NDJSON, where each object has its own */
  constructor(
    private readonly options: RowOptions,
    private readonly headers: readonly string[],
    private readonly columns: Columns | null,
  ) {}

  /**
   * Checks that the properties of the first object are clear.
   *
   * @throws {TransferError} if they are not; a line that is no object is not judged here
   */
  requireColumns(record: TextRecord): void {
    const { columns, kinds } = this.options;
    const object = parseObject(record.fields[0]!);
    const [first] = object === null ? [] : isExported(object) ? exportedContacts(object) : [object];
    if (first !== undefined) {
      findColumns(Object.keys(flattened(first)), columns, true, kinds);
    }
  }

  /** The rows of a record: one, or all contacts of an exported identity. */
  rowsOf(record: TextRecord): InputRow[] {
    if (record.fault !== null) {
      return [rejected(record, record.fault)];
    }
    return this.columns === null ? this.objectRows(record) : [this.csvRow(record, this.columns)];
  }

  private csvRow(record: TextRecord, columns: Columns): InputRow {
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
    return this.row(record, fields, columns, this.headers);
  }

  private objectRows(record: TextRecord): InputRow[] {
    const object = parseObject(record.fields[0]!);
    if (object === null) {
      return [rejected(record, 'the line is no JSON object')];
    }
    if (isExported(object)) {
      return exportedContacts(object).map((contact) => this.objectRow(record, contact));
    }
    return [this.objectRow(record, object)];
  }

  private objectRow(record: TextRecord, object: Readonly<Record<string, unknown>>): InputRow {
    const flat = flattened(object);
    try {
      const keys = Object.keys(flat);
      return this.row(record, Object.values(flat), this.layoutOf(keys), keys);
    } catch (error) {
      if (error instanceof UndeclaredColumnError) {
        return rejected(record, error.message);
      }
      if (error instanceof TransferError) {
        const hasFurther = this.options.kinds.further.length > 0;
        const named = hasFurther
          ? 'an email, a phone number or another identifier'
          : 'an email or a phone number';
        return rejected(record, `the object has no property for ${named}, or several for one`);
      }
      throw error;
    }
  }

  private layoutOf(keys: readonly string[]): Columns {
    const known = this.layouts.get(keys.join('\n'));
    if (known !== undefined) {
      return known;
    }
    const columns = findColumns(keys, this.options.columns, true, this.options.kinds);
    const used = placesOf(columns);
    for (const [place, key] of keys.entries()) {
      // like headers: not what looks like the data of a customer
      if (!used.includes(place) && this.notTaken.size < UNREAD_MAX && !looksLikeData(key)) {
        this.notTaken.add(key.slice(0, 100));
      }
    }
    if (this.layouts.size < LAYOUTS_MAX) {
      this.layouts.set(keys.join('\n'), columns);
    }
    return columns;
  }

  /** @param names of the values: the headers of CSV, or the properties of an object */
  private row(
    record: TextRecord,
    values: readonly unknown[],
    columns: Columns,
    names: readonly string[],
  ): InputRow {
    const at = (place: number | null): unknown => {
      const value = place === null ? null : values[place];
      if (typeof value !== 'string') {
        return value;
      }
      const text = this.columns === null ? value : unguarded(value);
      return isBlank(text) ? null : text;
    };
    const { sighting, mistakes } = this.options.judge({
      email: at(columns.email),
      phoneNumber: at(columns.phone),
      identifiers: identifiersOf(columns, at),
      createdAt: at(columns.createdAt),
    });
    const { line, fields } = record;
    const faults = mistakes.length === 0 ? NO_FAULTS : faultsOf(mistakes, columns, names);
    return {
      line,
      fields,
      sighting,
      further: [],
      faults,
      identity: sighting === null ? null : identityOf(at(columns.identity)),
    };
  }
}

/** Mistakes with the names of their columns. */
function faultsOf(
  mistakes: readonly Mistake[],
  { email, phone, createdAt, further }: Columns,
  names: readonly string[],
): Fault[] {
  const places = new Map([
    ['email', email],
    ['phoneNumber', phone],
    ['createdAt', createdAt],
    ...further.map(([kind, place]) => [`identifiers.${kind}`, place] as const),
  ]);
  return mistakes.map(({ field, message }) => {
    const place = places.get(field) ?? null;
    return { column: place === null ? null : names[place]!, reason: message };
  });
}

function identifiersOf({ further }: Columns, at: (place: number) => unknown): RawValues['identifiers'] {
  return further.length === 0
    ? undefined
    : Object.fromEntries(further.map(([kind, place]) => [kind, at(place)]));
}

function identityOf(value: unknown): string | null {
  const isGiven = typeof value === 'number' || (typeof value === 'string' && value.trim() !== '');
  return isGiven ? String(value) : null;
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
function isExported(object: Readonly<Record<string, unknown>>): boolean {
  const { contacts } = object;
  return (
    'primaryContactId' in object &&
    Array.isArray(contacts) &&
    contacts.every((contact) => typeof contact === 'object' && contact !== null)
  );
}

/** The object with the values of its `identifiers` as properties of their own, if it has any. */
function flattened(object: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { identifiers, ...others } = object;
  const isNested = typeof identifiers === 'object' && !Array.isArray(identifiers);
  return isNested
    ? {
        ...others,
        ...Object.fromEntries(
          Object.entries(identifiers ?? {}).map(([kind, value]) => [NESTED + kind, value]),
        ),
      }
    : object;
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
