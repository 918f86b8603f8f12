import { ImportError } from './import.error.js';

/** What a column may hold. */
export const ROLES = ['email', 'phone', 'createdAt', 'identity'] as const;
export type Role = (typeof ROLES)[number];

/** A column by its header, null: none is wanted; absent: found by its usual names. */
export type Choice = Readonly<Partial<Record<Role, string | null>>>;

/** Which column holds what, by its place; null: the input has none. */
export type Columns = Readonly<Record<Role, number | null>>;

/** Usual names, in lower case and without spaces, hyphens, underscores and dots. */
const USUAL: Readonly<Record<Role, readonly string[]>> = {
  email: ['email', 'emailaddress', 'mail'],
  // prettier-ignore
  phone: ['phone', 'phonenumber', 'phoneno', 'mobile', 'mobilephone', 'mobilenumber', 'cell', 'cellphone', 'tel', 'telephone', 'telephonenumber'],
  // prettier-ignore
  createdAt: ['createdat', 'created', 'createdon', 'createddate', 'creationdate', 'datecreated', 'date', 'timestamp'],
  // what an export calls it
  identity: ['primarycontactid'],
};
const HOLDS: Readonly<Record<Role, string>> = {
  email: 'the email',
  phone: 'the phone number',
  createdAt: 'the date',
  identity: 'the identity',
};
export const FLAGS: Readonly<Record<Role, string>> = {
  email: '--email-column',
  phone: '--phone-column',
  createdAt: '--created-at-column',
  identity: '--identity-column',
};

/**
 * Finds out which column holds what.
 *
 * @param isLoose whether a chosen column may be missing, as a property may in one of many objects
 * @throws {ImportError} listing the headers, if a chosen column is not there, several fit, or neither email nor phone
 *   number is found
 */
export function findColumns(headers: readonly string[], choice: Choice, isLoose: boolean): Columns {
  const find = (role: Role): number | null => {
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
    throw new ImportError(
      `No column of the usual names holds an email or a phone number. Name them with ${FLAGS.email} and ${FLAGS.phone}. ${listed(headers)}`,
    );
  }
  return columns;
}

function findUsual(headers: readonly string[], role: Role): number | null {
  const found = places(headers, (header) => USUAL[role].includes(bare(header)));
  if (found.length > 1) {
    const names = found.map((place) => `"${headers[place]}"`).join(', ');
    throw new ImportError(
      `Several columns may hold ${HOLDS[role]}: ${names}. Choose one with ${FLAGS[role]}. ${listed(headers)}`,
    );
  }
  return found[0] ?? null;
}

function findChosen(headers: readonly string[], role: Role, name: string, isLoose: boolean): number | null {
  const exact = places(headers, (header) => header === name);
  const found = exact.length > 0 ? exact : places(headers, (header) => bare(header) === bare(name));
  if (found.length === 1) {
    return found[0]!;
  }
  if (found.length === 0 && isLoose) {
    return null;
  }
  const trouble = found.length === 0 ? 'There is no column' : 'There are several columns';
  throw new ImportError(`${trouble} "${name}" (${FLAGS[role]}). ${listed(headers)}`);
}

function places(headers: readonly string[], fits: (header: string) => boolean): number[] {
  return headers.flatMap((header, place) => (fits(header) ? [place] : []));
}

function bare(header: string): string {
  return header.toLowerCase().replaceAll(/[\s_.-]/g, '');
}

/** Not what looks like the data of a customer: a file may have no header. */
function listed(headers: readonly string[]): string {
  return headers.some((header) => /@|\d{5}/.test(header))
    ? 'The first line looks like a row; a line with the names of the columns must come first.'
    : `The headers are: ${headers.map((header) => `"${header}"`).join(', ')}.`;
}
