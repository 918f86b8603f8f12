import type { Reply } from '../../support/client.js';
import { useApp, useDatabase } from '../../support/hooks.js';
import { storedRows, violations } from '../../support/invariants.js';
import type { Changed } from '../../support/wire.js';

const PHONE = '123456';
const LORRAINE = { email: 'lorraine@hillvalley.edu', phoneNumber: PHONE };
const GEORGE = { email: 'george@hillvalley.edu', phoneNumber: PHONE };
const BIFF = { email: 'biff@hillvalley.edu', phoneNumber: PHONE };
const REASON = 'The phone of a call centre';

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));

/** Three people who were made one by a phone. */
beforeEach(async () => {
  await database.clear();
  for (const body of [LORRAINE, GEORGE, BIFF]) {
    await app.client.identify(body);
  }
});

afterEach(async () => {
  expect(await violations(database)).toEqual({});
});

const split = (named: object, { query = '', headers = {}, reason = REASON } = {}): Promise<Reply<Changed>> =>
  app.client.send('POST', `/splits${query}`, { contactId: 1, reason, ...named }, headers);

const email = (value: string): object => ({ kind: 'email', value });
const phone = (value: string): object => ({ kind: 'phoneNumber', value });

const rows = (): Promise<unknown> => storedRows(database);

interface Event {
  readonly type: string;
  readonly contactIds: readonly number[];
}

async function history(id: number): Promise<Event[]> {
  return (await app.client.send<{ events: Event[] }>('GET', `/contacts/${id}/history`)).body.events;
}

test('a contact leaves with all its identifiers, and the others lose these', async () => {
  const { status, body } = await split({ contactId: 2, contactIds: [3] });
  expect({ status, body }).toMatchObject({
    status: 200,
    body: {
      changeId: expect.any(Number),
      changed: true,
      identities: [
        {
          contact: {
            primaryContactId: 1,
            emails: [LORRAINE.email, GEORGE.email],
            phoneNumbers: [],
            secondaryContactIds: [2],
          },
        },
        {
          contact: {
            primaryContactId: 3,
            emails: [BIFF.email],
            phoneNumbers: [PHONE],
            secondaryContactIds: [],
          },
        },
      ],
      rules: [
        { identifiers: [phone(PHONE), email(LORRAINE.email)] },
        { identifiers: [phone(PHONE), email(GEORGE.email)] },
      ],
    },
  });
  expect((await app.client.send('POST', '/identify', GEORGE)).body).toMatchObject({
    contact: { primaryContactId: 1, phoneNumbers: [] },
    ignored: [{ field: 'phoneNumber', reason: 'do-not-link' }],
  });
});

test('what nothing joins any more is kept together by an edge that says so', async () => {
  const { body } = await split({ contactIds: [3] });
  const { body: evidence } = await app.client.send<{ edges: object[] }>('GET', '/contacts/1/evidence');
  expect(evidence.edges).toEqual([
    expect.objectContaining({
      from: 1,
      to: 2,
      type: 'merge',
      cause: 'kept',
      identifiers: [],
      mergeId: body.mergeIds[0],
    }),
  ]);
});

test('an identifier that no contact takes along gets a contact of its own, dated now', async () => {
  const before = (await database.query<{ now: Date }>('select now()'))[0]!.now;
  const { body } = await split({ identifiers: [{ kind: 'phoneNumber', value: '12 34-56' }] });
  expect(body.identities).toEqual([
    {
      contact: {
        primaryContactId: 1,
        emails: [LORRAINE.email, GEORGE.email, BIFF.email],
        phoneNumbers: [],
        secondaryContactIds: [2, 3],
      },
    },
    { contact: { primaryContactId: 4, emails: [], phoneNumbers: [PHONE], secondaryContactIds: [] } },
  ]);
  expect(body.rules).toHaveLength(3);
  const [{ created_at: date } = {}] = await database.query<{ created_at: Date }>(
    'select created_at from contact where id = 4',
  );
  expect(date!.getTime()).toBeGreaterThanOrEqual(before.getTime());
});

test('the identity before the split is still told for its time', async () => {
  const before = await app.client.find(1);
  const [{ at } = {}] = await database.query<{ at: string }>(
    `select to_char(max(created_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at from contact`,
  );
  await split({ contactIds: [3] });
  expect((await app.client.send('GET', `/contacts/3?at=${at}`)).body).toEqual({ contact: before });
});

test('a merge whose sighting is torn apart is undone by the split', async () => {
  await app.client.identify({ email: 'mcfly@hillvalley.edu', phoneNumber: '88' });
  await app.client.identify({ email: 'mcfly@hillvalley.edu', phoneNumber: PHONE });
  const { body } = await split({ identifiers: [phone(PHONE)] });
  const { body: log } = await app.client.send<{ merges: object[] }>('GET', '/merges?contactId=1');
  expect(log.merges).toMatchObject([
    { cause: 'sighting', undone: { changeId: body.changeId } },
    ...body.mergeIds.map((id) => ({ id, cause: 'kept', undone: null })),
  ]);
  expect(body.rules).toHaveLength(4);
});

test('the history tells the split on both sides, and still what each contact attached to at first', async () => {
  const { body } = await split({ contactIds: [3] });
  const histories = await Promise.all([1, 3].map((id) => history(id)));
  const arrivals = histories.map((events) =>
    events
      .filter(({ type }) => ['created', 'linked'].includes(type))
      .map(({ type, contactIds }) => [type, contactIds]),
  );
  expect(arrivals).toEqual([
    [
      ['created', [1]],
      ['linked', [2, 1]],
    ],
    [['linked', [3, 1]]],
  ]);
  for (const events of histories) {
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'split', changeId: body.changeId, reason: REASON, contactIds: [1, 3] }),
    );
  }
});

test.each([
  ['an identity that keeps all its contacts as they are', { contactIds: [1] }, 1],
  ['a contact that the split made', { identifiers: [phone(PHONE)] }, 4],
])('the history of %s tells the split too', async (_, named, id) => {
  const { body } = await split(named);
  expect(await history(id)).toMatchObject([
    { type: 'created', contactIds: [id] },
    {
      type: 'split',
      contactIds: body.identities.map(({ contact }) => contact.primaryContactId),
      changeId: body.changeId,
    },
  ]);
});

test('a dry run tells what would be and changes nothing, and the call itself does that', async () => {
  const before = await rows();
  const named = { identifiers: [phone(PHONE)] };
  const dry = await split(named, { query: '?dryRun=true' });
  expect(await rows()).toEqual(before);
  expect(dry.body).toMatchObject({ changeId: null, changed: true, mergeIds: [] });
  expect(dry.body.identities[1]!.contact.primaryContactId).toBeNull();
  const headers = { 'if-match': dry.headers.get('etag')!, 'idempotency-key': 's' };
  const made = await split(named, { headers });
  expect(made.body.identities[0]).toEqual(dry.body.identities[0]);
  expect(made.body.identities[1]!.contact.primaryContactId).toBe(4);
  const after = await rows();
  expect((await split(named, { headers: { 'idempotency-key': 's' } })).body).toEqual(made.body);
  expect(await rows()).toEqual(after);
});

test.each([
  [{}, 'No identifier and no contact was named'],
  [{ identifiers: [], contactIds: [] }, 'No identifier and no contact was named'],
  [{ contactIds: [1, 2, 3] }, 'Everything would leave'],
  [{ contactId: 4, contactIds: [4] }, 'Everything would leave'],
  [{ contactIds: [3, 4] }, 'contactIds[1] is not in the identity of contactId'],
  [
    { identifiers: [email(LORRAINE.email), phone('88')] },
    'identifiers[1] is not in the identity of contactId',
  ],
])('what can not be split is refused, and says why: %j', async (named, why) => {
  await app.client.identify({ email: 'mcfly@hillvalley.edu', phoneNumber: '88' });
  const before = await rows();
  expect(await split(named)).toMatchObject({
    status: 422,
    body: { type: 'urn:problem:nothing-to-split', detail: expect.stringContaining(why) },
  });
  expect(await rows()).toEqual(before);
});

test.each([
  [{ contactId: 4711 }, 4711],
  [{ contactIds: [4711] }, 4711],
  [{ contactIds: [2] }, 2],
])('a contact that is unknown or deleted is named: %j', async (named, missing) => {
  await app.client.delete(2);
  expect(await split(named)).toMatchObject({
    status: 404,
    body: { type: 'urn:problem:contact-not-found', detail: `There is no contact ${missing}.` },
  });
});

test.each([
  [{ contactId: undefined }, 'contactId', 'contactId must be a whole number from 1 to 9007199254740991'],
  [{ contactId: '1' }, 'contactId', 'contactId must be a whole number from 1 to 9007199254740991'],
  [{ contactIds: 3 }, 'contactIds', 'contactIds must be an array'],
  [{ contactIds: [3, 3] }, 'contactIds', 'contactIds must not name a contact twice'],
  [{ identifiers: 'x' }, 'identifiers', 'identifiers must be an array'],
  [{ identifiers: ['x'] }, 'identifiers[0]', 'identifiers[0] must be an object with kind and value'],
  [
    { identifiers: [{ kind: 'fax', value: '1' }] },
    'identifiers[0].kind',
    'kind must be email or phoneNumber',
  ],
  [
    { identifiers: [{ kind: 'email', value: 'x' }] },
    'identifiers[0].value',
    'email must be a valid email address',
  ],
  [{ identifiers: [{ kind: 'email', value: ' ' }] }, 'identifiers[0].value', 'value must not be empty'],
  [{ identifiers: [{ kind: 'email', value: 7 }] }, 'identifiers[0].value', 'email must be a string'],
])('an invalid call names the field: %j', async (named, field, message) => {
  const before = await rows();
  expect(await split(named)).toMatchObject({
    status: 400,
    body: { type: 'urn:problem:invalid-request', errors: [{ field, message }] },
  });
  expect((await split({ ...named, reason: 7 })).status).toBe(400);
  expect(await rows()).toEqual(before);
});

test('what two splits took apart stays apart if all of it comes again', async () => {
  await split({ contactIds: [3] });
  await split({ contactIds: [2] });
  for (let i = 0; i < 2; i++) {
    for (const body of [LORRAINE, GEORGE, BIFF]) {
      await app.client.identify(body);
    }
  }
  expect(await app.client.find(1)).toMatchObject({ emails: [LORRAINE.email], phoneNumbers: [] });
  expect(await app.client.find(2)).toMatchObject({ emails: [GEORGE.email], phoneNumbers: [] });
  expect(await app.client.find(3)).toMatchObject({ emails: [BIFF.email], phoneNumbers: [PHONE] });
});

test.each([
  ['nobody has', null],
  ['somebody else has by now', { email: 'mcfly@hillvalley.edu', phoneNumber: PHONE }],
])('what only deleted contacts have and %s does not make one of both sides again', async (_, stranger) => {
  await app.client.identify({ email: LORRAINE.email, phoneNumber: '1' });
  await app.client.identify({ email: GEORGE.email, phoneNumber: '2' });
  for (const id of [1, 2, 3]) {
    await app.client.delete(id);
  }
  if (stranger !== null) {
    await app.client.identify(stranger);
  }
  const named = { contactId: 4, contactIds: [5] };
  const dry = await split(named, { query: '?dryRun=true' });
  const { body } = await split(named, { headers: { 'if-match': dry.headers.get('etag')! } });
  expect(body.rules).toMatchObject([{ identifiers: [email(GEORGE.email), phone(PHONE)] }]);
  expect(dry.body.rules).toMatchObject([{ identifiers: [email(GEORGE.email), phone(PHONE)] }]);
  for (const sighting of [LORRAINE, GEORGE, BIFF, { ...GEORGE, phoneNumber: '2' }]) {
    await app.client.identify(sighting);
  }
  expect(await app.client.find(4)).toMatchObject({
    emails: expect.arrayContaining([LORRAINE.email, BIFF.email]),
    phoneNumbers: expect.arrayContaining(['1', PHONE]),
  });
  expect(await app.client.find(5)).toMatchObject({ emails: [GEORGE.email], phoneNumbers: ['2'] });
});
