import type { Kinds } from '../../identity/domain/kinds.js';
import { TransferError } from '../files.js';
import {
  bare,
  FIRST,
  looksLikeData,
  rankOfCreated,
  tellsOfCreation,
  told,
  type Telling,
} from './column-names.js';

/** What a column may hold, beside values of the kinds that a tenant has declared. */
export type ColumnRole = Telling | 'createdAt' | 'identity';

/**
 * The columns that hold something: their headers, globs such as `Phone * - Value`, numbers from 1, or paths such as `traits.email`;
 * null: none is wanted; absent: found by their usual names.
 */
export interface ColumnChoice {
  readonly email?: string | readonly string[] | null;
  readonly phone?: string | readonly string[] | null;
  readonly createdAt?: string | null;
  readonly identity?: string | null;
  /** Of declared kinds; the columns of others are found by the names of the kinds. */
  readonly further?: readonly (readonly [kind: string, header: string])[];
}

/** The places of the columns. */
export interface Columns {
  /** The first one of a row is that of its first sighting. */
  readonly emails: readonly number[];
  readonly phones: readonly number[];
  /** The best first: the next one counts where it is blank. */
  readonly dates: readonly number[];
  /** null: the input has none */
  readonly identity: number | null;
  /** Of declared kinds; a kind may have several. */
  readonly further: readonly (readonly [kind: string, place: number])[];
}

/** A row has an identifier of a kind that the tenant has not declared. */
export class UndeclaredColumnError extends TransferError {}

/** How the identifiers of declared kinds are named that NDJSON has in an object of their own. */
export const NESTED = 'identifiers.';
/** The name of an identity in an export, as {@link bare} writes it. */
const IDENTITY = 'primarycontactid';
/** Most names listed of columns that are not read; a file may have any number. */
export const UNREAD_MAX = 20;

const FLAGS: Readonly<Record<ColumnRole, string>> = {
  email: '--email-column',
  phone: '--phone-column',
  createdAt: '--created-at-column',
  identity: '--identity-column',
};
const FURTHER_FLAG = '--column';
const flagOf = (kind: string): string => `${FURTHER_FLAG} ${kind}=…`;
/** The ids in the CSV files that an export writes. */
const EXPORTED = ['primaryContactId', 'contactId'];

/**
 * Finds the columns that are read. A column that is named like a declared kind holds that kind, whatever it is usual for.
 *
 * @param isLoose whether a chosen column may be missing, like a property in one of many objects
 * @throws {TransferError} listing the headers, if a chosen column is missing or several have the name of a single one, or none has
 *   identifiers; {@link UndeclaredColumnError} if an object has a kind that is not declared
 */
export function findColumns(
  headers: readonly string[],
  choice: ColumnChoice,
  isLoose: boolean,
  kinds: Kinds,
): Columns {
  const chosen = (role: ColumnRole): number[] =>
    [choice[role] ?? []].flat().flatMap((name) => findChosen(headers, FLAGS[role], name, isLoose));
  const single = (role: 'createdAt' | 'identity'): number[] => {
    const found = chosen(role);
    if (found.length > 1) {
      throw new TransferError(
        `There are several columns ${JSON.stringify(choice[role])} (${FLAGS[role]}). Give the number of one. ${listed(headers)}`,
      );
    }
    return found;
  };
  const taken = new Set([...chosen('email'), ...chosen('phone'), ...single('createdAt')]);
  const further = findFurther(headers, choice, isLoose, kinds, taken);
  further.forEach(([, place]) => taken.add(place));
  const values = (role: Telling): number[] =>
    choice[role] === undefined ? findTold(headers, role, taken) : [...new Set(chosen(role))];
  const columns: Columns = {
    emails: values('email'),
    phones: values('phone'),
    dates: choice.createdAt === undefined ? findCreated(headers, taken) : single('createdAt'),
    identity:
      (choice.identity === undefined
        ? places(headers, (header) => bare(header) === IDENTITY)
        : single('identity'))[0] ?? null,
    further,
  };
  if (isLoose) {
    requireDeclared(headers, kinds);
  }
  if (columns.emails.length === 0 && columns.phones.length === 0 && further.length === 0) {
    const others = kinds.further.length > 0 ? `, those of other kinds with ${FURTHER_FLAG}` : '';
    throw new TransferError(
      `No column for an email or a phone number was found. Name them with ${FLAGS.email} and ${FLAGS.phone}${others}. ${listed(headers)}`,
    );
  }
  return columns;
}

/** The columns of declared kinds. @param taken places that were chosen for something else */
function findFurther(
  headers: readonly string[],
  { further: choice = [] }: ColumnChoice,
  isLoose: boolean,
  { further }: Kinds,
  taken: ReadonlySet<number>,
): (readonly [string, number])[] {
  const usable = further.filter(({ isRetired }) => !isRetired).map(({ name }) => name);
  const unusable = choice.find(([kind]) => !usable.includes(kind));
  if (unusable !== undefined) {
    throw new TransferError(
      further.some(({ name }) => name === unusable[0])
        ? `The kind ${JSON.stringify(unusable[0])} is retired: its values are not imported (${FURTHER_FLAG}).`
        : `The tenant has declared no kind ${JSON.stringify(unusable[0])} (${FURTHER_FLAG}). Declare it with "policy kinds add".`,
    );
  }
  return usable.flatMap((kind) => {
    const names = choice.filter(([each]) => each === kind).map(([, name]) => name);
    const found =
      names.length === 0
        ? findNamed(headers, kind, taken)
        : names.flatMap((name) => findChosen(headers, flagOf(kind), name, isLoose));
    return [...new Set(found)].map((place) => [kind, place] as const);
  });
}

function findNamed(headers: readonly string[], kind: string, taken: ReadonlySet<number>): number[] {
  const exact = places(headers, (header) => header === kind || header === NESTED + kind);
  const all = exact.length > 0 ? exact : places(headers, (header) => bare(header) === bare(kind));
  return all.filter((place) => !taken.has(place));
}

/** @throws {UndeclaredColumnError} if a nested identifier is of no declared kind */
function requireDeclared(headers: readonly string[], kinds: Kinds): void {
  const nested = headers
    .filter((header) => header.startsWith(NESTED))
    .map((header) => header.slice(NESTED.length));
  const name = nested.find((each) => !kinds.further.some((kind) => kind.name === each));
  if (name === undefined) {
    return;
  }
  const shown = looksLikeData(name) ? 'a property of identifiers' : JSON.stringify(name.slice(0, SHOWN_MAX));
  throw new UndeclaredColumnError(
    kinds.find(name) === undefined
      ? `${shown} is of no kind that the tenant has declared; "policy kinds add" declares one`
      : `${name} belongs beside identifiers, not into it`,
  );
}

/** All columns that hold emails, or phone numbers, by their names: the person's first one first. */
function findTold(headers: readonly string[], role: Telling, taken: ReadonlySet<number>): number[] {
  const rank = (place: number): number => {
    const found = FIRST[role].indexOf(bare(headers[place]!));
    return found === -1 ? Infinity : found;
  };
  return places(headers, (header) => {
    const tells = told(header);
    return tells?.telling === role && tells.isTheirs;
  })
    .filter((place) => !taken.has(place))
    .toSorted((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : a - b));
}

/** The columns of dates of creation, the best name first; of paths those of the person itself, such as `traits.createdAt`. */
function findCreated(headers: readonly string[], taken: ReadonlySet<number>): number[] {
  return headers
    .map((header, place) => {
      const path = header.split('.');
      return { place, depth: path.length, rank: path.length > PATH_MAX ? null : rankOfCreated(path.at(-1)!) };
    })
    .filter(({ place, rank }) => rank !== null && !taken.has(place))
    .toSorted((a, b) => a.rank! - b.rank! || a.depth - b.depth || a.place - b.place)
    .map(({ place }) => place);
}

/** Names in a path that may lead to a date of the person, and not of something that the person has. */
const PATH_MAX = 2;

/** A column that is not read. */
export interface UnreadColumn {
  readonly place: number;
  /** What its name tells; null: nothing */
  readonly telling: Telling | null;
}

/** The columns that are not read. */
export function unreadColumns(headers: readonly string[], columns: Columns): UnreadColumn[] {
  const used = new Set(placesOf(columns));
  return headers.flatMap((header, place) =>
    used.has(place) ? [] : [{ place, telling: told(header)?.telling ?? null }],
  );
}

/** Whether the values are as an export writes them: one in each cell, in its normal form. */
export function isExported(headers: readonly string[]): boolean {
  return headers.includes(EXPORTED[0]!) && headers.includes('phoneNumber');
}

/**
 * Whether a header that is not read is told of, whatever its column holds: it names a date of creation, or it is in a file as an export
 * writes it: then it holds a kind that is not declared.
 */
export function isWorthTelling(headers: readonly string[], place: number): boolean {
  const header = headers[place]!;
  const isOfExport = EXPORTED.every((name) => headers.includes(name));
  return tellsOfCreation(header) || (isOfExport && !EXPORTED.includes(header));
}

/** The places of the columns that are read, by what they hold: `email`, `phoneNumber`, `createdAt`, `identity`, or another kind. */
export function takenOf({
  emails,
  phones,
  dates,
  identity,
  further,
}: Columns): Map<string, readonly number[]> {
  const ofKinds = Map.groupBy(further, ([kind]) => kind);
  return new Map<string, readonly number[]>([
    ['email', emails],
    ['phoneNumber', phones],
    ['createdAt', dates],
    ['identity', identity === null ? [] : [identity]],
    ...[...ofKinds].map(([kind, all]) => [kind, all.map(([, place]) => place)] as const),
  ]);
}

/** The places of all columns that are read. */
export function placesOf({ emails, phones, dates, identity, further }: Columns): number[] {
  const others = identity === null ? [] : [identity];
  return [...emails, ...phones, ...dates, ...others, ...further.map(([, place]) => place)];
}

/** Headers as people are told of them: with their numbers if others have the same name. */
export function shownNames(headers: readonly string[]): string[] {
  const counts = new Map<string, number>();
  headers.forEach((header) => counts.set(header, (counts.get(header) ?? 0) + 1));
  return headers.map((header, place) =>
    header !== '' && counts.get(header) === 1 ? header : `${header} (column ${place + 1})`.trim(),
  );
}

function findChosen(headers: readonly string[], flag: string, name: string, isLoose: boolean): number[] {
  const exact = places(headers, (header) => header.normalize('NFC').trim() === name.normalize('NFC').trim());
  if (exact.length > 0) {
    return exact;
  }
  const numbered = /^[1-9]\d{0,5}$/.test(name) ? Number(name) - 1 : -1;
  if (numbered !== -1 && numbered < headers.length && !isLoose) {
    return [numbered];
  }
  const isGlob = name.includes('*');
  const glob = isGlob ? globOf(name) : null;
  const found = places(headers, (header) =>
    glob === null ? bare(name) !== '' && bare(header) === bare(name) : glob.test(folded(header)),
  );
  if (found.length === 0 && !isLoose) {
    const what = isGlob ? 'No column is named like' : 'There is no column';
    throw new TransferError(`${what} ${JSON.stringify(name)} (${flag}). ${listed(headers)}`);
  }
  return found;
}

/** A pattern whose stars stand for anything. */
function globOf(name: string): RegExp {
  const parts = folded(name)
    .split(/\*+/)
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`, 'su');
}

/** A header for the comparison with a glob: in lower case, and every space as one. */
function folded(header: string): string {
  return header.slice(0, SHOWN_MAX).normalize('NFC').toLowerCase().replaceAll(/\s+/g, ' ').trim();
}

function places(headers: readonly string[], fits: (header: string) => boolean): number[] {
  return headers.flatMap((header, place) => (fits(header) ? [place] : []));
}

/** Characters of a name that people are shown. */
const SHOWN_MAX = 200;

/** Lists the headers, unless they look like the data of a customer: a file may have no header. */
function listed(headers: readonly string[]): string {
  return headers.some(looksLikeData)
    ? 'The first line looks like a row. The first line must hold the names of the columns.'
    : `The headers are: ${headers.map((header) => JSON.stringify(header)).join(', ')}.`;
}
