import type { Kinds } from '../../identity/domain/kinds.js';
import { TransferError } from '../files.js';

/** What a column may hold, beside values of the kinds that a tenant has declared. */
export type ColumnRole = 'email' | 'phone' | 'createdAt' | 'identity';

/** The header of each column; null: none is wanted; absent: found by its usual names. */
export type ColumnChoice = Readonly<Partial<Record<ColumnRole, string | null>>> & {
  /** The headers of declared kinds; those of others are found by the names of the kinds. */
  readonly further?: readonly (readonly [kind: string, header: string])[];
};

/** The place of each column; null: the input has none. */
export type Columns = Readonly<Record<ColumnRole, number | null>> & {
  /** Of the declared kinds that the input has */
  readonly further: readonly (readonly [kind: string, place: number])[];
};

/** A row has an identifier of a kind that the tenant has not declared. */
export class UndeclaredColumnError extends TransferError {}

/** How the identifiers of declared kinds are named that NDJSON has in an object of their own. */
export const NESTED = 'identifiers.';

/** Usual names as {@link bare} writes them. If several columns have one, the choice is left to the user. */
const USUAL: Readonly<Record<ColumnRole, readonly string[]>> = {
  email: ['email', 'emailaddress', 'mail'],
  // prettier-ignore
  phone: ['phone', 'phonenumber', 'phoneno', 'mobile', 'mobilephone', 'mobilenumber', 'cell', 'cellphone', 'tel', 'telephone', 'telephonenumber'],
  // prettier-ignore
  createdAt: ['createdat', 'created', 'createdon', 'createddate', 'creationdate', 'datecreated', 'date', 'timestamp'],
  // its name in an export
  identity: ['primarycontactid'],
};

/** Names in exports of products and in other languages, the best first. They are read if no column has a usual name. */
const KNOWN: Readonly<Record<ColumnRole, readonly string[]>> = {
  // prettier-ignore
  email: ['primaryemail', 'customeremail', 'contactemail', 'useremail', 'email1value', 'email1address', 'email1', 'billingemail', 'personalemail', 'workemail', 'businessemail', 'emailid', 'emailadresse', 'mailadresse', 'emailadres', 'adresseemail', 'adressemail', 'courriel', 'correoelectronico', 'correo', 'indirizzoemail', 'enderecodeemail', 'adresemail', 'epost', 'epostadress'],
  // prettier-ignore
  phone: ['mobilephonenumber', 'primaryphone', 'primaryphonenumber', 'customerphone', 'contactphone', 'phone1value', 'phone1', 'mobile1', 'cellphonenumber', 'cellnumber', 'billingphone', 'defaultaddressphone', 'homephone', 'workphone', 'businessphone', 'companyphone', 'otherphone', 'whatsapp', 'whatsappnumber', 'msisdn', 'mobil', 'mobilnummer', 'mobiltelefon', 'handy', 'handynummer', 'telefon', 'telefonnummer', 'rufnummer', 'portable', 'numerodetelephone', 'telefonomovil', 'movil', 'celular', 'telefono', 'numerodetelefono', 'cellulare', 'telemovel', 'telefone', 'mobiel', 'telefoon', 'telefoonnummer', 'komorka'],
  // prettier-ignore
  createdAt: ['createdtime', 'createdatetime', 'createdate', 'createtime', 'userregistered', 'registeredat', 'registered', 'registrationdate', 'dateregistered', 'registeredon', 'signupdate', 'signupat', 'signedupat', 'signedup', 'datejoined', 'joinedat', 'joindate', 'joined', 'dateadded', 'addedat', 'addedon', 'added', 'customersince', 'membersince', 'firstseen', 'firstseenat', 'firstorderdate', 'subscribedat', 'subscribedate', 'subscriptiondate', 'optintime', 'optindate', 'confirmtime', 'erstelltam', 'erstelldatum', 'erstellungsdatum', 'angelegtam', 'anlagedatum', 'registriertam', 'kundeseit', 'datum', 'datedecreation', 'creele', 'dateinscription', 'datedinscription', 'fechadealta', 'fechadecreacion', 'fechaderegistro', 'creadoel', 'datadicreazione', 'datacreazione', 'datadecriacao', 'datadecadastro', 'aangemaaktop'],
  identity: [],
};

/** Parts of names that tell of an email, a phone number or a date of creation. */
const TELLING = /mail|correo|courriel|phone|telef|mobil|whatsapp|creat|regist|signup|joined/;
/** Most names listed of columns that are not read; a file may have any number. */
export const UNREAD_MAX = 20;

const HOLDS: Readonly<Record<ColumnRole, string>> = {
  email: 'the email',
  phone: 'the phone number',
  createdAt: 'the date',
  identity: 'the identity',
};
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
 * @throws {TransferError} listing the headers, if a chosen column is missing, several fit, or none has identifiers;
 *   {@link UndeclaredColumnError} if an object has a kind that is not declared
 */
export function findColumns(
  headers: readonly string[],
  choice: ColumnChoice,
  isLoose: boolean,
  kinds: Kinds,
): Columns {
  const chosen = (role: ColumnRole): number | null => {
    const name = choice[role] ?? null;
    return name === null ? null : findChosen(headers, FLAGS[role], name, isLoose);
  };
  const taken = [chosen('email'), chosen('phone'), chosen('createdAt')];
  const further = findFurther(headers, choice, isLoose, kinds, taken);
  const find = (role: ColumnRole): number | null =>
    choice[role] === undefined ? findUsual(headers, role, further) : chosen(role);
  const columns = {
    email: find('email'),
    phone: find('phone'),
    createdAt: find('createdAt'),
    identity: find('identity'),
    further,
  };
  if (isLoose) {
    requireDeclared(headers, kinds);
  }
  if (columns.email === null && columns.phone === null && further.length === 0) {
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
  taken: readonly (number | null)[],
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
    const chosen = choice.find(([each]) => each === kind)?.[1];
    const place =
      chosen === undefined
        ? findNamed(headers, kind, taken)
        : findChosen(headers, flagOf(kind), chosen, isLoose);
    return place === null ? [] : [[kind, place] as const];
  });
}

function findNamed(
  headers: readonly string[],
  kind: string,
  taken: readonly (number | null)[],
): number | null {
  const exact = places(headers, (header) => header === kind || header === NESTED + kind);
  const all = exact.length > 0 ? exact : places(headers, (header) => bare(header) === bare(kind));
  const found = all.filter((place) => !taken.includes(place));
  if (found.length > 1) {
    throw severalMayHold(headers, found, kind, flagOf(kind));
  }
  return found[0] ?? null;
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
  const shown = looksLikeData(name) ? 'a property of identifiers' : JSON.stringify(name.slice(0, HEADER_MAX));
  throw new UndeclaredColumnError(
    kinds.find(name) === undefined
      ? `${shown} is of no kind that the tenant has declared; "policy kinds add" declares one`
      : `${name} belongs beside identifiers, not into it`,
  );
}

function findUsual(headers: readonly string[], role: ColumnRole, further: Columns['further']): number | null {
  const names = headers.map((header, at) => (further.some(([, place]) => place === at) ? '' : bare(header)));
  const usual = places(names, (name) => USUAL[role].includes(name));
  const known = KNOWN[role].find((name) => names.includes(name));
  const found = usual.length > 0 ? usual : places(names, (name) => name === known);
  if (found.length > 1) {
    throw severalMayHold(headers, found, HOLDS[role], FLAGS[role]);
  }
  return found[0] ?? null;
}

function severalMayHold(
  headers: readonly string[],
  found: readonly number[],
  what: string,
  flag: string,
): TransferError {
  const names = found.map((place) => JSON.stringify(headers[place])).join(', ');
  return new TransferError(
    `Several columns may hold ${what}: ${names}. Choose one with ${flag}. ${listed(headers)}`,
  );
}

/**
 * The headers that look as if they held an email, a phone number or a date, but are not read; the first of them. In a file as an
 * export writes it, all that are not read but the ids of contacts: they hold kinds that are not declared.
 */
export function unreadColumns(headers: readonly string[], columns: Columns): string[] {
  const used = placesOf(columns);
  const isExported = EXPORTED.every((name) => headers.includes(name));
  const isTelling = (header: string): boolean =>
    TELLING.test(bare(header)) || (isExported && !EXPORTED.includes(header));
  return headers.filter((header, place) => !used.includes(place) && isTelling(header)).slice(0, UNREAD_MAX);
}

/** The places of all columns that are read. */
export function placesOf({ further, ...roles }: Columns): (number | null)[] {
  return [...Object.values(roles), ...further.map(([, place]) => place)];
}

function findChosen(headers: readonly string[], flag: string, name: string, isLoose: boolean): number | null {
  const exact = places(headers, (header) => header.normalize('NFC') === name.normalize('NFC'));
  const found = exact.length > 0 ? exact : places(headers, (header) => bare(header) === bare(name));
  if (found.length === 1) {
    return found[0]!;
  }
  if (found.length === 0 && isLoose) {
    return null;
  }
  const problem = found.length === 0 ? 'There is no column' : 'There are several columns';
  throw new TransferError(`${problem} ${JSON.stringify(name)} (${flag}). ${listed(headers)}`);
}

function places(headers: readonly string[], fits: (header: string) => boolean): number[] {
  return headers.flatMap((header, place) => (fits(header) ? [place] : []));
}

/** Characters of a header that are compared. */
const HEADER_MAX = 200;

/** A header for comparison: lower case, without accents, brackets and what is in them, and all but letters and digits. */
function bare(header: string): string {
  return header
    .slice(0, HEADER_MAX)
    .replaceAll(/\([^()]*\)|\[[^[\]]*\]/g, '')
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, '');
}

/** Lists the headers, unless they look like the data of a customer: a file may have no header. */
function listed(headers: readonly string[]): string {
  return headers.some(looksLikeData)
    ? 'The first line looks like a row. The first line must hold the names of the columns.'
    : `The headers are: ${headers.map((header) => JSON.stringify(header)).join(', ')}.`;
}

/** Whether a name looks like the data of a customer. */
export function looksLikeData(name: string): boolean {
  return /@|\d{5}/.test(name);
}
