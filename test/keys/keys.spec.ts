import { KEYS_MAX } from '../../src/keys/keys.service.js';
import { KeyDirectory } from '../../src/access/key-directory.js';
import { SCOPES } from '../../src/access/scope.js';
import { startApp, type RunningApp } from '../support/app.js';
import type { Reply } from '../support/client.js';
import { useGuardedDatabase } from '../support/hooks.js';
import { administerKeys, type Keys } from '../support/keys.js';

// As in production: keys, row level security, and a role that owns nothing.

interface Key {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly callsPerMinute: number | null;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
  readonly lastUsedAt: string | null;
}
type NewKey = Key & { readonly key: string };
type RotatedKey = NewKey & { readonly previous: Key };
interface Change {
  readonly kind: string;
  readonly actor: string;
  readonly reason: string | null;
  readonly keyIds: readonly string[];
}

const guarded = useGuardedDatabase();
let keys: Keys;
let app: RunningApp;
let admin: string;

beforeAll(async () => {
  keys = await administerKeys(guarded.ownerUrl);
  app = await startApp({ DATABASE_URL: guarded.serviceUrl, AUTH_MODE: 'api-key' });
  admin = await keys.make({ name: 'admin', scopes: ['admin'] });
});

afterAll(async () => {
  await app.close();
  await keys.close();
});

const idOf = (text: string): string => text.slice(4, 16);

function send<T>(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Reply<T>> {
  return app.client.send<T>(method, path, body, { 'x-api-key': admin, ...headers });
}

async function create(body: object = { name: 'crm' }, headers = {}): Promise<NewKey> {
  const reply = await send<NewKey>('POST', '/keys', body, headers);
  expect(reply.status).toBe(201);
  return reply.body;
}

const works = async (key: string, { client } = app): Promise<boolean> =>
  (await client.send('GET', '/contacts/1', undefined, { 'x-api-key': key })).status !== 401;

async function listed(id: string): Promise<Key | undefined> {
  const { body } = await send<{ keys: Key[] }>('GET', '/keys?limit=200');
  return body.keys.find((key) => key.id === id);
}

async function lastChange(): Promise<Change | undefined> {
  const { body } = await send<{ changes: Change[] }>('GET', '/changes?limit=1');
  return body.changes[0];
}

const ACTOR = expect.stringMatching(/^[a-z0-9]{12} admin$/);

test('a key is shown once, works at once, and is listed without its secret', async () => {
  const expiresAt = '2099-01-01T00:00:00.000000Z';
  const asked = { name: 'Lorraine, support', scopes: ['read'], callsPerMinute: 600, expiresAt };
  const { key, ...told } = await create({ ...asked, reason: 'She began today' });
  expect(told).toEqual({
    ...asked,
    id: idOf(key),
    createdAt: expect.any(String),
    revokedAt: null,
    lastUsedAt: null,
  });
  expect(await works(key)).toBe(true);
  expect((await app.client.send('GET', '/keys', undefined, { 'x-api-key': key })).status).toBe(403);
  const { body } = await send('GET', '/keys?limit=200');
  expect(body).toMatchObject({ keys: expect.arrayContaining([told]), next: null });
  expect(JSON.stringify(body)).not.toContain(key.slice(17));
  expect(await lastChange()).toMatchObject({
    kind: 'key',
    actor: ACTOR,
    reason: 'She began today',
    keyIds: [told.id],
  });
});

test('without more than a name a key may identify and read, for ever, as often as the one that made it', async () => {
  expect(await create()).toMatchObject({
    scopes: ['identify', 'read'],
    expiresAt: null,
    callsPerMinute: null,
  });
  const slow = await keys.make({ scopes: ['admin'], callsPerMinute: 100 });
  expect(await create({ name: 'slow' }, { 'x-api-key': slow })).toMatchObject({ callsPerMinute: 100 });
});

test('no key makes one that may call more often than itself', async () => {
  const slow = await keys.make({ scopes: ['admin'], callsPerMinute: 100 });
  for (const [key, callsPerMinute] of [
    [slow, 101],
    [admin, 60_001],
  ] as const) {
    const body = { name: 'quick', callsPerMinute };
    expect(await send('POST', '/keys', body, { 'x-api-key': key })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'callsPerMinute' }] },
    });
  }
});

test('the successor of a key is like it; the old one works until its overlap is over', async () => {
  const old = await create({ name: 'crm', scopes: ['read', 'curate'], callsPerMinute: 60 });
  const { status, body } = await send<RotatedKey>('POST', `/keys/${old.id}/rotate`, {
    overlapSeconds: 3600,
    reason: 'Each quarter',
  });
  expect(status).toBe(201);
  expect(body).toMatchObject({ name: 'crm', scopes: old.scopes, callsPerMinute: 60, expiresAt: null });
  expect(body.previous).toMatchObject({ id: old.id, expiresAt: expect.any(String) });
  const inAnHour = Date.parse(body.previous.expiresAt!) - Date.now();
  expect(inAnHour).toBeGreaterThan(3_500_000);
  expect(inAnHour).toBeLessThan(3_700_000);
  expect([await works(old.key), await works(body.key)]).toEqual([true, true]);
  const { key, previous, ...told } = body;
  expect(await listed(told.id)).toEqual({ ...told, lastUsedAt: null });
  expect(await listed(previous.id)).toEqual(previous);
  expect(await lastChange()).toMatchObject({
    kind: 'key-rotate',
    actor: ACTOR,
    reason: 'Each quarter',
    keyIds: [old.id, told.id],
  });
  expect(key).not.toBe(old.key);
});

test('a key that ends keeps its end in its successor, and an overlap makes none longer', async () => {
  const expiresAt = new Date(Date.now() + 60_000).toISOString().replace('Z', '000Z');
  const old = await create({ name: 'short', expiresAt });
  const { body } = await send<RotatedKey>('POST', `/keys/${old.id}/rotate`);
  expect([body.expiresAt, body.previous.expiresAt]).toEqual([expiresAt, expiresAt]);
});

test('rotated without an overlap, the old key ends at once where it was rotated, and can’t be rotated again', async () => {
  const old = await create();
  expect(await works(old.key)).toBe(true);
  await send('POST', `/keys/${old.id}/rotate`, { overlapSeconds: 0 });
  expect(await works(old.key)).toBe(false);
  expect(await send('POST', `/keys/${old.id}/rotate`)).toMatchObject({
    status: 409,
    body: { type: 'urn:problem:key-ended' },
  });
});

test('a revoked key and its session of the console end at once where it was revoked, and on others when they look', async () => {
  const { id, key } = await create({ name: 'x', scopes: ['read'] });
  const { headers } = await app.client.send('POST', '/console/session', undefined, { 'x-api-key': key });
  const cookie = headers.get('set-cookie')!.split(';')[0]!;
  const session = async (): Promise<number> =>
    (await app.client.send('GET', '/console/session', undefined, { cookie })).status;
  expect([await works(key), await session()]).toEqual([true, 200]);
  const reply = await send('DELETE', `/keys/${id}`, { reason: 'She left' });
  expect(reply.status).toBe(204);
  expect([await works(key), await session()]).toEqual([false, 401]);
  await using other = await startApp({ DATABASE_URL: guarded.serviceUrl, AUTH_MODE: 'api-key' });
  expect(await works(key, other)).toBe(false);
  expect(await lastChange()).toMatchObject({
    kind: 'key-revoke',
    actor: ACTOR,
    reason: 'She left',
    keyIds: [id],
  });
});

test('a key that was revoked before stays as it is, and nothing is recorded', async () => {
  const { id } = await create();
  const headers = { 'idempotency-key': 'revoke' };
  expect((await send('DELETE', `/keys/${id}`, undefined, headers)).status).toBe(204);
  const [revoked, change] = [await listed(id), await lastChange()];
  expect((await send('DELETE', `/keys/${id}`, undefined, headers)).status).toBe(204);
  expect((await send('DELETE', `/keys/${id}`)).status).toBe(204);
  expect([await listed(id), await lastChange()]).toEqual([revoked, change]);
});

test('a key can’t revoke itself, nor end so soon that a lost answer would lock it out', async () => {
  expect(await send('DELETE', `/keys/${idOf(admin)}`)).toMatchObject({
    status: 409,
    body: { type: 'urn:problem:own-key' },
  });
  expect(await send('POST', `/keys/${idOf(admin)}/rotate`, { overlapSeconds: 299 })).toMatchObject({
    status: 400,
    body: { errors: [{ field: 'overlapSeconds' }] },
  });
  const own = await keys.make({ scopes: ['admin'] });
  const rotated = await send<RotatedKey>('POST', `/keys/${idOf(own)}/rotate`, undefined, {
    'x-api-key': own,
  });
  expect(rotated.status).toBe(201);
  expect(await works(own)).toBe(true);
});

test('of two keys that revoke each other at the same time, one stays', async () => {
  const pairs = await Promise.all(
    Array.from({ length: 8 }, () =>
      Promise.all([keys.make({ scopes: ['admin'] }), keys.make({ scopes: ['admin'] })]),
    ),
  );
  for (const [a, b] of pairs) {
    // known to the process, as keys in use are
    expect([await works(a), await works(b)]).toEqual([true, true]);
    const replies = await Promise.all([
      send('DELETE', `/keys/${idOf(b)}`, undefined, { 'x-api-key': a }),
      send('DELETE', `/keys/${idOf(a)}`, undefined, { 'x-api-key': b }),
    ]);
    expect(replies.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([204, 401]);
  }
});

test('a key that was revoked a moment ago makes no other one, though its process may still know it', async () => {
  const revoked = await keys.make({ scopes: ['admin'] });
  expect(await works(revoked)).toBe(true);
  await keys.revokeKey(idOf(revoked));
  expect(app.get(KeyDirectory).find(idOf(revoked))).toMatchObject({ isRevoked: false });
  const reply = await send('POST', '/keys', { name: 'x' }, { 'x-api-key': revoked });
  expect(reply).toMatchObject({ status: 401, body: { type: 'urn:problem:unauthorized' } });
});

test('a call that is repeated with its idempotency key makes no second key, and does not show the first one', async () => {
  const headers = { 'idempotency-key': 'make' };
  const { id, key } = await create({ name: 'once' }, headers);
  const again = await send<{ detail: string }>('POST', '/keys', { name: 'once' }, headers);
  expect(again).toMatchObject({ status: 409, body: { type: 'urn:problem:key-shown-before' } });
  expect(again.body.detail).toContain(id);
  expect(again.body.detail).not.toContain(key);
  expect(await send('POST', '/keys', { name: 'another' }, headers)).toMatchObject({
    status: 422,
    body: { type: 'urn:problem:idempotency-key-reused' },
  });
  expect((await send('POST', `/keys/${id}/rotate`, undefined, headers)).status).toBe(422);
  const statuses = await Promise.all(
    Array.from(
      { length: 4 },
      async () => (await send('POST', '/keys', { name: 'x' }, { 'idempotency-key': 'together' })).status,
    ),
  );
  expect(statuses.toSorted((a, b) => a - b)).toEqual([201, 409, 409, 409]);
});

test('keys of another tenant can’t be seen, rotated or revoked', async () => {
  await keys.createTenant('hill-valley');
  const theirs = await keys.make({ tenant: 'hill-valley' });
  const theirAdmin = await keys.make({ tenant: 'hill-valley', scopes: ['admin'] });
  expect(await listed(idOf(theirs))).toBeUndefined();
  expect((await send('POST', `/keys/${idOf(theirs)}/rotate`)).status).toBe(404);
  expect((await send('DELETE', `/keys/${idOf(theirs)}`)).status).toBe(404);
  expect(await works(theirs)).toBe(true);
  const { body } = await send<{ keys: Key[] }>('GET', '/keys', undefined, { 'x-api-key': theirAdmin });
  expect(body.keys.map(({ id }) => id)).toEqual([idOf(theirs), idOf(theirAdmin)]);
  const made = await create({ name: 'theirs' }, { 'x-api-key': theirAdmin });
  expect(await listed(made.id)).toBeUndefined();
});

test('pages have each key once, the oldest first', async () => {
  await keys.createTenant('paged');
  const pager = await keys.make({ tenant: 'paged', scopes: ['admin'] });
  // of one moment, as if made in one transaction
  await guarded.database.query(`insert into api_key (id, tenant_id, name, hash, scopes, created_at)
    select 'page0000000' || i, k.tenant_id, 'x', '', '{read}', k.created_at
    from generate_series(1, 5) i cross join api_key k where k.id = '${idOf(pager)}'`);
  const seen: string[] = [];
  for (let next: string | null = ''; next !== null;) {
    const query: string = next && `&after=${next}`;
    const { body }: Reply<{ keys: Key[]; next: string | null }> = await send(
      'GET',
      `/keys?limit=2${query}`,
      undefined,
      { 'x-api-key': pager },
    );
    seen.push(...body.keys.map(({ id }) => id));
    next = body.next;
  }
  expect(seen.toSorted()).toEqual([idOf(pager), ...[1, 2, 3, 4, 5].map((i) => `page0000000${i}`)].toSorted());
});

test('a tenant has so many keys that work; revoked and expired ones do not count', async () => {
  await keys.createTenant('full');
  const full = { 'x-api-key': await keys.make({ tenant: 'full', scopes: ['admin'] }) };
  await guarded.database
    .query(`insert into api_key (id, tenant_id, name, hash, scopes, expires_at, revoked_at)
    select lpad(i::text, 12, '0'), k.tenant_id, 'x', '', '{read}', case when i = 1 then now() end, case when i = 2 then now() end
    from generate_series(1, ${KEYS_MAX}) i cross join api_key k where k.id = '${idOf(full['x-api-key'])}'`);
  const { id } = await create({ name: 'the last' }, full);
  expect(await send('POST', '/keys', { name: 'x' }, full)).toMatchObject({
    status: 409,
    body: { type: 'urn:problem:key-limit' },
  });
  expect((await send('POST', `/keys/${id}/rotate`, undefined, full)).status).toBe(201);
});

test.each([
  [{}, 'name'],
  [{ name: ' ' }, 'name'],
  [{ name: 'a\u0007b' }, 'name'],
  [{ name: 'a\u202eb' }, 'name'],
  [{ name: 'x'.repeat(101) }, 'name'],
  [{ name: 1 }, 'name'],
  [{ name: 'x', scopes: [] }, 'scopes'],
  [{ name: 'x', scopes: ['root'] }, 'scopes'],
  [{ name: 'x', scopes: ['read', 'read'] }, 'scopes'],
  [{ name: 'x', scopes: 'admin' }, 'scopes'],
  [{ name: 'x', expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt'],
  [{ name: 'x', expiresAt: 'tomorrow' }, 'expiresAt'],
  [{ name: 'x', expiresAt: 1 }, 'expiresAt'],
  [{ name: 'x', callsPerMinute: 0 }, 'callsPerMinute'],
  [{ name: 'x', callsPerMinute: 1.5 }, 'callsPerMinute'],
  [{ name: 'x', reason: '' }, 'reason'],
])('what is not valid is named: %j', async (body, field) => {
  expect(await send('POST', '/keys', body)).toMatchObject({ status: 400, body: { errors: [{ field }] } });
});

test.each([
  ['POST', '/keys?dryRun=true', { name: 'x' }, {}, 'dryRun'],
  ['POST', '/keys', { name: 'x' }, { 'if-match': '*' }, 'If-Match'],
  ['DELETE', '/keys/aaaaaaaaaaaa?dryRun=true', undefined, {}, 'dryRun'],
  ['DELETE', '/keys/idr_aaaaaaaaaaaa_secret', undefined, {}, 'id'],
  ['POST', '/keys/aaaaaaaaaaaa/rotate', { overlapSeconds: -1 }, {}, 'overlapSeconds'],
  ['POST', '/keys/aaaaaaaaaaaa/rotate', { overlapSeconds: 2_592_001 }, {}, 'overlapSeconds'],
  ['GET', '/keys?after=x', undefined, {}, 'after'],
  ['GET', '/keys?limit=0', undefined, {}, 'limit'],
] as [string, string, unknown, Record<string, string>, string][])(
  '%s %s %j %j names %s',
  async (method, path, body, headers, field) => {
    const reply = await send(method, path, body, headers);
    expect(reply).toMatchObject({ status: 400, body: { errors: [{ field }] } });
    expect(JSON.stringify(reply.body)).not.toContain('secret');
  },
);

test('keys are made before the service asks for them, by whoever reaches it', async () => {
  await using open = await startApp({ DATABASE_URL: guarded.database.url });
  const { status, body } = await open.client.send<NewKey>('POST', '/keys', { name: 'first', scopes: SCOPES });
  expect(status).toBe(201);
  expect(await works(body.key)).toBe(true);
  expect(await lastChange()).toMatchObject({ kind: 'key', actor: 'anybody', keyIds: [body.id] });
});
