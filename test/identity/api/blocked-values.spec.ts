import { placeholders } from '../../../src/identity/domain/placeholders.js';
import type { Reply } from '../../support/client.js';
import { useApp, useDatabase } from '../../support/hooks.js';
import { storedRows, violations } from '../../support/invariants.js';
import { CUSTOMER_ID, declareKinds, LOYALTY_CARD } from '../../support/policy.js';
import type { ShownIdentity } from '../../support/wire.js';

const LORRAINE = 'lorraine@hillvalley.edu';
const GEORGE = 'george@hillvalley.edu';
const BIFF = 'biff@hillvalley.edu';
const REASON = 'A placeholder';
const BLOCKED = [{ field: 'phoneNumber', reason: 'blocked' }];

interface Told {
  readonly id: number | null;
  readonly kind: string;
  readonly pattern: string;
  readonly createdAt: string | null;
}
interface Made {
  readonly changeId: number | null;
  readonly changed: boolean;
  readonly blockedValue: Told;
  readonly identitiesAffected: number;
}
interface Listed {
  readonly blockedValues: readonly Told[];
  readonly next: string | null;
}
interface Identified {
  readonly contact: ShownIdentity;
  readonly ignored?: unknown;
}
interface Options {
  readonly kind?: string;
  readonly existing?: string;
  readonly query?: string;
  readonly headers?: Record<string, string>;
  readonly reason?: string;
}

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url, DEFAULT_PHONE_REGION: 'DE' }));

// Each test has a number of its own, because values are taken out again some seconds after they were blocked.
let number = 0;
let zeros = '';

beforeEach(async () => {
  zeros = String(++number).padStart(10, '0');
  for (const { id } of (await list('?limit=200')).blockedValues) {
    await remove(id);
  }
  await database.clear();
});

afterEach(async () => {
  expect(await violations(database)).toEqual({});
});

const send = <T>(method: string, path: string, body?: unknown, headers = {}): Promise<Reply<T>> =>
  app.client.send<T>(method, path, body, headers);

const block = (
  pattern: unknown,
  { kind = 'phoneNumber', existing = 'split', query = '', headers = {}, reason = REASON }: Options = {},
): Promise<Reply<Made>> =>
  send('POST', `/blocked-values${query}`, { kind, pattern, existing, reason }, headers);

const dry = (pattern: unknown, options: Options = {}): Promise<Reply<Made>> =>
  block(pattern, { ...options, query: '?dryRun=true' });

const list = async (query = ''): Promise<Listed> =>
  (await send<Listed>('GET', `/blocked-values${query}`)).body;

const remove = async (id: number | null, body?: unknown, headers = {}): Promise<number> =>
  (await send('DELETE', `/blocked-values/${id}`, body, headers)).status;

const identify = async (email: string | null, phoneNumber: string | null = null): Promise<Identified> =>
  (await send<Identified>('POST', '/identify', { email, phoneNumber })).body;

const identifyAs = (customerId: string, email: string): Promise<Reply<Identified>> =>
  send('POST', '/identify', { email, identifiers: { customerId } });

const lookUp = async (body: object): Promise<unknown[]> =>
  (await send<{ identities: unknown[] }>('POST', '/lookup', body)).body.identities;

/** Three strangers whom one number made one. */
async function glue(phoneNumber = zeros): Promise<void> {
  await identify(LORRAINE, phoneNumber);
  await identify(GEORGE, phoneNumber);
  await identify(BIFF, phoneNumber);
}

async function stored(): Promise<unknown> {
  return [await storedRows(database), await database.query('select * from blocked_value order by id')];
}

const dryWith = (body: object): Promise<Reply<Made>> =>
  send('POST', '/blocked-values?dryRun=true', { existing: 'keep', reason: REASON, ...body });

const alone = (id: number, email: string) => ({
  primaryContactId: id,
  emails: [email],
  phoneNumbers: [],
  secondaryContactIds: [],
});

describe('blocking a value', () => {
  test('that made three strangers one makes them three again, and no replay makes them one', async () => {
    await glue();
    expect(await app.client.find(3)).toMatchObject({ primaryContactId: 1, secondaryContactIds: [2, 3] });
    const { status, body } = await block(` ${zeros.slice(0, 3)}-${zeros.slice(3)}`);
    expect({ status, body }).toEqual({
      status: 201,
      body: {
        changeId: expect.any(Number),
        changed: true,
        blockedValue: {
          id: expect.any(Number),
          kind: 'phoneNumber',
          pattern: zeros,
          createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
        },
        identitiesAffected: 1,
      },
    });
    const three = [alone(1, LORRAINE), alone(2, GEORGE), alone(3, BIFF)];
    expect(await Promise.all([1, 2, 3].map((id) => app.client.find(id)))).toEqual(three);
    expect(await lookUp({ phoneNumber: zeros })).toEqual([]);

    for (const [i, email] of [LORRAINE, GEORGE, BIFF].entries()) {
      expect(await identify(email, zeros)).toEqual({ contact: three[i], ignored: BLOCKED });
    }
    expect(await send('POST', '/identify', { phoneNumber: zeros })).toMatchObject({
      status: 422,
      body: { type: 'urn:problem:identifiers-blocked' },
    });
    expect(await Promise.all([1, 2, 3].map((id) => app.client.find(id)))).toEqual(three);
  });

  test('leaves a past and a history that tell of it, and evidence that names nobody else', async () => {
    await glue();
    const before = new Date().toISOString();
    const { body } = await block(zeros);
    expect((await send(`GET`, `/contacts/2?at=${before}`)).body).toMatchObject({
      contact: { primaryContactId: 1, phoneNumbers: [zeros], secondaryContactIds: [2, 3] },
    });
    const events = async (id: number) =>
      (await send<{ events: object[] }>('GET', `/contacts/${id}/history`)).body.events;
    expect(await events(2)).toMatchObject([
      { type: 'linked', contactIds: [2, 1] },
      { type: 'split', contactIds: [2], changeId: body.changeId, actor: 'anybody', reason: REASON },
    ]);
    expect(await events(1)).toMatchObject([{ type: 'created' }, { type: 'split', contactIds: [1] }]);
    expect((await send('GET', '/contacts/2/evidence')).body).toEqual({
      contacts: [{ id: 2, email: GEORGE, phoneNumber: null, createdAt: expect.any(String), deletedAt: null }],
      edges: [],
    });
    expect((await send('GET', '/contacts/2/evidence?to=1')).body).toEqual({
      connected: false,
      rules: [],
      undoneMerges: [],
    });
  });

  test('undoes merges that rest on it, deletes a contact that has nothing else, and keeps what holds together', async () => {
    await identify(null, zeros);
    await identify(LORRAINE, '123456');
    await identify(LORRAINE, zeros);
    await identify(GEORGE, '123456');
    await identify(BIFF, zeros);
    const { body } = await block(zeros);
    expect(await app.client.find(1)).toBeNull();
    expect(await app.client.find(3)).toEqual({
      primaryContactId: 2,
      emails: [LORRAINE, GEORGE],
      phoneNumbers: ['123456'],
      secondaryContactIds: [3],
    });
    expect(await app.client.find(4)).toEqual(alone(4, BIFF));
    expect((await send('GET', '/merges?contactId=2')).body).toMatchObject({
      merges: [{ cause: 'sighting', undone: { changeId: body.changeId } }],
    });
    expect((await send('POST', '/merges/1/undo', { reason: REASON })).body).toMatchObject({ changed: false });
    expect((await send('GET', '/contacts/1/history')).body).toMatchObject({
      events: [
        { type: 'created' },
        { type: 'merged' },
        { type: 'merge-undone', changeId: body.changeId },
        { type: 'split' },
        { type: 'contact-deleted', changeId: body.changeId, reason: REASON },
      ],
    });
  });

  test('keeps it where it is with `keep`, where a lookup finds it and nothing new links', async () => {
    await glue();
    const before = await database.query('select * from contact order by id');
    expect(await block(zeros, { existing: 'keep' })).toMatchObject({
      status: 201,
      body: { changed: true, identitiesAffected: 1 },
    });
    expect(await database.query('select * from contact order by id')).toEqual(before);
    expect(await lookUp({ phoneNumber: zeros })).toMatchObject([
      { contact: { primaryContactId: 1 }, matched: ['phoneNumber'] },
    ]);
    expect(await identify('doc@hillvalley.edu', zeros)).toEqual({
      contact: alone(4, 'doc@hillvalley.edu'),
      ignored: BLOCKED,
    });
  });

  test('reserves it if it has a rule, which stays', async () => {
    await glue();
    await send('POST', '/rules', {
      identifiers: [
        { kind: 'phoneNumber', value: zeros },
        { kind: 'email', value: 'doc@hillvalley.edu' },
      ],
      reason: REASON,
    });
    await block(zeros);
    expect(await database.query('select contact_id from identifier where value = $1', [zeros])).toEqual([
      { contact_id: null },
    ]);
  });

  test('that is blocked already changes nothing and tells it, and with `split` finishes what is left', async () => {
    await glue();
    const { body } = await block(zeros, { existing: 'keep' });
    const before = await stored();
    const again = { changeId: null, changed: false, blockedValue: body.blockedValue, identitiesAffected: 1 };
    expect(await block(zeros, { existing: 'keep' })).toMatchObject({ status: 201, body: again });
    expect(await stored()).toEqual(before);
    expect(await block(zeros)).toMatchObject({
      status: 201,
      body: { changeId: expect.any(Number), changed: true, blockedValue: body.blockedValue },
    });
    expect(await app.client.find(3)).toEqual(alone(3, BIFF));
    expect(await block(zeros)).toMatchObject({ body: { ...again, identitiesAffected: 0 } });
    expect((await list()).blockedValues).toEqual([body.blockedValue]);
  });

  test('blocks what a glob matches, and takes it from every identity that has it', async () => {
    await identify('noreply@hillvalley.edu', '1');
    await identify(LORRAINE, '1');
    await identify('noreply@delorean.edu', '2');
    await identify('NoReply@twinpines.edu', null);
    const { body } = await block('NoReply@*', { kind: 'email' });
    expect(body).toMatchObject({ changed: true, identitiesAffected: 3 });
    expect(body.blockedValue.pattern).toBe('noreply@*');
    expect(await Promise.all([1, 2, 3, 4].map((id) => app.client.find(id)))).toMatchObject([
      { emails: [LORRAINE], phoneNumbers: ['1'], secondaryContactIds: [2] },
      { primaryContactId: 1 },
      { emails: [], phoneNumbers: ['2'] },
      null,
    ]);
    expect(await identify('noreply@clocktower.edu', '2')).toMatchObject({
      contact: { primaryContactId: 3 },
      ignored: [{ field: 'email', reason: 'blocked' }],
    });
    expect(await database.query(`select kind, reason from change where kind = 'block'`)).toEqual(
      Array.from({ length: 4 }, () => ({ kind: 'block', reason: REASON })),
    );
  });

  test('of a national number blocks what it is stored as', async () => {
    const { body } = await block('030 12 34 56');
    expect(body.blockedValue.pattern).toBe('+4930123456');
  });

  test('takes the number also as an integer', async () => {
    expect((await block(4711)).body.blockedValue.pattern).toBe('4711');
  });
});

describe('a dry run', () => {
  test('tells how many identities have the value and what would be left of one, and writes nothing', async () => {
    await glue();
    const before = await stored();
    const { status, body, headers } = await dry(zeros);
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        changeId: null,
        changed: true,
        blockedValue: { id: null, kind: 'phoneNumber', pattern: zeros, createdAt: null },
        identitiesAffected: 1,
        identitiesAfterwards: 3,
        identities: [LORRAINE, GEORGE, BIFF].map((email, i) => ({
          contact: {
            primaryContactId: i + 1,
            emails: [email],
            phoneNumbers: [],
            secondaryContactIds: [],
          },
        })),
      },
    });
    expect((await dry(zeros, { existing: 'keep' })).body).not.toHaveProperty('identities');
    expect(headers.get('etag')).toMatch(/^"[\w-]{22}"$/);
    expect(await stored()).toEqual(before);
    expect(await identify(null, zeros)).not.toHaveProperty('ignored');
  });

  test.each([
    ['an exact value', () => zeros],
    ['a glob', () => `*${zeros.slice(2)}`],
  ])('of %s gives an ETag with which exactly that is done, or nothing', async (_, pattern) => {
    await glue();
    await identify(null, `9${zeros}`);
    const etag = (await dry(pattern())).headers.get('etag')!;
    await identify('doc@hillvalley.edu', zeros);
    const before = await stored();
    expect(await block(pattern(), { headers: { 'if-match': etag } })).toMatchObject({ status: 412 });
    expect(await stored()).toEqual(before);
    const fresh = (await dry(pattern())).headers.get('etag')!;
    expect(await block(pattern(), { headers: { 'if-match': fresh } })).toMatchObject({ status: 201 });
  });

  test('tells that nothing would change if the value is blocked and nobody has it', async () => {
    const { body } = await block(zeros);
    expect(await dry(zeros)).toMatchObject({
      body: { changed: false, blockedValue: body.blockedValue, identitiesAffected: 0 },
    });
  });
});

describe('a preset', () => {
  test('stands for the values that the command line blocks too', async () => {
    await identify('noreply@hillvalley.edu', '0000000000');
    const { status, body } = await dryWith({ preset: 'placeholders' });
    const expected = placeholders().map((pattern) => ({ ...pattern, id: null, createdAt: null }));
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        changeId: null,
        changed: true,
        blockedValue: expected[0],
        blockedValues: expected,
        identitiesAffected: 1,
      },
    });
  });

  test.each([
    [{ preset: 'spam' }, 'preset', 'preset must be placeholders'],
    [{ preset: 'placeholders', kind: 'email' }, 'preset', 'preset must not come with a kind or a pattern'],
    [{ preset: null, kind: 'email' }, 'pattern', 'pattern must not be empty'],
    [{ pattern: '0' }, 'kind', 'kind must be a string'],
  ])('is refused as %j', async (body, field, message) => {
    expect(await dryWith(body)).toMatchObject({ status: 400, body: { errors: [{ field, message }] } });
  });
});

describe('an Idempotency-Key', () => {
  test('makes the call once, and its repetition finishes what an interrupted one left', async () => {
    await glue();
    const headers = { 'idempotency-key': 'k-1' };
    const { body } = await block(zeros, { headers });
    const before = await stored();
    expect(await block(zeros, { headers })).toMatchObject({
      status: 201,
      body: { ...body, identitiesAffected: 0 },
    });
    expect(await stored()).toEqual(before);
    expect(await block(zeros, { headers, existing: 'keep' })).toMatchObject({ status: 422 });
  });
});

describe('the list', () => {
  test('has the oldest first, by pages', async () => {
    for (const pattern of ['41', '42', '43']) {
      await block(pattern, { existing: 'keep' });
    }
    const first = await list('?limit=2');
    expect(first.blockedValues.map(({ pattern }) => pattern)).toEqual(['41', '42']);
    const second = await list(`?limit=2&after=${first.next}`);
    expect(second).toMatchObject({ blockedValues: [{ pattern: '43' }], next: null });
  });

  test.each(['?limit=0', '?after=x'])('refuses %s', async (query) => {
    expect((await send('GET', `/blocked-values${query}`)).status).toBe(400);
  });
});

describe('deleting a blocked value', () => {
  test('lets it link again', async () => {
    const { body } = await block(zeros);
    expect(await remove(body.blockedValue.id, { reason: 'A mistake' })).toBe(204);
    expect((await list()).blockedValues).toEqual([]);
    await glue();
    expect(await app.client.find(3)).toMatchObject({ secondaryContactIds: [2, 3] });
    expect(await database.query(`select kind, reason from change order by id`)).toEqual([
      { kind: 'block', reason: REASON },
      { kind: 'block-delete', reason: 'A mistake' },
    ]);
  });

  test('that is not there is 404, and again with its key it is not', async () => {
    expect(await send('DELETE', '/blocked-values/4711')).toMatchObject({
      status: 404,
      body: { type: 'urn:problem:blocked-value-not-found', detail: 'There is no blocked value 4711.' },
    });
    const { body } = await block(zeros);
    const { id } = body.blockedValue;
    expect(await remove(id, undefined, { 'idempotency-key': 'd-1' })).toBe(204);
    expect(await remove(id, undefined, { 'idempotency-key': 'd-1' })).toBe(204);
    expect(await remove(id)).toBe(404);
  });

  test('by two at once is done once', async () => {
    const { body } = await block(zeros);
    const { id } = body.blockedValue;
    expect((await Promise.all([remove(id), remove(id)])).toSorted()).toEqual([204, 404]);
  });
});

test('two calls that block the same value at once block it once', async () => {
  await glue();
  const made = await Promise.all([1, 2, 3, 4].map(() => block(zeros)));
  expect(made.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
  expect(new Set(made.map(({ body }) => body.blockedValue.id)).size).toBe(1);
  expect((await list()).blockedValues).toHaveLength(1);
  expect(await app.client.find(3)).toEqual(alone(3, BIFF));
});

test.each([
  [{ kind: 'name', pattern: 'x' }, 'kind'],
  [{ kind: undefined, pattern: 'x' }, 'kind'],
  [{ kind: 7, pattern: 'x' }, 'kind'],
  [{ pattern: undefined }, 'pattern'],
  [{ pattern: null }, 'pattern'],
  [{ pattern: '' }, 'pattern'],
  [{ pattern: ' * ' }, 'pattern'],
  [{ pattern: '+*' }, 'pattern'],
  [{ pattern: 'abc*' }, 'pattern'],
  [{ pattern: `${'1'.repeat(16)}*` }, 'pattern'],
  [{ pattern: 'x' }, 'pattern'],
  [{ pattern: { a: 1 } }, 'pattern'],
  [{ kind: 'email', pattern: '*@*' }, 'pattern'],
  [{ kind: 'email', pattern: 'a\u0000*' }, 'pattern'],
  [{ kind: 'email', pattern: '\ud800*' }, 'pattern'],
  [{ kind: 'email', pattern: `${'a'.repeat(5_000)}*` }, 'pattern'],
  [{ kind: 'email', pattern: 'nobody' }, 'pattern'],
  [{ existing: 'delete' }, 'existing'],
  [{ existing: undefined }, 'existing'],
  [{ reason: ' ' }, 'reason'],
])('mistake %# is refused', async (given, field) => {
  const body = { kind: 'phoneNumber', pattern: '0000', existing: 'keep', reason: REASON, ...given };
  expect(await send('POST', '/blocked-values', body)).toMatchObject({
    status: 400,
    body: {
      type: 'urn:problem:invalid-request',
      errors: [{ field, message: expect.stringMatching(`^${field} `) }],
    },
  });
});

// The last one, because from then on answers have the further kinds.
test('a value of a kind that the tenant has declared may be blocked, alone or by a glob', async () => {
  await declareKinds(database, [CUSTOMER_ID, LOYALTY_CARD]);
  // The process reads the policy again after it has changed it.
  await block(zeros);
  expect(await block(' DUMMY-* ', { kind: 'loyaltyCard' })).toMatchObject({
    status: 201,
    body: { blockedValue: { kind: 'loyaltyCard', pattern: 'dummy-*' } },
  });
  await identifyAs('TEST', LORRAINE);
  await identifyAs('TEST', GEORGE);
  expect(await block('TEST', { kind: 'customerId' })).toMatchObject({ body: { identitiesAffected: 1 } });
  expect(await app.client.find(2)).toMatchObject({ primaryContactId: 2, emails: [GEORGE] });
  const { body } = await identifyAs('TEST', BIFF);
  expect(body).toMatchObject({ contact: { primaryContactId: 3 }, ignored: [{ reason: 'blocked' }] });
  expect((await identifyAs('test', BIFF)).body).not.toHaveProperty('ignored');
});
