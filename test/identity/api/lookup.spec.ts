import { useApp, useDatabase } from '../../support/hooks.js';

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));

beforeEach(() => database.clear());

const LORRAINE = { email: 'lorraine@hillvalley.edu', phoneNumber: '123456' };
const BIFF = { email: 'biff@hillvalley.edu', phoneNumber: '717171' };

async function tables(): Promise<object> {
  return {
    contacts: await database.query('select * from contact order by id'),
    claims: await database.query('select * from identifier order by value'),
    merges: await database.query('select * from identity_merge'),
  };
}

test('a look-up finds identities by any spelling, the strongest match first, and writes nothing', async () => {
  await app.client.identify(LORRAINE);
  await app.client.identify(BIFF);
  const before = await tables();
  expect(
    await app.client.send('POST', '/lookup', { email: ' BIFF@hillvalley.edu', phoneNumber: '12 34 56' }),
  ).toMatchObject({
    status: 200,
    body: {
      identities: [
        {
          contact: {
            primaryContactId: 2,
            emails: ['biff@hillvalley.edu'],
            phoneNumbers: ['717171'],
            secondaryContactIds: [],
          },
          matched: ['email'],
        },
        { contact: { primaryContactId: 1 }, matched: ['phoneNumber'] },
      ],
    },
  });
  expect(await tables()).toEqual(before);
});

test('a look-up with a typo finds nobody and creates nobody', async () => {
  expect(await app.client.send('POST', '/lookup', { email: 'loraine@hillvalley.edu' })).toMatchObject({
    status: 200,
    body: { identities: [] },
  });
  expect(await database.query('select * from contact')).toEqual([]);
});

test('a look-up refuses what identify refuses, naming the field', async () => {
  expect(await app.client.send('POST', '/lookup', { email: 'lorraine' })).toMatchObject({
    status: 400,
    body: {
      type: 'urn:problem:invalid-request',
      errors: [{ field: 'email', message: 'email must be a valid email address' }],
    },
  });
  expect(await app.client.send('POST', '/lookup', {})).toMatchObject({ status: 400 });
});
