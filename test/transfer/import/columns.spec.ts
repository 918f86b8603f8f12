import { STANDARD_KINDS } from '../../../src/identity/domain/kinds.js';
import { told } from '../../../src/transfer/import/column-names.js';
import { findColumns, type ColumnChoice, type Columns } from '../../../src/transfer/import/columns.js';

const find = (headers: readonly string[], choice: ColumnChoice = {}, isLoose = false): Columns =>
  findColumns(headers, choice, isLoose, STANDARD_KINDS);

test.each([
  [['Email', 'Phone Number', 'Created At'], { emails: [0], phones: [1], dates: [2], identity: null }],
  [['id', 'E-MAIL', 'mobile', 'date'], { emails: [1], phones: [2], dates: [3], identity: null }],
  [['e.mail', 'phone_number'], { emails: [0], phones: [1], dates: [], identity: null }],
  [
    ['primaryContactId', 'contactId', 'email', 'phoneNumber', 'createdAt'],
    { emails: [2], phones: [3], dates: [4], identity: 0 },
  ],
  [['Tel'], { emails: [], phones: [0], dates: [], identity: null }],
])('the usual names are found in %p', (headers, columns) => {
  expect(find(headers)).toEqual({ ...columns, further: [] });
});

test('a chosen column wins over the usual names, exactly as written before any other spelling', () => {
  expect(find(['email', 'Work Email', 'work email'], { email: 'work email' }).emails).toEqual([2]);
  expect(find(['email', 'Work Email'], { email: 'WORK_EMAIL' }).emails).toEqual([1]);
});

test('a column that is not wanted is not looked for', () => {
  expect(find(['email', 'date', 'created'], { createdAt: null }).dates).toEqual([]);
});

test('columns are chosen by several names, by globs, by their numbers, and all of one name at once', () => {
  const headers = ['Email', 'Phone 1 - Value', 'Phone 2 - Label', 'Phone 2 - Value', 'Email', 'x'];
  expect(find(headers, { email: ['x', 'Email'], phone: 'phone * - value' })).toMatchObject({
    emails: [5, 0, 4],
    phones: [1, 3],
  });
  expect(find(headers, { email: ['5'], phone: ['4', '2'] })).toMatchObject({ emails: [4], phones: [3, 1] });
  expect(() => find(headers, { email: '7' })).toThrow('There is no column "7" (--email-column).');
  expect(() => find(headers, { phone: 'Fax *' })).toThrow(
    'No column is named like "Fax *" (--phone-column).',
  );
  expect(() => find(headers, { createdAt: 'Email' })).toThrow(
    'There are several columns "Email" (--created-at-column). Give the number of one.',
  );
});

test('properties of objects are chosen and found by their paths', () => {
  const keys = ['type', 'traits.email', 'properties.phone', 'owner.email', 'users.email', 'emails.value'];
  expect(find(keys, {}, true)).toMatchObject({ emails: [1, 5], phones: [2] });
  expect(find(keys, { email: 'owner.email', phone: 'traits.phone' }, true)).toMatchObject({
    emails: [3],
    phones: [],
  });
});

test('of several dates of creation the best name comes first', () => {
  expect(find(['email', 'date', 'CONFIRM_TIME', 'Created', 'OPTIN_TIME']).dates).toEqual([3, 4, 2, 1]);
  expect(find(['email', 'timestamp', 'traits.createdAt', 'a.b.createdAt'], {}, true).dates).toEqual([2, 1]);
});

test.each([
  [
    ['name', 'address'],
    {},
    'Name them with --email-column and --phone-column. The headers are: "name", "address".',
  ],
  [
    ['name', 'email'],
    { phone: 'fon' },
    'There is no column "fon" (--phone-column). The headers are: "name", "email".',
  ],
])('what is not clear in %p is told, with the headers', (headers, choice, message) => {
  expect(() => find(headers, choice)).toThrow(message);
});

test('a first line that is data is not printed', () => {
  expect(() => find(['biff@hillvalley.edu', '919191'])).toThrow(
    /The first line must hold the names of the columns\.$/,
  );
});

test.each([
  ['Email Address', 'Phone Number', 'OPTIN_TIME'],
  ['E-Mail-Adresse', 'Telefon', 'Erstellt am'],
  ['E-mail', 'Te\u0301le\u0301phone', 'Date de cre\u0301ation'],
  ['Correo electrónico', 'Teléfono', 'Fecha de alta'],
  ['user_email', 'billing_phone', 'user_registered'],
  ['E-mail 1 - Value', 'Phone 1 - Value', 'Created (UTC)'],
  ['EMAIL', 'MOBILEPHONE', 'CREATEDDATE'],
  ['email [work]', 'Phone (mobile)', 'Create Date'],
  ['Person - Email - Work', 'Person - Phone - Mobile', 'Person - Person created'],
  ['EMAIL;TYPE=HOME', 'TEL;TYPE=CELL', 'Profile Created On'],
  ['Электронная почта', 'Телефон', 'Customer Since'],
  ['EMAIL', 'SMS', 'ADDED_TIME'],
])('names of products and other languages are found: %p, %p, %p', (...headers) => {
  expect(find(headers)).toEqual({ emails: [0], phones: [1], dates: [2], identity: null, further: [] });
});

test('all columns of emails and phone numbers are found, the first one of the person first', () => {
  const headers = ['Default Address Phone', 'Phone', 'Email', 'E-mail 2 Address', 'City'];
  expect(find(headers)).toMatchObject({ emails: [2, 3], phones: [1, 0] });
});

test.each([
  'E-mail Type',
  'Accepts Email Marketing',
  'SMS Consent',
  'Phone 1 - Label',
  'Email Domain',
  'Email hard bounce reason',
  'MailingPostalCode',
  'Owner Email',
  "Assistant's Phone",
  'Business Fax',
  'Company Main Phone',
  'assignee.email',
  'contacts.email',
])('%p holds something about an email or a number, or that of somebody else', (header) => {
  expect(told(header)?.isTheirs ?? false).toBe(false);
});

test.each(['Cancelled', 'Automobile', 'Intel', 'Hotel', 'Title', 'anna@mail.com'])(
  '%p tells of no email and no number',
  (header) => {
    expect(told(header)).toBeNull();
  },
);

test('a chosen column is found however its accents are composed', () => {
  expect(find(['Tele\u0301fono 2', 'email'], { phone: 'Teléfono 2' }).phones).toEqual([0]);
});

test('only the first of a header of any length is compared', () => {
  const long = `email${'\u0300'.repeat(100_000)}`;
  expect(() => find([long, 'x'], { email: 'x' })).not.toThrow();
});
