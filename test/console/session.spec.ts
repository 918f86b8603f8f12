import { startApp, type RunningApp } from '../support/app.js';
import type { Reply } from '../support/client.js';
import { useGuardedDatabase } from '../support/hooks.js';
import { administerKeys, type Keys } from '../support/keys.js';

// With keys, row level security and a role that owns nothing, as in production.

const guarded = useGuardedDatabase();
let keys: Keys;
let app: RunningApp;

beforeAll(async () => {
  keys = await administerKeys(guarded.ownerUrl);
  app = await startApp({ DATABASE_URL: guarded.serviceUrl, AUTH_MODE: 'api-key' });
});

afterAll(async () => {
  await app.close();
  await keys.close();
});

const OWN_PAGE = { 'sec-fetch-site': 'same-origin' };

/** Signs in; the cookie as a browser sends it. */
async function signIn(key: string): Promise<{ cookie: string }> {
  const reply = await app.client.send('POST', '/console/session', undefined, {
    authorization: `Bearer ${key}`,
  });
  expect(reply.status).toBe(200);
  return { cookie: reply.headers.get('set-cookie')!.split(';')[0]! };
}

function call(method: string, path: string, body: unknown, headers: Record<string, string>): Promise<Reply> {
  return app.client.send(method, path, body, headers);
}

const lookUp = (headers: Record<string, string>): Promise<Reply> =>
  call('POST', '/lookup', { email: 'lorraine@hillvalley.edu' }, headers);

test('the cookie is for this host alone, over TLS alone, and no script reads it; the database has the hash', async () => {
  const key = await keys.make();
  const reply = await call('POST', '/console/session', undefined, { 'x-api-key': key });
  const header = reply.headers.get('set-cookie')!;
  expect(header).toMatch(
    /^__Host-identity-console=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Strict; Max-Age=28800$/,
  );
  const [row] = await guarded.database.query<{ all: string }>(
    `select string_agg(console_session::text, ' ') as all from console_session`,
  );
  expect(row!.all).not.toContain(/=([\w-]{43})/.exec(header)![1]!);
});

test('a session is told whose it is and what its key may do', async () => {
  const cookie = await signIn(await keys.make({ name: 'support', scopes: ['read', 'curate'] }));
  const reply = await call('GET', '/console/session', undefined, cookie);
  expect(reply).toMatchObject({
    status: 200,
    body: {
      authMode: 'api-key',
      tenant: 'default',
      key: { name: 'support' },
      scopes: ['read', 'curate'],
      isEmbedded: false,
    },
  });
});

test('a session may do what its key may do, and no more, and is recorded as its key', async () => {
  const cookie = await signIn(await keys.make({ name: 'steward', scopes: ['read', 'curate'] }));
  const headers = { ...cookie, ...OWN_PAGE };
  expect((await lookUp(headers)).status).toBe(200);
  expect(await call('POST', '/identify', { phoneNumber: '1' }, headers)).toMatchObject({
    status: 403,
    body: { detail: 'The API key lacks the scope identify.' },
  });
  const identifiers = ['1', '2'].map((value) => ({ kind: 'phoneNumber', value }));
  const made = await call('POST', '/rules', { identifiers, reason: 'Two customers' }, headers);
  expect(made).toMatchObject({
    status: 201,
    body: { rules: [{ actor: expect.stringMatching(/ steward$/) }] },
  });
});

test('a key that is sent too counts, and not the session', async () => {
  const cookie = await signIn(await keys.make());
  expect((await lookUp({ ...cookie, ...OWN_PAGE, 'x-api-key': 'wrong' })).status).toBe(401);
});

test.each([
  [{ 'sec-fetch-site': 'cross-site' }, 403],
  [{ 'sec-fetch-site': 'same-site' }, 403],
  [{ 'sec-fetch-site': 'none' }, 403],
  [{}, 403],
  [{ origin: 'https://elsewhere.example' }, 403],
  [{ origin: 'null' }, 403],
  [{ 'sec-fetch-site': 'cross-site', origin: 'its own' }, 403],
  [{ origin: 'its own' }, 200],
  [{ 'sec-fetch-site': 'same-origin' }, 200],
] as [Record<string, string>, number][])(
  'a call with a cookie that is not from an own page is refused: %j %i',
  async (headers, status) => {
    const cookie = await signIn(await keys.make());
    const reply = await lookUp({
      ...cookie,
      ...headers,
      ...(headers.origin === 'its own' && { origin: app.client.url }),
    });
    expect(reply.status).toBe(status);
    if (status === 403) {
      expect(reply.body).toMatchObject({ type: 'urn:problem:cross-origin' });
    }
  },
);

test('signing out ends the session and takes the cookie away', async () => {
  const cookie = await signIn(await keys.make());
  const reply = await call('DELETE', '/console/session', undefined, { ...cookie, ...OWN_PAGE });
  expect(reply.status).toBe(204);
  expect(reply.headers.get('set-cookie')).toMatch(/^__Host-identity-console=; .*; Max-Age=0$/);
  expect(await call('GET', '/console/session', undefined, cookie)).toMatchObject({
    status: 401,
    body: { type: 'urn:problem:session-ended' },
  });
});

test('a session alone opens no other one, so it ends after its time', async () => {
  const cookie = await signIn(await keys.make());
  const reply = await call('POST', '/console/session', undefined, { ...cookie, ...OWN_PAGE });
  expect(reply.status).toBe(200);
  expect(reply.headers.get('set-cookie')).toBeNull();
});

async function statusOf(cookie: { cookie: string }, { client } = app): Promise<number> {
  return (await client.send('GET', '/console/session', undefined, cookie)).status;
}

test.each([
  ['expires_at', '0 s', 401],
  ['last_used_at', '-31 min', 401],
  ['last_used_at', '-29 min', 200],
])(
  'a session ends after eight hours, and after half an hour without a call: %s %s',
  async (column, age, status) => {
    const cookie = await signIn(await keys.make());
    await guarded.database.query(`update console_session set ${column} = now() + interval '${age}'`);
    expect(await statusOf(cookie)).toBe(status);
  },
);

test('a replica that ends in order notes which sessions were used', async () => {
  const name = 'somebody at work';
  const cookie = await signIn(await keys.make({ name }));
  await guarded.database.query(`update console_session set last_used_at = now() - interval '29 min'`);
  const other = await startApp({ DATABASE_URL: guarded.serviceUrl, AUTH_MODE: 'api-key' });
  expect(await statusOf(cookie, other)).toBe(200);
  await other.close();
  expect(
    await guarded.database.query(
      `select s.last_used_at > now() - interval '1 min' as was_noted from console_session s
       join api_key k on k.id = s.key_id where k.name = '${name}'`,
    ),
  ).toEqual([{ was_noted: true }]);
});

test('a revoked key ends its sessions', async () => {
  const { id, text } = await keys.createKey({
    tenant: 'default',
    name: 'x',
    scopes: ['read'],
    callsPerMinute: null,
    expiresAt: null,
  });
  const cookie = await signIn(text);
  await keys.revokeKey(id);
  // the one that it was opened at may know the key for five seconds more
  await using other = await startApp({ DATABASE_URL: guarded.serviceUrl, AUTH_MODE: 'api-key' });
  expect(await statusOf(cookie, other)).toBe(401);
});

test.each(['', '__Host-identity-console=x', `identity-console=${'a'.repeat(43)}`])(
  'what is no cookie of the console is no key either: %p',
  async (cookie) => {
    expect(await call('GET', '/console/session', undefined, { cookie })).toMatchObject({
      status: 401,
      body: { type: 'urn:problem:unauthorized' },
    });
  },
);

test('an invented secret opens nothing', async () => {
  const cookie = `__Host-identity-console=${'a'.repeat(43)}`;
  expect((await call('GET', '/console/session', undefined, { cookie })).status).toBe(401);
});

test('where the console is off, its cookies count for nothing', async () => {
  const cookie = await signIn(await keys.make());
  await using bare = await startApp({
    DATABASE_URL: guarded.serviceUrl,
    AUTH_MODE: 'api-key',
    CONSOLE_ENABLED: 'false',
  });
  expect((await bare.client.send('GET', '/identities', undefined, cookie)).status).toBe(401);
  expect((await bare.client.send('GET', '/console/session', undefined, cookie)).status).toBe(404);
  expect((await bare.client.send('GET', '/console')).status).toBe(404);
});

test('a service without keys needs no session, and says so', async () => {
  await using open = await startApp({ DATABASE_URL: guarded.database.url });
  const reply = await open.client.send('POST', '/console/session');
  expect(reply).toMatchObject({ status: 200, body: { authMode: 'none', key: null, tenant: 'default' } });
  expect(reply.headers.get('set-cookie')).toBeNull();
});
