import type { Identifier, Sighting } from '../../identity/domain/contact.js';
import { IdentifierMap } from '../../identity/domain/identifier-map.js';
import { EMAIL, PHONE_NUMBER, type IdentifierKind } from '../../identity/domain/kinds.js';
import type { ColumnWatch } from './column-watch.js';
import { NESTED, type Columns } from './columns.js';
import type { Judgement } from './judge.js';
import type { Fault, InputRow, RawValues, RowOptions } from './row-maker.js';

/** How the values of a row are read. */
export interface Layout {
  readonly columns: Columns;
  /** Whether a cell holds one value as it is */
  readonly isExact: boolean;
  /** Of the columns, as people are told them */
  readonly names: readonly string[];
  /** The columns of identifiers; the first one of a kind counts before the others. */
  readonly values: readonly {
    /** As a call names it */
    readonly field: string;
    readonly kind: IdentifierKind;
    readonly place: number;
  }[];
  /** Columns that are not read, until enough of their cells were looked at */
  watched: readonly { readonly place: number; readonly watch: ColumnWatch }[];
}

/** A value of a row before it is judged. */
export interface GivenValue {
  readonly field: string;
  readonly place: number;
  readonly value: unknown;
}

/** What the cells of a row hold. */
export interface Given {
  readonly values: readonly GivenValue[];
  /** What is wrong with cells that hold no value */
  readonly faults: readonly Fault[];
}

/** The date of a row before it is read. */
export interface DatedCell {
  /** null: there is no column */
  readonly place: number | null;
  readonly value: unknown;
}

type Person = Pick<InputRow, 'sighting' | 'further' | 'faults'>;

const NONE: readonly never[] = [];

/** Judges the values of a row: a first sighting with one of each kind, and further ones of the others. */
export function personOf(
  { values, faults }: Given,
  date: DatedCell,
  layout: Layout,
  options: RowOptions,
): Person {
  const first = firstOfEach(values);
  const { good, wrong } =
    first.length === values.length ? { good: first, wrong: NONE } : judgedAlone(values, options, layout);
  const heads = wrong.length === 0 ? first : firstOfEach(good);
  const isMissing = heads.length === 0 && faults.length + wrong.length > 0;
  const { sighting, mistakes } = options.judge(rawOf(heads, date, layout));
  const found = isMissing ? mistakes.filter(({ field }) => field === 'createdAt') : mistakes;
  const all = [...faults, ...wrong, ...faultsOf(found, heads, date, layout)];
  if (sighting === null || (all.length > 0 && options.onBadField === 'reject')) {
    return { sighting: null, further: NONE, faults: all };
  }
  return { sighting, further: furtherOf(sighting, good, heads, options), faults: all };
}

function firstOfEach(values: readonly GivenValue[]): readonly GivenValue[] {
  return values.length < 2
    ? values
    : values.filter(({ field }, i) => values.findIndex((each) => each.field === field) === i);
}

/** Which of several values of one kind are valid. */
function judgedAlone(
  values: readonly GivenValue[],
  options: RowOptions,
  { names }: Layout,
): { good: GivenValue[]; wrong: Fault[] } {
  const good: GivenValue[] = [];
  const wrong: Fault[] = [];
  for (const each of values) {
    const { mistakes } = judgeAlone(each, options);
    const mistake = mistakes.find(({ field }) => field === each.field);
    if (mistake === undefined) {
      good.push(each);
    } else {
      wrong.push({ column: names[each.place]!, reason: mistake.message });
    }
  }
  return { good, wrong };
}

function judgeAlone(each: GivenValue, { judge }: RowOptions): Judgement {
  return judge(raw([each], null));
}

function furtherOf(
  { identifiers, createdAt }: Sighting,
  good: readonly GivenValue[],
  heads: readonly GivenValue[],
  options: RowOptions,
): readonly Sighting[] {
  if (good.length === heads.length) {
    return NONE;
  }
  const known = new IdentifierMap<true>();
  identifiers.forEach((identifier) => known.set(identifier, true));
  const further: Identifier[] = [];
  for (const each of good.filter((value) => !heads.includes(value))) {
    const identifier = judgeAlone(each, options).sighting?.identifiers[0];
    if (identifier !== undefined && !known.has(identifier)) {
      known.set(identifier, true);
      further.push(identifier);
    }
  }
  return further.map((identifier) => ({
    identifiers: [identifier],
    ...(createdAt !== undefined && { createdAt }),
  }));
}

/** @param layout whose declared kinds are all given, if only as nothing: then what is missing is told of them too */
function rawOf(heads: readonly GivenValue[], date: DatedCell, { columns: { further } }: Layout): RawValues {
  const { email, phoneNumber, identifiers, createdAt } = raw(heads, date.value);
  return {
    email,
    phoneNumber,
    identifiers:
      further.length === 0
        ? undefined
        : { ...Object.fromEntries(further.map(([kind]) => [kind, null])), ...identifiers },
    createdAt,
  };
}

function raw(values: readonly GivenValue[], createdAt: unknown): RawValues {
  let email: unknown = null;
  let phoneNumber: unknown = null;
  let identifiers: Record<string, unknown> | undefined = undefined;
  for (const { field, value } of values) {
    if (field === EMAIL.name) {
      email = value;
    } else if (field === PHONE_NUMBER.name) {
      phoneNumber = value;
    } else {
      identifiers ??= {};
      identifiers[field.slice(NESTED.length)] = value;
    }
  }
  return { email, phoneNumber, identifiers, createdAt };
}

/** Mistakes with the names of their columns. */
function faultsOf(
  mistakes: Judgement['mistakes'],
  heads: readonly GivenValue[],
  date: DatedCell,
  { names, values }: Layout,
): readonly Fault[] {
  return mistakes.length === 0
    ? NONE
    : mistakes.map(({ field, message }) => {
        const place =
          field === 'createdAt'
            ? date.place
            : ([...heads, ...values].find((each) => each.field === field)?.place ?? null);
        return { column: place === null ? null : names[place]!, reason: message };
      });
}
