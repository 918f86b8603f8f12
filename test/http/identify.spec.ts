import type { ServiceClient } from '../support/client.js';
import { useApp, useDatabase } from '../support/hooks.js';
import { violations } from '../support/invariants.js';

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));
let client: ServiceClient;

beforeAll(async () => {
  client = app.client;
});

beforeEach(() => database.clear());

afterEach(async () => {
  expect(await violations(database)).toEqual({});
});

const LORRAINE = { email: 'lorraine@hillvalley.edu', phoneNumber: '123456' };
const MCFLY = { email: 'mcfly@hillvalley.edu', phoneNumber: '123456' };
const GEORGE = { email: 'george@hillvalley.edu', phoneNumber: '919191' };
const BIFF = { email: 'biffsucks@hillvalley.edu', phoneNumber: '717171' };

async function rows(): Promise<object[]> {
  return database.query(
    'select id::int, email, phone_number, linked_id::int, link_precedence, version, created_at, updated_at, deleted_at from contact order by id',
  );
}

test('unknown identifiers make a primary contact', async () => {
  expect(await client.send('POST', '/identify', LORRAINE)).toMatchObject({
    status: 200,
    body: {
      contact: {
        primaryContactId: 1,
        emails: ['lorraine@hillvalley.edu'],
        phoneNumbers: ['123456'],
        secondaryContactIds: [],
      },
    },
  });
});

test('a known phone number with a new email makes a secondary contact that carries exactly what was sent', async () => {
  await client.identify(LORRAINE);
  expect(await client.identify(MCFLY)).toEqual({
    primaryContactId: 1,
    emails: ['lorraine@hillvalley.edu', 'mcfly@hillvalley.edu'],
    phoneNumbers: ['123456'],
    secondaryContactIds: [2],
  });
  expect(await rows()).toMatchObject([
    { id: 1, ...column(LORRAINE), linked_id: null, link_precedence: 'primary', deleted_at: null },
    { id: 2, ...column(MCFLY), linked_id: 1, link_precedence: 'secondary', deleted_at: null },
  ]);
});

test.each([
  ['the same pair', MCFLY],
  ['an email alone', { email: 'mcfly@hillvalley.edu' }],
  ['a phone number alone', { phoneNumber: 123456 }],
  ['identifiers that never came together', { email: 'mcfly@hillvalley.edu', phoneNumber: '999' }],
  ['other spellings', { email: ' MCFLY@HillValley.edu ', phoneNumber: '12 34-56' }],
])('known identifiers of one identity write nothing: %s', async (_, sighting) => {
  await client.identify(LORRAINE);
  await client.identify(MCFLY);
  await client.identify({ email: 'lorraine@hillvalley.edu', phoneNumber: '999' });
  const before = await rows();
  expect(await client.identify(sighting)).toEqual({
    primaryContactId: 1,
    emails: ['lorraine@hillvalley.edu', 'mcfly@hillvalley.edu'],
    phoneNumbers: ['123456', '999'],
    secondaryContactIds: [2, 3],
  });
  expect(await rows()).toEqual(before);
});

test('joining two identities keeps the older primary, links every contact of the younger one to it, and adds none', async () => {
  await client.identify(GEORGE);
  await client.identify(BIFF);
  await client.identify({ email: 'doc@hillvalley.edu', phoneNumber: '919191' });
  await client.identify({ email: 'griff@hillvalley.edu', phoneNumber: '717171' });
  expect(await client.identify({ email: 'griff@hillvalley.edu', phoneNumber: '919191' })).toEqual({
    primaryContactId: 1,
    emails: [
      'george@hillvalley.edu',
      'biffsucks@hillvalley.edu',
      'doc@hillvalley.edu',
      'griff@hillvalley.edu',
    ],
    phoneNumbers: ['919191', '717171'],
    secondaryContactIds: [2, 3, 4],
  });
  expect(await rows()).toMatchObject([
    { id: 1, linked_id: null },
    { id: 2, linked_id: 1, link_precedence: 'secondary' },
    { id: 3, linked_id: 1 },
    { id: 4, linked_id: 1 },
  ]);
  expect(
    await database.query('select survivor_id::int, merged_id::int, email, phone_number from identity_merge'),
  ).toEqual([{ survivor_id: 1, merged_id: 2, email: 'griff@hillvalley.edu', phone_number: '919191' }]);
});

test('every contact leads to its identity of today, also one that was merged', async () => {
  await client.identify(GEORGE);
  await client.identify(BIFF);
  const merged = await client.identify({ email: GEORGE.email, phoneNumber: BIFF.phoneNumber });
  expect(await client.find(1)).toEqual(merged);
  expect(await client.find(2)).toEqual(merged);
  expect(await client.find(3)).toBeNull();
});

test('a deleted secondary shows nowhere, and its identifiers are free again', async () => {
  await client.identify(LORRAINE);
  await client.identify(MCFLY);
  expect(await client.delete(2)).toBe(204);
  expect(await client.find(2)).toBeNull();
  expect(await client.find(1)).toEqual({
    primaryContactId: 1,
    emails: ['lorraine@hillvalley.edu'],
    phoneNumbers: ['123456'],
    secondaryContactIds: [],
  });
  expect(await client.identify({ email: 'mcfly@hillvalley.edu' })).toMatchObject({ primaryContactId: 3 });
});

test('deleting the primary makes the oldest remaining contact primary', async () => {
  await client.identify(LORRAINE);
  await client.identify(MCFLY);
  await client.identify({ email: 'marty@hillvalley.edu', phoneNumber: '123456' });
  expect(await client.delete(1)).toBe(204);
  expect(await client.find(3)).toEqual({
    primaryContactId: 2,
    emails: ['mcfly@hillvalley.edu', 'marty@hillvalley.edu'],
    phoneNumbers: ['123456'],
    secondaryContactIds: [3],
  });
  expect(await rows()).toMatchObject([
    { id: 1, linked_id: 2, deleted_at: expect.any(Date) },
    { id: 2, linked_id: null, link_precedence: 'primary' },
    { id: 3, linked_id: 2 },
  ]);
});

test('a deleted contact of a merged identity stays hidden through the merge', async () => {
  await client.identify(GEORGE);
  await client.identify(BIFF);
  await client.identify({ email: 'griff@hillvalley.edu', phoneNumber: '717171' });
  await client.delete(3);
  expect(await client.identify({ email: GEORGE.email, phoneNumber: BIFF.phoneNumber })).toEqual({
    primaryContactId: 1,
    emails: ['george@hillvalley.edu', 'biffsucks@hillvalley.edu'],
    phoneNumbers: ['919191', '717171'],
    secondaryContactIds: [2],
  });
});

test('a deletion is acknowledged once, and deleting the last contact ends the identity', async () => {
  await client.identify(LORRAINE);
  expect(await Promise.all([client.delete(1), client.delete(1), client.delete(1)])).toEqual(
    expect.arrayContaining([204, 404, 404]),
  );
  expect(await client.find(1)).toBeNull();
  expect(await client.identify(LORRAINE)).toMatchObject({ primaryContactId: 2 });
  expect(await database.query('select count(*)::int as claims from identifier')).toEqual([{ claims: 2 }]);
});

// What is changed behind the service counts up the version, as the service does; each test by another number, because ids
// begin anew with each, and an identity that is kept from the one before must not look like that of this one.

test('a contact that joined later is younger even if the clock of the database went back', async () => {
  await client.identify(LORRAINE);
  await database.query(
    `update contact set version = version + 1, created_at = (created_at at time zone 'UTC' + interval '1 hour') at time zone 'UTC'`,
  );
  await client.identify(MCFLY);
  expect(await database.query('select id::int from contact order by created_at, id')).toEqual([
    { id: 1 },
    { id: 2 },
  ]);
});

test('two contacts of the same instant are ordered by id', async () => {
  await client.identify(GEORGE);
  await client.identify(BIFF);
  await database.query(
    `update contact set version = version + 2, created_at = '2020-01-01T00:00:00.000001Z'`,
  );
  expect(await client.identify({ email: BIFF.email, phoneNumber: GEORGE.phoneNumber })).toMatchObject({
    primaryContactId: 1,
    secondaryContactIds: [2],
  });
});

test('age has microseconds: of two contacts in one millisecond the one with the higher id may be older', async () => {
  await client.identify(GEORGE);
  await client.identify(BIFF);
  await database.query(
    `update contact set version = version + 3, created_at = '2020-01-01T00:00:00.000002Z' where id = 1`,
  );
  await database.query(
    `update contact set version = version + 3, created_at = '2020-01-01T00:00:00.000001Z' where id = 2`,
  );
  expect(await client.identify({ email: BIFF.email, phoneNumber: GEORGE.phoneNumber })).toMatchObject({
    primaryContactId: 2,
    secondaryContactIds: [1],
  });
});

function column({ email, phoneNumber }: { email: string; phoneNumber: string }): object {
  return { email, phone_number: phoneNumber };
}
