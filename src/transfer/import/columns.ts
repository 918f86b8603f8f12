import { TransferError } from '../files.js';

/** What a column may hold. */
export type ColumnRole = 'email' | 'phone' | 'createdAt' | 'identity';

/** The header of each column; null: none is wanted; absent: found by its usual names. */
export type ColumnChoice = Readonly<Partial<Record<ColumnRole, string | null>>>;

/** The place of each column; null: the input has none. */
export type Columns = Readonly<Record<ColumnRole, number | null>>;

/** Usual names, in lower case and without spaces, hyphens, underscores and dots. */
const USUAL: Readonly<Record<ColumnRole, readonly string[]>> = {
  email: ['email', 'emailaddress', 'mail'],
  // prettier-ignore
  phone: ['phone', 'phonenumber', 'phoneno', 'mobile', 'mobilephone', 'mobilenumber', 'cell', 'cellphone', 'tel', 'telephone', 'telephonenumber'],
  // prettier-ignore
  createdAt: ['createdat', 'created', 'createdon', 'createddate', 'creationdate', 'datecreated', 'date', 'timestamp'],
  // its name in an export
  identity: ['primarycontactid'],
};
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

/**
 * Finds the columns that are read.
 *
 * @param isLoose whether a chosen column may be missing, like a property in one of many objects
 * @throws {TransferError} listing the headers, if a chosen column is missing, several fit, or there is neither an email
 *   nor a phone number
 */
export function findColumns(headers: readonly string[], choice: ColumnChoice, isLoose: boolean): Columns {
  const find = (role: ColumnRole): number | null => {
    const chosen = choice[role];
    if (chosen === undefined) {
      return findUsual(headers, role);
    }
    return chosen === null ? null : findChosen(headers, role, chosen, isLoose);
  };
  const columns = {
    email: find('email'),
    phone: find('phone'),
    createdAt: find('createdAt'),
    identity: find('identity'),
  };
  if (columns.email === null && columns.phone === null) {
    throw new TransferError(
      `No column for an email or a phone number was found. Name them with ${FLAGS.email} and ${FLAGS.phone}. ${listed(headers)}`,
    );
  }
  return columns;
}

function findUsual(headers: readonly string[], role: ColumnRole): number | null {
  const found = places(headers, (header) => USUAL[role].includes(bare(header)));
  if (found.length > 1) {
    const names = found.map((place) => `"${headers[place]}"`).join(', ');
    throw new TransferError(
      `Several columns may hold ${HOLDS[role]}: ${names}. Choose one with ${FLAGS[role]}. ${listed(headers)}`,
    );
  }
  return found[0] ?? null;
}

function findChosen(
  headers: readonly string[],
  role: ColumnRole,
  name: string,
  isLoose: boolean,
): number | null {
  const exact = places(headers, (header) => header === name);
  const found = exact.length > 0 ? exact : places(headers, (header) => bare(header) === bare(name));
  if (found.length === 1) {
    return found[0]!;
  }
  if (found.length === 0 && isLoose) {
    return null;
  }
  const problem = found.length === 0 ? 'There is no column' : 'There are several columns';
  throw new TransferError(`${problem} "${name}" (${FLAGS[role]}). ${listed(headers)}`);
}

function places(headers: readonly string[], fits: (header: string) => boolean): number[] {
  return headers.flatMap((header, place) => (fits(header) ? [place] : []));
}

function bare(header: string): string {
  return header.toLowerCase().replaceAll(/[\s_.-]/g, '');
}

/** Lists the headers, unless they look like the data of a customer: a file may have no header. */
function listed(headers: readonly string[]): string {
  return headers.some((header) => /@|\d{5}/.test(header))
    ? 'The first line looks like a row. The first line must hold the names of the columns.'
    : `The headers are: ${headers.map((header) => `"${header}"`).join(', ')}.`;
}
