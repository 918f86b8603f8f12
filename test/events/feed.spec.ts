import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApp } from '../support/app.js';
import type { Reply } from '../support/client.js';
import { command } from '../support/command.js';
import { useApp, useDatabase } from '../support/hooks.js';
import { violations } from '../support/invariants.js';

interface Event {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly sequence: string;
  readonly data: Record<string, unknown>;
}

interface Page {
  readonly events: readonly Event[];
  readonly next: string;
  readonly hasMore: boolean;
}

const LORRAINE = { email: 'lorraine@hillvalley.edu', phoneNumber: '123456' };
const GEORGE = { email: 'george@hillvalley.edu', phoneNumber: '919191' };
const BOTH = { email: LORRAINE.email, phoneNumber: GEORGE.phoneNumber };
const REASON = { reason: 'They share a phone' };

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));

beforeEach(() => database.clear());

afterEach(async () => {
  expect(await violations(database)).toEqual({});
});

const read = (query = ''): Promise<Reply<Page>> => app.client.send<Page>('GET', `/events${query}`);

async function lastMerge(): Promise<number> {
  const { body } = await app.client.send<{ merges: { id: number }[] }>('GET', '/merges?contactId=1');
  return body.merges.at(-1)!.id;
}

const statusAfter = async (cursor: string): Promise<number> => (await read(`?after=${cursor}`)).status;

/** All events, as soon as there are so many. */
async function events(count: number, after = ''): Promise<Event[]> {
  const found: Event[] = [];
  let cursor = after;
  while (found.length < count) {
    const { body } = await read(`?wait=8${cursor && `&after=${cursor}`}`);
    found.push(...body.events);
    cursor = body.next;
  }
  return found;
}

const told = ({ type, subject, data }: Event): [string, string, Record<string, unknown>] => {
  const { requestId, ...rest } = data;
  expect(['string', 'undefined']).toContain(typeof requestId);
  return [type, subject, rest];
};

test('every kind of change is told with ids, in order, and never with an identifier', async () => {
  const { client } = app;
  await client.identify(LORRAINE, { 'x-request-id': 'call-1' });
  await client.identify({ ...LORRAINE, phoneNumber: '555555' });
  await client.identify(GEORGE);
  await client.identify(BOTH);
  const mergeId = await lastMerge();
  const { body: undone } = await client.send<{ changeId: number }>('POST', `/merges/${mergeId}/undo`, REASON);
  const { changeId } = undone;
  await client.send('POST', '/merges', { contactIds: [1, 3], force: true, ...REASON });
  await client.send('POST', '/splits', { contactId: 1, contactIds: [3], ...REASON });
  await client.delete(1);
  await client.send('DELETE', '/identities/3', REASON);
  const found = await events(9);
  const manual = { cause: 'manual' };
  expect(found.map(told)).toEqual([
    [
      'identity.created',
      'contacts/1',
      { primaryContactId: 1, version: 1, contactIds: [1], cause: 'identify' },
    ],
    [
      'identity.updated',
      'contacts/1',
      { primaryContactId: 1, version: 2, contactIds: [2], cause: 'identify' },
    ],
    [
      'identity.created',
      'contacts/3',
      { primaryContactId: 3, version: 1, contactIds: [3], cause: 'identify' },
    ],
    [
      'identity.merged',
      'contacts/1',
      { primaryContactId: 1, version: 3, mergedIds: [3], cause: 'identify', mergeId },
    ],
    [
      'identity.split',
      'contacts/1',
      {
        primaryContactId: 1,
        version: 4,
        partedPrimaryContactId: 3,
        partedVersion: 3,
        partedIds: [3],
        ...manual,
        mergeId,
        changeId,
      },
    ],
    [
      'identity.merged',
      'contacts/1',
      {
        primaryContactId: 1,
        version: 5,
        mergedIds: [3],
        ...manual,
        changeId: changeId + 1,
        mergeId: mergeId + 1,
      },
    ],
    [
      'identity.split',
      'contacts/1',
      {
        primaryContactId: 1,
        version: 6,
        partedPrimaryContactId: 3,
        partedVersion: 5,
        partedIds: [3],
        ...manual,
        mergeId: mergeId + 1,
        changeId: changeId + 2,
      },
    ],
    [
      'contact.deleted',
      'contacts/2',
      { primaryContactId: 2, version: 2, previousPrimaryContactId: 1, contactIds: [1], ...manual },
    ],
    [
      'contact.deleted',
      'contacts/3',
      {
        primaryContactId: null,
        previousPrimaryContactId: 3,
        contactIds: [3],
        ...manual,
        changeId: changeId + 3,
      },
    ],
  ]);
  expect(found[0]!.data.requestId).toBe('call-1');
  expect(found.every(({ data }) => typeof data.requestId === 'string')).toBe(true);
  expect(found.map(({ sequence }) => Number(sequence))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(JSON.stringify(found)).not.toMatch(/hillvalley|123456|919191|555555/);
});

test('a call that writes nothing, a dry run and a rule leave no identity event', async () => {
  await app.client.identify(LORRAINE);
  await app.client.identify(LORRAINE);
  await app.client.send('POST', '/identify?dryRun=true', GEORGE);
  await app.client.send('POST', '/rules', {
    identifiers: [
      { kind: 'email', value: LORRAINE.email },
      { kind: 'email', value: 'nobody@hillvalley.edu' },
    ],
    ...REASON,
  });
  await app.client.identify(GEORGE);
  expect((await events(2)).map(({ type, subject }) => [type, subject])).toEqual([
    ['identity.created', 'contacts/1'],
    ['identity.created', 'contacts/2'],
  ]);
});

test('reviews are told when they are opened and decided, also by a rule', async () => {
  await app.client.identify(LORRAINE);
  await app.client.identify(GEORGE);
  await app.client.identify(BOTH);
  await app.client.send('POST', `/merges/${await lastMerge()}/undo`, REASON);
  const emails = [LORRAINE, GEORGE].map(({ email }) => ({ kind: 'email', value: email }));
  await app.client.send('POST', '/rules', { identifiers: emails, ...REASON });
  // the rule of the undo names another pair
  await app.client.identify({ email: GEORGE.email, phoneNumber: LORRAINE.phoneNumber });
  await app.client.send('POST', '/reviews/1', { decision: 'keep-apart', ...REASON });
  const found = await events(6);
  expect(found.slice(4).map(told)).toEqual([
    ['review.opened', 'reviews/1', { reviewId: 1, reason: 'do-not-link', cause: 'identify' }],
    [
      'review.decided',
      'reviews/1',
      { reviewId: 1, decision: 'keep-apart', cause: 'manual', changeId: expect.any(Number) as number },
    ],
  ]);
});

test('an erasure is told, without what was erased', async () => {
  await using erasing = await startApp({ DATABASE_URL: database.url, ERASURE_KEY: 'k'.repeat(32) });
  await erasing.client.identify(LORRAINE);
  await erasing.client.send('POST', '/erasures', { contactId: 1, scope: 'identity', ...REASON });
  const [, erased] = await events(2);
  expect(told(erased!)).toEqual([
    'identity.erased',
    'contacts/1',
    expect.objectContaining({ primaryContactId: null, previousPrimaryContactId: 1, contactIds: [1] }),
  ]);
});

test('what an import writes says so', async () => {
  const path = join(await mkdtemp(join(tmpdir(), 'people-')), 'people.csv');
  await writeFile(path, 'email,phone\nlorraine@hillvalley.edu,123456\nlorraine@hillvalley.edu,555555\n');
  const { code } = await command(['import', path], { DATABASE_URL: database.url });
  expect(code).toBe(0);
  expect(told((await events(1))[0]!)).toEqual([
    'identity.created',
    'contacts/1',
    { primaryContactId: 1, version: 1, contactIds: [1, 2], cause: 'import' },
  ]);
});

test('pages go on after the cursor, and the id of an event is one', async () => {
  for (let i = 0; i < 5; i++) {
    await app.client.identify({ email: `biff${i}@hillvalley.edu` });
  }
  const all = await events(5);
  const { body: first } = await read('?limit=2');
  expect([first.events, first.hasMore]).toEqual([all.slice(0, 2), true]);
  expect((await read(`?limit=3&after=${first.next}`)).body).toEqual({
    events: all.slice(2),
    next: all[4]!.id,
    hasMore: false,
  });
  expect((await read(`?after=${all[3]!.id}`)).body.events).toEqual(all.slice(4));
  expect((await read('?after=latest')).body).toEqual({ events: [], next: all[4]!.id, hasMore: false });
});

test('the newest events come first if asked for, page by page, of all types or of some', async () => {
  for (let i = 0; i < 4; i++) {
    await app.client.identify({ email: `biff${i}@hillvalley.edu` });
  }
  await app.client.identify({ email: 'biff0@hillvalley.edu', phoneNumber: '919191' });
  const all = await events(5);
  const { body: first } = await read('?order=newest&limit=2');
  expect(first).toEqual({ events: [all[4], all[3]], next: all[3]!.id, hasMore: true });
  const { body: rest } = await read(`?order=newest&limit=3&after=${first.next}`);
  expect(rest).toEqual({ events: [all[2], all[1], all[0]], next: all[0]!.id, hasMore: false });
  expect((await read(`?order=newest&types=identity.updated`)).body).toEqual({
    events: [all[4]],
    next: all[0]!.id,
    hasMore: false,
  });
  await database.query('update event_head set trimmed = 2');
  await database.query('delete from event_log where position <= 2');
  expect((await read('?order=newest&limit=3')).body).toMatchObject({ next: all[2]!.id, hasMore: false });
  expect((await read(`?order=newest&after=${all[0]!.id}`)).status).toBe(410);
});

test('of an empty log the newest events are none, and what happens next is among them at once', async () => {
  const { body: none } = await read('?order=newest');
  expect([none.events, none.hasMore]).toEqual([[], false]);
  await app.client.identify(LORRAINE);
  const { body: one } = await read('?order=newest&after=latest');
  expect(one.events.map(({ type }) => type)).toEqual(['identity.created']);
  expect((await read(`?after=${none.next}`)).body.events).toEqual(one.events);
});

test('positions that the cursor of an export names are skipped, and no others', async () => {
  for (let i = 0; i < 4; i++) {
    await app.client.identify({ email: `biff${i}@hillvalley.edu` });
  }
  const all = await events(4);
  const { body: first } = await read(`?limit=2&after=${all[0]!.id}~3-4`);
  expect(first).toEqual({ events: [all[1]], next: `${all[2]!.id}~4`, hasMore: true });
  const { body: rest } = await read(`?after=${first.next}`);
  expect(rest).toEqual({ events: [], next: all[3]!.id, hasMore: false });
});

test('of some types only these are told, and the cursor passes the others', async () => {
  await app.client.identify(LORRAINE);
  await app.client.identify(GEORGE);
  await app.client.identify(BOTH);
  await app.client.identify({ email: 'doc@hillvalley.edu' });
  const all = await events(4);
  expect((await read('?types=identity.merged,identity.split')).body).toEqual({
    events: [all[2]],
    next: all[3]!.id,
    hasMore: false,
  });
});

test('a call that waits is answered by the next event, also by one that another replica wrote', async () => {
  await using other = await startApp({ DATABASE_URL: database.url });
  const { next } = (await read('?after=latest')).body;
  const waiting = read(`?wait=8&after=${next}`);
  await other.client.identify(LORRAINE);
  expect((await waiting).body.events.map(({ type }) => type)).toEqual(['identity.created']);
});

test('a call that waits is answered when the service ends', async () => {
  const ending = await startApp({ DATABASE_URL: database.url });
  const waiting = ending.client.send<Page>('GET', '/events?wait=8');
  await ending.client.send('GET', '/events');
  const [{ status, body }] = await Promise.all([waiting, ending.close()]);
  expect([status, body.events]).toEqual([200, []]);
});

test.each([
  ['after', 'after=7'],
  ['limit', 'limit=201'],
  ['order', 'order=oldest'],
  ['wait', 'order=newest&wait=1'],
  ['types', 'types=identity.gone'],
  ['types', 'types='],
  ['wait', 'wait=9'],
  ['wait', 'wait=1.5'],
])('names %s if the query is %s', async (field, query) => {
  const { status, body } = await app.client.send<{ errors: { field: string }[] }>('GET', `/events?${query}`);
  expect([status, body.errors.map((error) => error.field)]).toEqual([400, [field]]);
});

describe('a cursor is refused with 410', () => {
  test('if the log was restored to a moment before it', async () => {
    await app.client.identify(LORRAINE);
    const [event] = await events(1);
    expect(await statusAfter(event!.id)).toBe(200);
    await database.query('update event_head set position = 0');
    await database.query('delete from event_log');
    expect(await statusAfter(event!.id)).toBe(410);
    await database.query("update event_head set origin = 'elsewhere'");
    await app.client.identify(GEORGE);
    const [other] = await events(1);
    expect(other!.sequence).toBe(event!.sequence);
    expect(other!.id).not.toBe(event!.id);
    expect(await statusAfter(event!.id)).toBe(410);
    expect(await statusAfter(other!.id)).toBe(200);
  });

  test('after changes were made without events', async () => {
    await app.client.identify(LORRAINE);
    const [event] = await events(1);
    await using quiet = await startApp({ DATABASE_URL: database.url, EVENTS_ENABLED: 'false' });
    expect((await quiet.client.send('GET', '/events')).status).toBe(404);
    await quiet.client.identify(GEORGE);
    await quiet.close();
    expect(await statusAfter(event!.id)).toBe(410);
    const { next } = (await read()).body;
    await app.client.identify({ email: 'doc@hillvalley.edu' });
    expect((await events(1, next)).map(({ subject }) => subject)).toEqual(['contacts/3']);
    await database.clear();
  });
});
