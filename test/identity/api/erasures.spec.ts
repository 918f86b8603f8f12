import type { Reply } from '../../support/client.js';
import { ageErasures, placesOf } from '../../support/erased.js';
import { useApp, useDatabase } from '../../support/hooks.js';
import { storedRows, violations } from '../../support/invariants.js';
import { addLargeIdentity } from '../../support/large-identity.js';
import { until } from '../../support/until.js';
import type { Changed, ShownIdentity } from '../../support/wire.js';

const KEY = 'a key that only the tests of erasures use';
const PHONE = '4711000';
const LORRAINE = { email: 'lorraine@hillvalley.edu', phoneNumber: PHONE };
const MCFLY = { email: 'mcfly@hillvalley.edu', phoneNumber: PHONE };
const GEORGE = { email: 'george@hillvalley.edu', phoneNumber: '9191919' };
const REASON = 'Asked for by letter';
const OF_LORRAINE = [LORRAINE.email, MCFLY.email, PHONE];

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url, ERASURE_KEY: KEY }));

/** Lorraine with two contacts, and George. */
beforeEach(async () => {
  await database.clear();
  for (const body of [LORRAINE, MCFLY, GEORGE]) {
    await app.client.identify(body);
  }
});

afterEach(async () => {
  expect(await violations(database)).toEqual({});
});

interface Erased {
  readonly erasureId: number;
  readonly status: string;
  readonly contacts: number;
  readonly identifiers: number;
  readonly identity: { readonly contact: ShownIdentity } | null;
}

const erase = (
  named: object,
  { query = '', headers = {}, scope = 'identity', reason = REASON } = {},
): Promise<Reply<Erased>> =>
  app.client.send('POST', `/erasures${query}`, { scope, reason, ...named }, headers);

const email = (value: string): object => ({ kind: 'email', value });
const phone = (value: string): object => ({ kind: 'phoneNumber', value });

async function finished(id: number): Promise<Erased> {
  await ageErasures(database);
  return (await app.client.send<Erased>('GET', `/erasures/${id}`)).body;
}

test('an erased person is in no table any more, and others are as before', async () => {
  const before = await app.client.send('GET', '/contacts/3');
  const { status, body } = await erase({ contactId: 2 });
  expect({ status, body }).toMatchObject({
    status: 202,
    body: { erasureId: expect.any(Number), status: 'running', contacts: 2, identifiers: 3, doneAt: null },
  });
  // For a minute they are reserved, and nowhere else.
  expect((await placesOf(database, OF_LORRAINE)).every((place) => place.startsWith('identifier:'))).toBe(
    true,
  );
  expect(await finished(body.erasureId)).toMatchObject({ status: 'done', contacts: 2, identifiers: 3 });
  expect(await placesOf(database, OF_LORRAINE)).toEqual([]);
  for (const path of ['/contacts/1', '/contacts/2', '/contacts/1/evidence', '/contacts/2/history']) {
    expect((await app.client.send('GET', path)).status).toBe(404);
  }
  expect((await app.client.send('GET', '/contacts/3')).body).toEqual(before.body);
});

test('a dry run tells whose data it is and how much, and changes nothing', async () => {
  const before = await storedRows(database);
  const { status, headers, body } = await erase(
    { identifier: email(MCFLY.email) },
    { query: '?dryRun=true' },
  );
  expect({ status, body }).toEqual({
    status: 200,
    body: {
      contacts: 2,
      identifiers: 3,
      identity: {
        contact: {
          primaryContactId: 1,
          emails: [LORRAINE.email, MCFLY.email],
          phoneNumbers: [PHONE],
          secondaryContactIds: [2],
        },
      },
    },
  });
  expect(headers.get('etag')).toMatch(/^"/);
  expect(await storedRows(database)).toEqual(before);
});

test('what changed since the dry run is not erased with If-Match', async () => {
  const { headers } = await erase({ contactId: 1 }, { query: '?dryRun=true' });
  const match = { 'if-match': headers.get('etag')! };
  await app.client.identify({ email: 'marty@hillvalley.edu', phoneNumber: PHONE });
  expect(await erase({ contactId: 1 }, { headers: match })).toMatchObject({
    status: 412,
    body: { type: 'urn:problem:precondition-failed' },
  });
  const again = await erase({ contactId: 1 }, { query: '?dryRun=true' });
  expect(
    (await erase({ contactId: 1 }, { headers: { 'if-match': again.headers.get('etag')! } })).status,
  ).toBe(202);
});

test('under an idempotency key a person is erased once, and the repetition tells how far it is', async () => {
  const headers = { 'idempotency-key': 'letter-17' };
  const first = await erase({ identifier: phone(PHONE) }, { headers });
  const again = await erase({ identifier: phone(PHONE) }, { headers });
  expect(again).toMatchObject({ status: 202, body: first.body });
  expect((await erase({ identifier: phone('12345') }, { headers })).body).toMatchObject({
    type: 'urn:problem:idempotency-key-reused',
  });
  await finished(first.body.erasureId);
  expect(await placesOf(database, OF_LORRAINE)).toEqual([]);
});

test('an identifier leaves every contact; one that has nothing else is removed', async () => {
  await app.client.identify({ email: 'marty@hillvalley.edu', phoneNumber: PHONE });
  await app.client.identify({ email: null, phoneNumber: '5550000' });
  const { body } = await erase({ identifier: phone(PHONE) }, { scope: 'identifier' });
  expect(body).toMatchObject({ contacts: 3, identifiers: 1 });
  expect(await finished(body.erasureId)).toMatchObject({ status: 'done' });
  expect(await placesOf(database, [PHONE])).toEqual([]);
  expect(await app.client.find(4)).toEqual({
    primaryContactId: 1,
    emails: [LORRAINE.email, MCFLY.email, 'marty@hillvalley.edu'],
    phoneNumbers: [],
    secondaryContactIds: [2, 4],
  });
  const { body: history } = await app.client.send<{ events: { type: string; changeId?: number }[] }>(
    'GET',
    '/contacts/4/history',
  );
  expect(history.events.at(-1)).toMatchObject({ type: 'erased', changeId: body.erasureId });

  const alone = await erase({ identifier: phone('5550000') }, { scope: 'identifier' });
  expect(alone.body).toMatchObject({ contacts: 1, identifiers: 1 });
  expect((await app.client.send('GET', '/contacts/5/evidence')).status).toBe(404);
});

test('rules about an erased identifier go, and free what only they reserved', async () => {
  const rule = (one: object, other: object): Promise<Reply<Changed>> =>
    app.client.send('POST', '/rules', {
      identifiers: [one, other],
      reason: 'Lorraine is not Biff, she says',
    });
  await rule(email(LORRAINE.email), email('biff@hillvalley.edu'));
  await rule(email(LORRAINE.email), email(GEORGE.email));
  const { body } = await erase({ contactId: 1 });
  await finished(body.erasureId);
  expect(await placesOf(database, [...OF_LORRAINE, 'biff@hillvalley.edu', 'she says'])).toEqual([]);
  expect((await app.client.send('GET', '/rules')).body).toMatchObject({ rules: [] });
});

test('a rule that is made and deleted frees nothing that an erasure reserves', async () => {
  const { body } = await erase({ identifier: email(LORRAINE.email) });
  const identifiers = [email(LORRAINE.email), email(GEORGE.email)];
  expect((await app.client.send('POST', '/rules', { identifiers, reason: REASON })).status).toBe(201);
  const [rule] = await database.query<{ id: number }>('select max(rule_id)::int as id from do_not_link');
  expect((await app.client.send('DELETE', `/rules/${rule!.id}`)).status).toBe(204);
  const reserved = await database.query('select erasure_id from identifier where value = $1', [
    LORRAINE.email,
  ]);
  expect(reserved).toEqual([{ erasure_id: String(body.erasureId) }]);
  expect(await finished(body.erasureId)).toMatchObject({ status: 'done' });
  expect(await placesOf(database, OF_LORRAINE)).toEqual([]);
});

test('merges, their undoing and what people wrote of them leave nothing of an erased person behind', async () => {
  await app.client.identify({ email: GEORGE.email, phoneNumber: PHONE });
  const { body: listed } = await app.client.send<{ merges: { id: number }[] }>('GET', '/merges?contactId=3');
  const undo = await app.client.send('POST', `/merges/${listed.merges[0]!.id}/undo`, {
    reason: 'Lorraine said so',
  });
  expect(undo.status).toBe(200);
  const before = await app.client.find(3);
  const { body } = await erase({ contactId: 1 });
  await finished(body.erasureId);
  expect(await placesOf(database, [...OF_LORRAINE, 'Lorraine said so'])).toEqual([]);
  expect(await app.client.find(3)).toEqual(before);
  expect((await app.client.send('GET', '/contacts/3/history')).status).toBe(200);
});

test('what others had of it once is found and removed before the erasure is done', async () => {
  // George's deleted contact has the phone that Lorraine has now.
  await app.client.identify({ email: 'old@hillvalley.edu', phoneNumber: '8888888' });
  await app.client.identify({ email: GEORGE.email, phoneNumber: '8888888' });
  expect(await app.client.delete(4)).toBe(204);
  await app.client.identify({ email: LORRAINE.email, phoneNumber: '8888888' });
  const before = await app.client.find(3);
  const { body } = await erase({ contactId: 1 });
  await finished(body.erasureId);
  expect(await placesOf(database, [...OF_LORRAINE, '8888888'])).toEqual([]);
  expect(await app.client.find(3)).toEqual(before);
});

test('whoever comes back is a stranger, also while the identifiers are still reserved', async () => {
  const { body } = await erase({ contactId: 1 });
  const back = await app.client.identify(LORRAINE);
  expect(back).toMatchObject({ emails: [LORRAINE.email], phoneNumbers: [PHONE], secondaryContactIds: [] });
  expect(back.primaryContactId).toBeGreaterThan(3);
  expect(await finished(body.erasureId)).toMatchObject({ status: 'done' });
  expect(await app.client.find(back.primaryContactId)).toEqual(back);
  expect(await placesOf(database, [MCFLY.email])).toEqual([]);
});

test('deleted contacts are erased by their id', async () => {
  await app.client.delete(1);
  await app.client.delete(2);
  expect((await erase({ contactId: 2 }, { query: '?dryRun=true' })).body).toMatchObject({
    contacts: 2,
    identity: { contact: { emails: [LORRAINE.email, MCFLY.email] } },
  });
  const { body } = await erase({ contactId: 1 });
  await finished(body.erasureId);
  expect(await placesOf(database, OF_LORRAINE)).toEqual([]);
});

test.each([
  [{ contactId: 4711 }, 404, 'urn:problem:contact-not-found'],
  [{ identifier: { kind: 'email', value: 'nobody@hillvalley.edu' } }, 404, 'urn:problem:contact-not-found'],
  [{}, 400, 'contactId'],
  [{ contactId: 1, identifier: { kind: 'email', value: 'a@b.co' } }, 400, 'contactId'],
  [{ contactId: 1.5 }, 400, 'contactId'],
  [{ identifier: { kind: 'email', value: 'nonsense' } }, 400, 'identifier.value'],
  [{ identifier: { kind: 'shoeSize', value: '44' } }, 400, 'identifier.kind'],
  [{ contactId: 1, scope: 'all' }, 400, 'scope'],
  [{ contactId: 1, scope: 'identifier' }, 400, 'identifier'],
  [{ contactId: 1, blockedForDays: -1 }, 400, 'blockedForDays'],
  [{ contactId: 1, reason: '' }, 400, 'reason'],
  [{ contactId: 1, reason: `She is ${MCFLY.email}` }, 400, 'reason'],
])('%j is refused with %i and names %s', async (named, expected, name) => {
  const before = await storedRows(database);
  const { status, body } = await erase(named);
  expect(status).toBe(expected);
  expect(JSON.stringify(body)).toContain(name);
  expect(await storedRows(database)).toEqual(before);
});

test('an identifier that nobody has is erased all the same', async () => {
  const { body } = await erase({ identifier: email('nobody@hillvalley.edu') }, { scope: 'identifier' });
  expect(body).toMatchObject({ contacts: 0, identifiers: 1 });
  await finished(body.erasureId);
  expect(await placesOf(database, ['nobody@hillvalley.edu'])).toEqual([]);
});

test('an erasure that is not there is a 404', async () => {
  expect(await app.client.send('GET', '/erasures/4711')).toMatchObject({
    status: 404,
    body: { type: 'urn:problem:erasure-not-found' },
  });
});

test('a person is told all that is stored of them, and nothing of others', async () => {
  await app.client.identify({ email: GEORGE.email, phoneNumber: PHONE });
  const { body: listed } = await app.client.send<{ merges: { id: number }[] }>('GET', '/merges?contactId=3');
  const { body: undo } = await app.client.send<Changed>('POST', `/merges/${listed.merges[0]!.id}/undo`, {
    reason: 'They are two',
  });
  const told = await app.client.send('POST', '/subject-access', { identifier: phone(PHONE) });
  expect(told).toMatchObject({
    status: 200,
    body: {
      contacts: [
        { id: 1, identifiers: [email(LORRAINE.email), phone(PHONE)], linkedId: null, deletedAt: null },
        { id: 2, identifiers: [email(MCFLY.email), phone(PHONE)], linkedId: 1, attachedToId: 1 },
      ],
      merges: [
        {
          survivorId: 1,
          mergedId: 3,
          cause: 'sighting',
          identifiers: [{ kind: 'email', value: null }, phone(PHONE)],
          undoneAt: expect.any(String),
        },
      ],
      rules: [{ identifiers: expect.arrayContaining([{ kind: 'email', value: null }, phone(PHONE)]) }],
      reviews: [],
      changes: [{ id: undo.changeId, kind: 'undo', reason: 'They are two' }],
    },
  });
  expect(JSON.stringify(told.body)).not.toContain(GEORGE.email);
  expect(await app.client.send('POST', '/subject-access', { contactId: 4711 })).toMatchObject({
    status: 404,
  });
  expect(await app.client.send('POST', '/subject-access', {})).toMatchObject({ status: 400 });
});

test('a large identity is erased too, though it takes longer than a call may wait', async () => {
  const { primaryId } = await addLargeIdentity(database, 3_000, 'strickland');
  const headers = { 'idempotency-key': 'letter-18' };
  let reply = await erase({ contactId: primaryId }, { headers });
  await until(async () => {
    // 503 (change-under-way), then 409 while it runs, then what was made.
    reply = reply.status === 202 ? reply : await erase({ contactId: primaryId }, { headers });
    return reply.status === 202;
  });
  expect(reply.body).toMatchObject({ contacts: 3_000 });
  await ageErasures(database);
  await until(async () => {
    const { body } = await app.client.send<Erased>('GET', `/erasures/${reply.body.erasureId}`);
    return body.status === 'done';
  });
  expect(await placesOf(database, ['strickland'])).toEqual([]);
}, 60_000);
