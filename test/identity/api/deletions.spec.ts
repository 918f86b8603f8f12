import { useApp, useDatabase } from '../../support/hooks.js';
import { storedRows, violations } from '../../support/invariants.js';

const LORRAINE = { email: 'lorraine@hillvalley.edu', phoneNumber: '123456' };
const MCFLY = { email: 'mcfly@hillvalley.edu', phoneNumber: '123456' };

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));

/** One person of two contacts, and a rule about her. */
beforeEach(async () => {
  await database.clear();
  await app.client.identify(LORRAINE);
  await app.client.identify(MCFLY);
  const identifiers = [
    { kind: 'email', value: LORRAINE.email },
    { kind: 'phoneNumber', value: '919191' },
  ];
  expect(await app.client.send('POST', '/rules', { identifiers, reason: 'Two people' })).toMatchObject({
    status: 201,
    body: { rules: [{ id: 1 }] },
  });
});

afterEach(async () => {
  expect(await violations(database)).toEqual({});
});

test('deleting an identity deletes each of its contacts, and the history tells by whom and why', async () => {
  const reason = 'She asked for it';
  expect(await app.client.send('DELETE', '/identities/2', { reason })).toMatchObject({
    status: 204,
    body: '',
  });
  for (const id of [1, 2]) {
    expect((await app.client.send('GET', `/contacts/${id}`)).status).toBe(404);
  }
  const { body } = await app.client.send<{ events: object[] }>('GET', '/contacts/1/history');
  expect(body.events.slice(-2)).toMatchObject([
    { type: 'contact-deleted', contactIds: [1], actor: 'anybody', reason },
    { type: 'contact-deleted', contactIds: [2], actor: 'anybody', reason },
  ]);
});

describe.each(['/contacts/2', '/identities/1', '/rules/1'])('DELETE %s', (path) => {
  test.each<[string, string, Record<string, string>]>([
    ['dryRun', '?dryRun=true', {}],
    ['dryRun', '?dryRun=yes', {}],
    ['dryRun', '?dryrun=true', {}],
    ['If-Match', '', { 'if-match': '"J0cZ8YdVqXl3yR2kTqLw0g"' }],
  ])('with %s (%s) deletes nothing', async (field, query, headers) => {
    const before = await storedRows(database);
    expect(await app.client.send('DELETE', `${path}${query}`, undefined, headers)).toMatchObject({
      status: 400,
      body: { type: 'urn:problem:invalid-request', errors: [{ field }] },
    });
    expect(await storedRows(database)).toEqual(before);
  });

  test('deletes with dryRun=false', async () => {
    expect((await app.client.send('DELETE', `${path}?dryRun=false`)).status).toBe(204);
    expect((await app.client.send('DELETE', path)).status).toBe(404);
  });
});

test.each(['/identities/1', '/rules/1'])('a repetition of DELETE %s under its key succeeds', async (path) => {
  const headers = { 'idempotency-key': 'k' };
  expect((await app.client.send('DELETE', path, undefined, headers)).status).toBe(204);
  expect((await app.client.send('DELETE', path, undefined, headers)).status).toBe(204);
  expect((await app.client.send('DELETE', path)).status).toBe(404);
});
