import { useApp, useDatabase } from '../../support/hooks.js';
import { storedRows, violations } from '../../support/invariants.js';
import type { Reply } from '../../support/client.js';
import type { Changed } from '../../support/wire.js';

const LORRAINE = { email: 'lorraine@hillvalley.edu' };
const GEORGE = { email: 'george@hillvalley.edu', phoneNumber: '123456' };
const BIFF = { phoneNumber: '919191' };
const REASON = 'They live together';

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));

beforeEach(async () => {
  await database.clear();
  for (const body of [LORRAINE, GEORGE, BIFF]) {
    await app.client.identify(body);
  }
});

afterEach(async () => {
  expect(await violations(database)).toEqual({});
});

interface MergeOptions {
  readonly query?: string;
  readonly headers?: Record<string, string>;
  readonly reason?: string;
  readonly force?: unknown;
}

const merge = (
  contactIds: unknown,
  { query = '', headers = {}, reason = REASON, force }: MergeOptions = {},
): Promise<Reply<Changed>> =>
  app.client.send('POST', `/merges${query}`, { contactIds, reason, force }, headers);

const rows = (): Promise<unknown> => storedRows(database);

const ALL = {
  primaryContactId: 1,
  emails: [LORRAINE.email, GEORGE.email],
  phoneNumbers: [GEORGE.phoneNumber, BIFF.phoneNumber],
  secondaryContactIds: [2, 3],
};

test('merging by hand makes the oldest contact the primary of all', async () => {
  const { status, body } = await merge([3, 1, 2]);
  expect({ status, body }).toEqual({
    status: 200,
    body: {
      changeId: expect.any(Number),
      changed: true,
      identities: [{ contact: ALL }],
      mergeIds: [expect.any(Number), expect.any(Number)],
      rules: [],
    },
  });
  expect(await app.client.find(3)).toEqual(ALL);
  expect(await app.client.identify(BIFF)).toEqual(ALL);
});

test('an edge joins the contact that is named first with each other one', async () => {
  const { body } = await merge([3, 1, 2]);
  expect(
    await database.query(
      `select id::int, survivor_id::int as survivor, merged_id::int as merged, left_contact_id::int as left,
        right_contact_id::int as right, cause, email, phone_number, change_id::int as change from identity_merge order by id`,
    ),
  ).toEqual(
    [
      { survivor: 1, merged: 3, left: 3, right: 1 },
      { survivor: 1, merged: 2, left: 3, right: 2 },
    ].map((edge, i) => ({
      ...edge,
      id: body.mergeIds[i],
      cause: 'manual',
      email: null,
      phone_number: null,
      change: body.changeId,
    })),
  );
});

test('a change is recorded with who made it, why and when, and the states it ended name it', async () => {
  const { body } = await merge([1, 2], { reason: `  ${REASON} ` });
  expect(
    await database.query('select id::int, kind, actor, reason, is_changed, contact_ids::int[] from change'),
  ).toEqual([
    {
      id: body.changeId,
      kind: 'merge',
      actor: 'anybody',
      reason: REASON,
      is_changed: true,
      contact_ids: [1, 2],
    },
  ]);
  expect(
    await database.query(
      'select contact_id::int, change_id::int, until = (select at from change) as same from contact_past',
    ),
  ).toEqual([{ contact_id: 2, change_id: body.changeId, same: true }]);
});

test('what is one identity already is not changed, and nothing is recorded', async () => {
  await merge([1, 2]);
  const before = await rows();
  expect((await merge([2, 1])).body).toEqual({
    changeId: null,
    changed: false,
    identities: [{ contact: expect.objectContaining({ primaryContactId: 1, secondaryContactIds: [2] }) }],
    mergeIds: [],
    rules: [],
  });
  expect(await rows()).toEqual(before);
});

test.each([
  [[1, 4711], 4711],
  [[3, 1, 2], 3],
])('a contact that is unknown or deleted is named: %j', async (contactIds, missing) => {
  await app.client.delete(3);
  const before = await rows();
  expect(await merge(contactIds)).toMatchObject({
    status: 404,
    body: { type: 'urn:problem:contact-not-found', detail: `There is no contact ${missing}.` },
  });
  expect(await rows()).toEqual(before);
});

test.each([
  ['contactIds', { contactIds: [1] }, 'contactIds must have at least 2 items'],
  ['contactIds', { contactIds: 12 }, 'contactIds must be an array'],
  ['contactIds', {}, 'contactIds must be an array'],
  ['contactIds', { contactIds: [1, 1] }, 'contactIds must not name a contact twice'],
  [
    'contactIds',
    { contactIds: Array.from({ length: 101 }, (_, i) => i + 1) },
    'contactIds must have at most 100 items',
  ],
  ...[0, -1, 1.5, '2', null, [2], 2 ** 53].map(
    (id) =>
      [
        'contactIds',
        { contactIds: [1, id] },
        'each of contactIds must be a whole number from 1 to 9007199254740991',
      ] as const,
  ),
  ['reason', { contactIds: [1, 2], reason: undefined }, 'reason must be a string of 1 to 500 characters'],
  ['reason', { contactIds: [1, 2], reason: 7 }, 'reason must be a string of 1 to 500 characters'],
  ['reason', { contactIds: [1, 2], reason: ' \n ' }, 'reason must not be empty'],
  ['reason', { contactIds: [1, 2], reason: 'x'.repeat(501) }, 'reason must have at most 500 characters'],
  ['reason', { contactIds: [1, 2], reason: 'a\u0000b' }, 'reason must not contain control characters'],
  ['reason', { contactIds: [1, 2], reason: 'a\ud800b' }, 'reason must not contain control characters'],
] as const)('a request with an invalid %s is refused: %j', async (field, body, message) => {
  const before = await rows();
  expect(await app.client.send('POST', '/merges', { reason: REASON, ...body })).toMatchObject({
    status: 400,
    body: { type: 'urn:problem:invalid-request', errors: [{ field, message }] },
  });
  expect(await rows()).toEqual(before);
});

test('the longest reason is 500 characters after trimming, whatever they are', async () => {
  const reason = '🦉'.repeat(500);
  expect((await merge([1, 2], { reason: ` ${reason}\n` })).status).toBe(200);
  expect(await database.query('select reason from change')).toEqual([{ reason }]);
});

test.each(['?dryRun=yes', '?dryRun=', '?dryRun=true&dryRun=true', '?dryRun[]=true&dryRun=false'])(
  'a dry run that is neither true nor false is refused: %s',
  async (query) => {
    expect(await merge([1, 2], { query })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'dryRun' }] },
    });
  },
);

describe('a rule between the identities', () => {
  beforeEach(async () => {
    const { identifiers, reason } = RULE;
    const { body } = await app.client.send<{ rules: unknown[] }>('POST', '/rules', { identifiers, reason });
    expect(body.rules).toEqual([RULE]);
  });

  const RULE = {
    id: expect.any(Number) as number,
    identifiers: [
      { kind: 'email', value: LORRAINE.email },
      { kind: 'phoneNumber', value: BIFF.phoneNumber },
    ],
    createdAt: expect.any(String) as string,
    actor: 'anybody',
    reason: 'They are two',
  };

  test.each(['', '?dryRun=true'])('forbids the merge, which tells it: %s', async (query) => {
    const before = await rows();
    expect(await merge([2, 3, 1], { query, force: false })).toMatchObject({
      status: 409,
      body: { type: 'urn:problem:do-not-link', rules: [RULE] },
    });
    expect(await rows()).toEqual(before);
    expect((await merge([2, 3])).status).toBe(200);
    expect((await merge([2, 1])).status).toBe(409);
  });

  test('is deleted by force, in the change that merges', async () => {
    const dry = await merge([1, 3], { query: '?dryRun=true', force: true });
    expect(await database.query('select from do_not_link')).toHaveLength(2);
    const made = await merge([1, 3], { force: true, headers: { 'if-match': dry.headers.get('etag')! } });
    expect(made).toMatchObject({ status: 200, body: { changed: true, rules: [] } });
    expect(await database.query('select from do_not_link')).toEqual([]);
    expect(await app.client.find(3)).toMatchObject({ primaryContactId: 1, secondaryContactIds: [3] });
  });

  test.each([1, 'yes', {}])('force is true or false: %j', async (force) => {
    expect(await merge([1, 3], { force })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'force', message: 'force must be true or false' }] },
    });
  });
});

const tag = async (ids = [2, 3]): Promise<string> =>
  (await merge(ids, { query: '?dryRun=true' })).headers.get('etag')!;

describe('a dry run', () => {
  test('changes no row and tells what would be, and the call itself does that', async () => {
    const before = await rows();
    const dry = await merge([2, 3], { query: '?dryRun=true', headers: { 'idempotency-key': '1' } });
    expect(await rows()).toEqual(before);
    const made = await merge([2, 3], { headers: { 'if-match': dry.headers.get('etag')! } });
    expect(dry).toMatchObject({ status: 200, body: { ...made.body, changeId: null, mergeIds: [] } });
    expect(made.body).toMatchObject({ changed: true, changeId: expect.any(Number) });
    expect(made.headers.get('etag')).toBeNull();
  });

  test('has a strong entity tag that is the same as long as nothing it rests on moves', async () => {
    const first = await tag();
    expect(first).toMatch(/^"[\w-]{22}"$/);
    await app.client.identify({ ...LORRAINE, phoneNumber: '1' }); // another identity
    expect([await tag(), await tag([3, 2])]).toEqual([first, first]);
    expect(await tag([1, 2])).not.toBe(first);
    await app.client.identify({ ...BIFF, email: 'biff@hillvalley.edu' });
    expect(await tag()).not.toBe(first);
  });

  test('of a contact that is not there is refused as the call itself', async () => {
    expect((await merge([1, 4711], { query: '?dryRun=true' })).status).toBe(404);
  });
});

describe('If-Match', () => {
  test('of something that has moved since refuses the change', async () => {
    const { headers } = await merge([2, 3], { query: '?dryRun=true' });
    await app.client.identify({ ...BIFF, email: 'biff@hillvalley.edu' });
    const before = await rows();
    expect(await merge([2, 3], { headers: { 'if-match': headers.get('etag')! } })).toMatchObject({
      status: 412,
      body: { type: 'urn:problem:precondition-failed' },
    });
    expect(await rows()).toEqual(before);
  });

  test.each(['"x"', 'x', '', 'W/*'])('that names nothing refuses the change: %s', async (ifMatch) => {
    expect((await merge([2, 3], { headers: { 'if-match': ifMatch } })).status).toBe(412);
  });

  test('takes several tags, any tag, and no weak one', async () => {
    const current = await tag();
    expect((await merge([2, 3], { headers: { 'if-match': `W/${current}` } })).status).toBe(412);
    expect((await merge([2, 3], { headers: { 'if-match': `"x", ${current}` } })).status).toBe(200);
    expect((await merge([2, 1], { headers: { 'if-match': '*' } })).status).toBe(200);
  });
});

describe('an idempotency key', () => {
  const KEY = { headers: { 'idempotency-key': 'merge-1' } };

  test('makes a change once: the repetition tells the same change', async () => {
    const first = await merge([1, 2], KEY);
    const before = await rows();
    expect(await merge([1, 2], KEY)).toMatchObject({ status: 200, body: first.body });
    expect(await rows()).toEqual(before);
  });

  test('is answered with the contacts as they are now', async () => {
    const { body } = await merge([1, 2], KEY);
    await app.client.delete(1);
    expect((await merge([1, 2], KEY)).body).toEqual({
      ...body,
      identities: [{ contact: expect.objectContaining({ primaryContactId: 2 }) }],
    });
    await app.client.delete(2);
    expect((await merge([1, 2], KEY)).body).toEqual({ ...body, identities: [] });
  });

  test('remembers that there was nothing to change', async () => {
    await merge([1, 2]);
    const first = await merge([1, 2], KEY);
    expect(first.body).toMatchObject({ changeId: null, changed: false });
    await app.client.delete(1);
    expect((await merge([1, 2], KEY)).body).toMatchObject({ changeId: null, changed: false });
  });

  test('stands for the route and the body, whatever the order of its properties', async () => {
    await merge([1, 2], KEY);
    const before = await rows();
    for (const [path, body] of [
      ['/merges', { contactIds: [2, 1], reason: REASON }],
      ['/merges', { contactIds: [1, 2], reason: 'Another' }],
    ] as const) {
      expect(await app.client.send('POST', path, body, KEY.headers)).toMatchObject({
        status: 422,
        body: { type: 'urn:problem:idempotency-key-reused' },
      });
    }
    expect(await app.client.send('DELETE', '/identities/1', undefined, KEY.headers)).toMatchObject({
      status: 422,
    });
    expect(await rows()).toEqual(before);
    const reordered = { reason: REASON, contactIds: [1, 2] };
    expect((await app.client.send('POST', '/merges', reordered, KEY.headers)).status).toBe(200);
  });

  test('is not kept for what was refused', async () => {
    expect((await merge([1, 4711], KEY)).status).toBe(404);
    expect((await merge([1, 2], { headers: { ...KEY.headers, 'if-match': '"x"' } })).status).toBe(412);
    expect((await merge([1, 2], KEY)).body.changed).toBe(true);
  });

  test('is good for 24 hours, and may then be used for something else', async () => {
    await merge([1, 2], KEY);
    await database.query(
      `update change set at = (at at time zone 'UTC' - interval '23 hours 59 minutes') at time zone 'UTC'`,
    );
    expect((await merge([2, 3], KEY)).status).toBe(422);
    await database.query(
      `update change set at = (at at time zone 'UTC' - interval '2 minutes') at time zone 'UTC'`,
    );
    const { body } = await merge([2, 3], KEY);
    expect(body.changed).toBe(true);
    expect(await database.query('select id::int from change where idempotency_key is not null')).toEqual([
      { id: body.changeId },
    ]);
  });

  test('makes one change of many calls at once', async () => {
    const replies = await Promise.all(Array.from({ length: 8 }, () => merge([1, 2, 3], KEY)));
    const statuses = new Set(replies.map(({ status }) => status));
    expect([...statuses].filter((status) => status !== 200 && status !== 409)).toEqual([]);
    expect(statuses).toContain(200);
    const refused = replies.find(({ status }) => status === 409);
    expect(refused).toMatchObject({ body: { type: 'urn:problem:idempotency-key-in-flight' } });
    expect(await database.query('select from change')).toHaveLength(1);
  });

  test.each(['a b', 'x'.repeat(256), 'ü'])('that is none is refused: %s', async (key) => {
    expect(await merge([1, 2], { headers: { 'idempotency-key': key } })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'Idempotency-Key' }] },
    });
  });
});
