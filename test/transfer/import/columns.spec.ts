import { findColumns } from '../../../src/transfer/import/columns.js';

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
  expect(findColumns(headers, {}, false)).toEqual(columns);
});

test('a chosen column wins over the usual names, exactly as written before any other spelling', () => {
  expect(findColumns(['email', 'Work Email', 'work email'], { email: 'work email' }, false)).toMatchObject({
    email: 2,
  });
  expect(findColumns(['email', 'Work Email'], { email: 'WORK_EMAIL' }, false)).toMatchObject({ email: 1 });
});

test('a column that is not wanted is not looked for', () => {
  expect(findColumns(['email', 'date', 'created'], { createdAt: null }, false)).toMatchObject({
    createdAt: null,
  });
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
  expect(() => findColumns(headers, choice, false)).toThrow(message);
});

test('a first line that is data is not printed', () => {
  expect(() => findColumns(['biff@hillvalley.edu', '919191'], {}, false)).toThrow(
    /The first line must hold the names of the columns\.$/,
  );
});
