import { TransferError } from '../files.js';

/** What a column may hold. */
export type ColumnRole = 'email' | 'phone' | 'createdAt' | 'identity';

/** The header of each column; null: none is wanted; absent: found by its usual names. */
export type ColumnChoice = Readonly<Partial<Record<ColumnRole, string | null>>>;

/** The place of each column; null: the input has none. */
export type Columns = Readonly<Record<ColumnRole, number | null>>;

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
  const names = headers.map(bare);
  const usual = places(names, (name) => USUAL[role].includes(name));
  const known = KNOWN[role].find((name) => names.includes(name));
  const found = usual.length > 0 ? usual : places(names, (name) => name === known);
  if (found.length > 1) {
    const listedNames = found.map((place) => JSON.stringify(headers[place])).join(', ');
    throw new TransferError(
      `Several columns may hold ${HOLDS[role]}: ${listedNames}. Choose one with ${FLAGS[role]}. ${listed(headers)}`,
    );
  }
  return found[0] ?? null;
}

/** The headers that look as if they held an email, a phone number or a date, but are not read; the first of them. */
export function unreadColumns(headers: readonly string[], columns: Columns): string[] {
  const used = Object.values(columns);
  return headers
    .filter((header, place) => !used.includes(place) && TELLING.test(bare(header)))
    .slice(0, UNREAD_MAX);
}

function findChosen(
  headers: readonly string[],
  role: ColumnRole,
  name: string,
  isLoose: boolean,
): number | null {
  const exact = places(headers, (header) => header.normalize('NFC') === name.normalize('NFC'));
  const found = exact.length > 0 ? exact : places(headers, (header) => bare(header) === bare(name));
  if (found.length === 1) {
    return found[0]!;
  }
  if (found.length === 0 && isLoose) {
    return null;
  }
  const problem = found.length === 0 ? 'There is no column' : 'There are several columns';
  throw new TransferError(`${problem} ${JSON.stringify(name)} (${FLAGS[role]}). ${listed(headers)}`);
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
  return headers.some((header) => /@|\d{5}/.test(header))
    ? 'The first line looks like a row. The first line must hold the names of the columns.'
    : `The headers are: ${headers.map((header) => JSON.stringify(header)).join(', ')}.`;
}
