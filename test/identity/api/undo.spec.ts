import pg from 'pg';
import type { Reply } from '../../support/client.js';
import { useApp, useDatabase } from '../../support/hooks.js';
import { storedRows, violations } from '../../support/invariants.js';
import { until } from '../../support/until.js';
import type { Changed, ShownIdentity } from '../../support/wire.js';

const LORRAINE = { email: 'lorraine@hillvalley.edu', phoneNumber: '123456' };
const GEORGE = { email: 'george@hillvalley.edu', phoneNumber: '919191' };
const BIFF = { email: 'biff@hillvalley.edu', phoneNumber: '717171' };
const BOTH = { email: LORRAINE.email, phoneNumber: GEORGE.phoneNumber };
const REASON = 'They share a phone';

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));

beforeEach(async () => {
  await database.clear();
  await app.client.identify(LORRAINE);
  await app.client.identify(GEORGE);
});

afterEach(async () => {
  expect(await violations(database)).toEqual({});
});

interface Options {
  readonly query?: string;
  readonly headers?: Record<string, string>;
  readonly body?: object;
}

const undo = (
  id: number | string,
  { query = '', headers = {}, body = { reason: REASON } }: Options = {},
): Promise<Reply<Changed>> => app.client.send('POST', `/merges/${id}/undo${query}`, body, headers);

async function mergeIds(contactId = 1): Promise<number[]> {
  const { body } = await app.client.send<{ merges: { id: number }[] }>(
    'GET',
    `/merges?contactId=${contactId}`,
  );
  return body.merges.map(({ id }) => id);
}

async function lastMerge(): Promise<number> {
  return (await mergeIds()).at(-1)!;
}

const rows = (): Promise<unknown> => storedRows(database);

const alone = ({ email, phoneNumber }: typeof GEORGE, id: number): ShownIdentity => ({
  primaryContactId: id,
  emails: [email],
  phoneNumbers: [phoneNumber],
  secondaryContactIds: [],
});
const PAIR = [
  { kind: 'email', value: LORRAINE.email },
  { kind: 'phoneNumber', value: GEORGE.phoneNumber },
];

test('undoing a merge gives both identities back, and a rule keeps them apart', async () => {
  await app.client.identify(BOTH);
  const { status, body } = await undo(await lastMerge());
  expect({ status, body }).toMatchObject({
    status: 200,
    body: {
      changeId: expect.any(Number),
      changed: true,
      identities: [{ contact: alone(LORRAINE, 1) }, { contact: alone(GEORGE, 2) }],
      mergeIds: [],
      rules: [{ identifiers: PAIR }],
    },
  });
  expect(body).not.toHaveProperty('assumed');
  expect(await app.client.send('POST', '/identify', BOTH)).toMatchObject({
    status: 200,
    body: { contact: alone(LORRAINE, 1), ignored: [{ field: 'phoneNumber', reason: 'do-not-link' }] },
  });
  expect(await app.client.find(2)).toEqual(alone(GEORGE, 2));
});

test('the log tells that the merge was undone, by whom and why', async () => {
  await app.client.identify(BOTH);
  const id = await lastMerge();
  const { body } = await undo(id);
  const { body: log } = await app.client.send<{ merges: unknown[] }>('GET', '/merges?contactId=2');
  expect(log.merges).toMatchObject([{ id, undone: { changeId: body.changeId, at: expect.any(String) } }]);
  const history = await app.client.send<{ events: { type: string }[] }>('GET', '/contacts/2/history');
  expect(history.body.events.map(({ type }) => type)).toEqual(['created', 'merged', 'merge-undone']);
  expect(history.body.events.at(-1)).toMatchObject({ mergeId: id, reason: REASON, changeId: body.changeId });
  expect(await app.client.send('GET', '/contacts/1/evidence?to=2')).toMatchObject({
    body: { connected: false, undoneMerges: [{ id }] },
  });
});

test('a merge that was undone before is left as it is', async () => {
  await app.client.identify(BOTH);
  const id = await lastMerge();
  await undo(id);
  const before = await rows();
  expect((await undo(id)).body).toEqual({
    changeId: null,
    changed: false,
    identities: [{ contact: alone(LORRAINE, 1) }, { contact: alone(GEORGE, 2) }],
    mergeIds: [],
    rules: [],
  });
  expect(await rows()).toEqual(before);
});

test('a repetition under the key of the call tells the older primary of today first', async () => {
  await app.client.identify({ email: GEORGE.email, phoneNumber: LORRAINE.phoneNumber });
  const id = await lastMerge();
  await undo(id, { headers: { 'idempotency-key': 'first' } });
  const again = await undo(id, { headers: { 'idempotency-key': 'second' } });
  const told = async (): Promise<(number | null)[]> => {
    const replies = [
      await undo(id, { headers: { 'idempotency-key': 'first' } }),
      await undo(id, { headers: { 'idempotency-key': 'second' } }),
      await undo(id),
    ];
    const ids = replies.map(({ body }) => body.identities.map(({ contact }) => contact.primaryContactId));
    expect(ids).toEqual([ids[0], ids[0], ids[0]]);
    return ids[0]!;
  };
  expect(again.body.identities.map(({ contact }) => contact.primaryContactId)).toEqual([1, 2]);
  expect(await told()).toEqual([1, 2]);
  await app.client.identify({ ...LORRAINE, email: 'mcfly@hillvalley.edu' });
  await app.client.send('DELETE', '/contacts/1');
  expect(await told()).toEqual([2, 3]);
});

test('what came after the merge goes with the side that it came to', async () => {
  await app.client.identify(BOTH);
  const id = await lastMerge();
  await app.client.identify({ ...GEORGE, email: 'mcfly@hillvalley.edu' });
  await app.client.identify(BIFF);
  await app.client.identify({ email: BIFF.email, phoneNumber: LORRAINE.phoneNumber });
  const { body } = await undo(id);
  expect(body.identities.map(({ contact }) => contact)).toEqual([
    {
      primaryContactId: 1,
      emails: [LORRAINE.email, BIFF.email],
      phoneNumbers: [LORRAINE.phoneNumber, BIFF.phoneNumber],
      secondaryContactIds: [4],
    },
    {
      primaryContactId: 2,
      emails: [GEORGE.email, 'mcfly@hillvalley.edu'],
      phoneNumbers: [GEORGE.phoneNumber],
      secondaryContactIds: [3],
    },
  ]);
  expect(await app.client.find(3)).toEqual(body.identities[1]!.contact);
});

test('undoing a merge by hand leaves no rule', async () => {
  const merged = await app.client.send<Changed>('POST', '/merges', { contactIds: [1, 2], reason: REASON });
  const { body } = await undo(merged.body.mergeIds[0]!);
  expect(body).toMatchObject({ changed: true, rules: [] });
  expect(body.identities).toHaveLength(2);
  expect(await app.client.identify(BOTH)).toMatchObject({ primaryContactId: 1, secondaryContactIds: [2] });
});

test('a side without live contacts is not told, and its value stays reserved', async () => {
  await app.client.identify(BOTH);
  await app.client.delete(2);
  const { body } = await undo(await lastMerge());
  expect(body).toMatchObject({
    identities: [{ contact: alone(LORRAINE, 1) }],
    rules: [{ identifiers: PAIR }],
  });
  expect(await app.client.identify(BOTH)).toEqual(alone(LORRAINE, 1));
  expect(await app.client.identify(GEORGE)).toEqual(alone(GEORGE, 3));
});

test('there is no rule where one identity has both values since one was freed', async () => {
  await app.client.identify(BOTH);
  await app.client.delete(2);
  await app.client.identify(BOTH); // claims the freed number for Lorraine
  const { body } = await undo(await lastMerge());
  expect(body.rules).toEqual([]);
  expect(body.identities).toMatchObject([{ contact: { primaryContactId: 1, secondaryContactIds: [3] } }]);
});

test('a dry run tells what would be and changes nothing, and the call itself does that', async () => {
  await app.client.identify(BOTH);
  const id = await lastMerge();
  const before = await rows();
  const dry = await undo(id, { query: '?dryRun=true' });
  expect(await rows()).toEqual(before);
  const made = await undo(id, { headers: { 'if-match': dry.headers.get('etag')!, 'idempotency-key': 'u' } });
  expect(dry.body).toMatchObject({ changeId: null, changed: true, identities: made.body.identities });
  const after = await rows();
  expect((await undo(id, { headers: { 'idempotency-key': 'u' } })).body).toEqual(made.body);
  expect(await rows()).toEqual(after);
});

test('is refused if anything that it rests on has moved since the dry run', async () => {
  await app.client.identify(BOTH);
  const id = await lastMerge();
  const dry = await undo(id, { query: '?dryRun=true' });
  await app.client.identify({ ...GEORGE, email: 'mcfly@hillvalley.edu' });
  const before = await rows();
  expect(await undo(id, { headers: { 'if-match': dry.headers.get('etag')! } })).toMatchObject({
    status: 412,
    body: { type: 'urn:problem:precondition-failed' },
  });
  expect(await rows()).toEqual(before);
});

test.each([
  [4711, {}, 404, 'urn:problem:merge-not-found'],
  ['x', {}, 400, 'urn:problem:invalid-request'],
  [0, {}, 400, 'urn:problem:invalid-request'],
  [1, { body: {} }, 400, 'urn:problem:invalid-request'],
] as const)('an unknown merge or an invalid call is refused: %j %j', async (id, options, status, type) => {
  const before = await rows();
  expect(await undo(id, options)).toMatchObject({ status, body: { type } });
  expect(await rows()).toEqual(before);
});

test('an undo that rests on evidence that was not recorded says so', async () => {
  await app.client.identify(BOTH);
  const id = await lastMerge();
  await database.query('update identity_merge set ends_assumed = true');
  expect((await undo(id, { query: '?dryRun=true' })).body).toMatchObject({ changed: true, assumed: true });
  expect((await undo(id)).body).toMatchObject({ changed: true, assumed: true });
});

test('one of many undos at once makes the change', async () => {
  await app.client.identify(BOTH);
  const id = await lastMerge();
  const replies = await Promise.all(Array.from({ length: 8 }, () => undo(id)));
  expect(replies.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200));
  expect(replies.filter(({ body }) => body.changed)).toHaveLength(1);
  expect(await database.query('select from change')).toHaveLength(1);
});

test('a change that takes longer than a call may wait is told so, goes on, and is made once under its key', async () => {
  await app.client.identify(BOTH);
  const id = await lastMerge();
  const holder = new pg.Client({ connectionString: database.adminUrl });
  await holder.connect();
  await holder.query('begin; select id from contact where tenant_id = 1 for update');
  const headers = { 'idempotency-key': 'undo-once' };
  const { status, headers: told, body } = await undo(id, { headers });
  expect({ status, retryAfter: told.get('retry-after'), body }).toMatchObject({
    status: 503,
    retryAfter: '5',
    body: { type: 'urn:problem:change-under-way' },
  });
  await holder.query('rollback');
  await holder.end();
  let again = await undo(id, { headers });
  await until(async () => {
    again = await undo(id, { headers });
    return again.status !== 409;
  });
  expect(again).toMatchObject({ status: 200, body: { changed: true, changeId: expect.any(Number) } });
  expect((await undo(id, { headers })).body.changeId).toBe(again.body.changeId);
  expect(await database.query('select from change')).toHaveLength(1);
});
