import { valuesIn } from '../../../src/transfer/import/cells.js';
import { flattened } from '../../../src/transfer/import/flatten.js';

/** What is in a cell; what is wrong is marked. */
function read(normaliser: 'email' | 'phone' | 'trim', cell: unknown): unknown[] {
  return valuesIn(normaliser, cell).map((each) => ('wrong' in each ? `! ${each.wrong}` : each.value));
}

test.each([
  ['Doc <doc@hillvalley.edu>', ['doc@hillvalley.edu']],
  ['mailto:doc@hillvalley.edu?subject=x', ['doc@hillvalley.edu']],
  ['<doc@hillvalley.edu>', ['doc@hillvalley.edu']],
  ['"doc@hillvalley.edu"', ['doc@hillvalley.edu']],
  ["'doc@hillvalley.edu", ['doc@hillvalley.edu']],
  ["o'doc@hillvalley.edu", ["o'doc@hillvalley.edu"]],
  ['Emmett Brown (doc@hillvalley.edu)', ['doc@hillvalley.edu']],
  [
    '"Brown, Emmett" <doc@hillvalley.edu>, Marty <marty@hillvalley.edu>',
    ['doc@hillvalley.edu', 'marty@hillvalley.edu'],
  ],
  ['Brown, Emmett <doc@hillvalley.edu>', ['doc@hillvalley.edu']],
  ['"a,b"@hillvalley.edu', ['"a,b"@hillvalley.edu']],
  ['a@x.edu/b@x.edu', ['a@x.edu', 'b@x.edu']],
  ['a@x.edu b@x.edu', ['a@x.edu', 'b@x.edu']],
  ['["a@x.edu","b@x.edu"]', ['a@x.edu', 'b@x.edu']],
  ['a @x.edu', ['a @x.edu']],
])('of the cell %p the emails are %p', (cell, emails) => {
  expect(read('email', cell)).toEqual(emails);
});

test.each([';', '; ', ',', '|', ' ::: ', '\n', '\r\n'])('emails are separated by %p', (separator) => {
  expect(read('email', `a@x.edu${separator}b@x.edu`).map((each) => String(each).trim())).toEqual([
    'a@x.edu',
    'b@x.edu',
  ]);
});

test.each([
  ['+1 555 0100;+1 555 0101', ['+1 555 0100', '+1 555 0101']],
  ['+15550100 ::: +15550101', ['+15550100', '+15550101']],
  ['+15550100|+15550101\n+15550102', ['+15550100', '+15550101', '+15550102']],
  ['+1 555 010 0310 / +1 555 010 0311', ['+1 555 010 0310', '+1 555 010 0311']],
  ['p:+15550100', ['+15550100']],
  ['Tel.: 030 123456', ['030 123456']],
  ['tel:863;phone-context=+1555', ['tel:863;phone-context=+1555']],
  ['="+15550100"', ['="+15550100"']],
  ['=+15550100', ['+15550100']],
  ['"+15550100"', ['+15550100']],
  ['+1 555 010 0323 (mobile)', ['+1 555 010 0323']],
  ['+44 (0)20 7946 0317', ['+44 (0)20 7946 0317']],
  ['+49 (0) 5121/12345', ['+49 (0) 5121/12345']],
  ['030/1234231', ['030/1234231']],
  ['06.00.00.02.41', ['06.00.00.02.41']],
  ['12-34-56', ['12-34-56']],
  ['5.550100326E9', ['5550100326']],
])('of the cell %p the phone numbers are %p', (cell, numbers) => {
  expect(read('phone', cell)).toEqual(numbers);
});

test.each([
  ['1.23457E+11', 'a spreadsheet made it 1.23457E+11; digits are lost'],
  ['1,23457e11', 'a spreadsheet made it 1,23457e11; digits are lost'],
  ['2021-03-04', 'it looks like a date'],
  ['04.03.2021', 'it looks like a date'],
  ['3/4/21', 'it looks like a date'],
  ['2021-03-04T10:22:33Z', 'it looks like a date'],
  ['192.168.1.10', 'it looks like an IP address'],
  ['10.20.30.40', 'it looks like an IP address'],
  ['+1 555 0100 (2)', 'the number in brackets behind it may not be a part of it'],
  ['555-0100 [22]', 'the number in brackets behind it may not be a part of it'],
  ['+49 30 1234131/32', 'the cell holds two numbers: separate them by ; or a line break'],
  ['555-0100/0101', 'the cell holds two numbers: separate them by ; or a line break'],
  ['555-0100 555-0101', 'the cell holds two numbers: separate them by ; or a line break'],
  ['5550100, 5550101', 'the cell holds two numbers: separate them by ; or a line break'],
  ['5550100 or 5550101', 'the cell holds two numbers: separate them by ; or a line break'],
  ['+15550100+15550101', 'the cell holds two numbers: separate them by ; or a line break'],
])('%p would become another number: %s', (cell, why) => {
  expect(read('phone', cell)).toEqual([`! ${why}`]);
});

test('an id may hold a |, and several are separated by ; or a line break', () => {
  expect(read('trim', 'auth0|507f1f77')).toEqual(['auth0|507f1f77']);
  expect(read('trim', 'C-1; C-2\nC-3')).toEqual(['C-1', 'C-2', 'C-3']);
});

test('nested properties have paths, and those of lists are lists', () => {
  const event = {
    traits: { email: 'a@x.edu', phones: [{ value: '1' }, { value: '2' }] },
    emails: ['b@x.edu', 'c@x.edu'],
    identities: [{ identity_type: 'email', identity: 'd@x.edu' }],
    __proto__: null,
  };
  const { keys, values } = flattened(event);
  expect(Object.fromEntries(keys.map((key, i) => [key, values[i]]))).toEqual({
    'traits.email': 'a@x.edu',
    'traits.phones.value': ['1', '2'],
    emails: ['b@x.edu', 'c@x.edu'],
    'identities.email': ['d@x.edu'],
  });
  expect(read('email', ['b@x.edu', 'c@x.edu'])).toEqual(['b@x.edu', 'c@x.edu']);
});
