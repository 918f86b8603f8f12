import { STANDARD_KINDS } from '../../../src/identity/domain/kinds.js';
import { findColumns, unreadColumns } from '../../../src/transfer/import/columns.js';

test.each([
  [['Email', 'Phone Number', 'Created At'], { email: 0, phone: 1, createdAt: 2, identity: null }],
  [['id', 'E-MAIL', 'mobile', 'date'], { email: 1, phone: 2, createdAt: 3, identity: null }],
  [['e.mail', 'phone_number'], { email: 0, phone: 1, createdAt: null, identity: null }],
  [
    ['primaryContactId', 'contactId', 'email', 'phoneNumber', 'createdAt'],
    { email: 2, phone: 3, createdAt: 4, identity: 0 },
  ],
  [['Tel'], { email: null, phone: 0, createdAt: null, identity: null }],
])('the usual names are found in %p', (headers, columns) => {
  expect(findColumns(headers, {}, false, STANDARD_KINDS)).toEqual({ ...columns, further: [] });
});

test('a chosen column wins over the usual names, exactly as written before any other spelling', () => {
  expect(
    findColumns(['email', 'Work Email', 'work email'], { email: 'work email' }, false, STANDARD_KINDS),
  ).toMatchObject({
    email: 2,
  });
  expect(findColumns(['email', 'Work Email'], { email: 'WORK_EMAIL' }, false, STANDARD_KINDS)).toMatchObject({
    email: 1,
  });
});

test('a column that is not wanted is not looked for', () => {
  expect(findColumns(['email', 'date', 'created'], { createdAt: null }, false, STANDARD_KINDS)).toMatchObject(
    {
      createdAt: null,
    },
  );
});

test.each([
  [
    ['phone', 'email', 'Mobile'],
    {},
    'Several columns may hold the phone number: "phone", "Mobile". Choose one with --phone-column. The headers are: "phone", "email", "Mobile".',
  ],
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
  [['a', 'a', 'email'], { phone: 'a' }, 'There are several columns "a" (--phone-column).'],
])('what is not clear in %p is told, with the headers', (headers, choice, message) => {
  expect(() => findColumns(headers, choice, false, STANDARD_KINDS)).toThrow(message);
});

test('a first line that is data is not printed', () => {
  expect(() => findColumns(['biff@hillvalley.edu', '919191'], {}, false, STANDARD_KINDS)).toThrow(
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
])('names of products and other languages are found: %p, %p, %p', (...headers) => {
  expect(findColumns(headers, {}, false, STANDARD_KINDS)).toEqual({
    email: 0,
    phone: 1,
    createdAt: 2,
    identity: null,
    further: [],
  });
});

test('a usual name wins over one of a product, which is told as not read', () => {
  const headers = ['Default Address Phone', 'Phone', 'Email', 'E-mail 2 Address', 'City'];
  const columns = findColumns(headers, {}, false, STANDARD_KINDS);
  expect(columns).toMatchObject({ phone: 1, email: 2 });
  expect(unreadColumns(headers, columns)).toEqual(['Default Address Phone', 'E-mail 2 Address']);
});

test('a chosen column is found however its accents are composed', () => {
  expect(
    findColumns(['Tele\u0301fono 2', 'email'], { phone: 'Teléfono 2' }, false, STANDARD_KINDS),
  ).toMatchObject({
    phone: 0,
  });
});

test('only the first of a header of any length is compared', () => {
  const long = `email${'\u0300'.repeat(100_000)}`;
  expect(() => findColumns([long, 'x'], { email: 'x' }, false, STANDARD_KINDS)).not.toThrow();
});
