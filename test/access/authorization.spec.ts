import { hashSecret } from '../../src/access/api-key-text.js';
import { SCOPES, type Scope } from '../../src/access/scope.js';
import { startApp, type RunningApp } from '../support/app.js';
import type { Reply } from '../support/client.js';
import { administerKeys, type Keys } from '../support/keys.js';
import { createGuardedDatabase, type GuardedDatabase } from '../support/roles.js';

// Runs as in production: keys, row level security, and a role that owns nothing.

let guarded: GuardedDatabase;
let keys: Keys;
let app: RunningApp;
/** Keys that are not valid, each for another reason. */
let invalid: readonly string[];

beforeAll(async () => {
  guarded = await createGuardedDatabase();
  keys = await administerKeys(guarded.ownerUrl);
  app = await startApp({
    DATABASE_URL: guarded.serviceUrl,
    AUTH_MODE: 'api-key',
    ERASURE_KEY: 'a key of this test, which is long enough',
    WEBHOOK_KEY: 'a key of this test, which is long enough',
  });
  invalid = await makeInvalidKeys();
});

afterAll(async () => {
  await app.close();
  await keys.close();
  await guarded.drop();
});

const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });

type Call = [method: string, path: string, body?: unknown];

/** Every route that needs a key: its scope, and a call that succeeds for the tenant whose two contacts it may be about. */
const ROUTES: Readonly<
  Record<
    string,
    {
      scope: Scope;
      call: (contactId: number, otherId: number) => Call | Promise<Call>;
      status: number;
    }
  >
> = {
  'post /identify': {
    scope: 'identify',
    call: () => ['POST', '/identify', { email: 'lorraine@hillvalley.edu', phoneNumber: '123456' }],
    status: 200,
  },
  'post /lookup': {
    scope: 'read',
    call: () => ['POST', '/lookup', { email: 'lorraine@hillvalley.edu' }],
    status: 200,
  },
  'post /search': { scope: 'read', call: () => ['POST', '/search', { prefix: 'lorraine' }], status: 200 },
  'get /identities': { scope: 'read', call: () => ['GET', '/identities?order=size'], status: 200 },
  'get /contacts/{id}': { scope: 'read', call: (id) => ['GET', `/contacts/${id}`], status: 200 },
  'get /contacts/{id}/evidence': {
    scope: 'read',
    call: (id) => ['GET', `/contacts/${id}/evidence`],
    status: 200,
  },
  'get /contacts/{id}/history': {
    scope: 'read',
    call: (id) => ['GET', `/contacts/${id}/history`],
    status: 200,
  },
  'get /merges': { scope: 'read', call: (id) => ['GET', `/merges?contactId=${id}`], status: 200 },
  'delete /contacts/{id}': { scope: 'delete', call: (id) => ['DELETE', `/contacts/${id}`], status: 204 },
  'delete /identities/{contactId}': {
    scope: 'delete',
    call: (id) => ['DELETE', `/identities/${id}`],
    status: 204,
  },
  'post /merges': {
    scope: 'curate',
    call: (id, otherId) => ['POST', '/merges', { contactIds: [id, otherId], reason: 'One customer' }],
    status: 200,
  },
  'post /merges/{id}/undo': {
    scope: 'curate',
    call: () => ['POST', '/merges/999999/undo', { reason: 'Two customers' }],
    status: 404,
  },
  'post /splits': {
    scope: 'curate',
    call: (id) => ['POST', '/splits', { contactId: id, contactIds: [id], reason: 'Two customers' }],
    status: 422,
  },
  'post /rules': { scope: 'curate', call: () => ['POST', '/rules', aRule()], status: 201 },
  'get /rules': { scope: 'read', call: (id) => ['GET', `/rules?contactId=${id}`], status: 200 },
  'get /reviews': { scope: 'read', call: () => ['GET', '/reviews'], status: 200 },
  'post /reviews/{id}': {
    scope: 'curate',
    call: () => ['POST', '/reviews/999999', { decision: 'link', reason: 'One customer' }],
    status: 404,
  },
  'delete /rules/{id}': {
    scope: 'curate',
    call: async () => ['DELETE', `/rules/${await ruleOf('default')}`],
    status: 204,
  },
  'post /erasures': {
    scope: 'erase',
    call: (id) => ['POST', '/erasures', { contactId: id, scope: 'identity', reason: 'Asked for' }],
    status: 202,
  },
  'get /events': { scope: 'events', call: () => ['GET', '/events'], status: 200 },
  'post /subject-access': {
    scope: 'erase',
    call: (id) => ['POST', '/subject-access', { contactId: id }],
    status: 200,
  },
  'get /erasures/{id}': { scope: 'erase', call: () => ['GET', '/erasures/999999'], status: 404 },
  'post /blocked-values': {
    scope: 'curate',
    call: () => [
      'POST',
      '/blocked-values',
      { kind: 'email', pattern: 'noreply@*', existing: 'keep', reason: 'Nobody' },
    ],
    status: 201,
  },
  'get /blocked-values': { scope: 'read', call: () => ['GET', '/blocked-values'], status: 200 },
  'delete /blocked-values/{id}': {
    scope: 'curate',
    call: () => ['DELETE', '/blocked-values/999999', { reason: 'A mistake' }],
    status: 404,
  },
  'get /policy': { scope: 'read', call: () => ['GET', '/policy'], status: 200 },
  // without If-Match
  'put /policy': { scope: 'admin', call: () => ['PUT', '/policy', { maxContacts: 1000 }], status: 428 },
  'get /changes': { scope: 'curate', call: () => ['GET', '/changes'], status: 200 },
  'get /keys': { scope: 'admin', call: () => ['GET', '/keys'], status: 200 },
  'post /keys': { scope: 'admin', call: () => ['POST', '/keys', { name: 'crm' }], status: 201 },
  'post /keys/{id}/rotate': {
    scope: 'admin',
    call: () => ['POST', '/keys/aaaaaaaaaaaa/rotate'],
    status: 404,
  },
  'delete /keys/{id}': { scope: 'admin', call: () => ['DELETE', '/keys/aaaaaaaaaaaa'], status: 404 },
  'post /webhooks': {
    scope: 'events',
    call: () => ['POST', '/webhooks', { url: 'https://hooks.hillvalley.edu/', types: ['review.opened'] }],
    status: 201,
  },
  'get /webhooks': { scope: 'events', call: () => ['GET', '/webhooks'], status: 200 },
  'get /webhooks/{id}': { scope: 'events', call: () => ['GET', '/webhooks/999999'], status: 404 },
  'patch /webhooks/{id}': { scope: 'events', call: () => ['PATCH', '/webhooks/999999', {}], status: 404 },
  'delete /webhooks/{id}': { scope: 'events', call: () => ['DELETE', '/webhooks/999999'], status: 404 },
  'post /webhooks/{id}/rotate-secret': {
    scope: 'events',
    call: () => ['POST', '/webhooks/999999/rotate-secret'],
    status: 404,
  },
  'post /webhooks/{id}/test': {
    scope: 'events',
    call: () => ['POST', '/webhooks/999999/test'],
    status: 404,
  },
  'get /webhooks/{id}/deliveries': {
    scope: 'events',
    call: () => ['GET', '/webhooks/999999/deliveries'],
    status: 404,
  },
  'post /webhooks/{id}/replay': {
    scope: 'events',
    call: () => ['POST', '/webhooks/999999/replay'],
    status: 404,
  },
};
const OPEN_ROUTES = ['get /health', 'get /health/live', 'get /health/ready', 'get /health/startup'];

interface Document {
  readonly paths: Record<
    string,
    Record<string, { security?: unknown[]; responses: Record<string, unknown> }>
  >;
}

interface List {
  readonly identities: readonly { readonly contact: { readonly primaryContactId: number } }[];
}

async function documented(isOpen: boolean): Promise<string[]> {
  const { body } = await app.client.send<Document>('GET', '/openapi.json');
  return Object.entries(body.paths)
    .flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, { security }]) => ({ name: `${method} ${path}`, security })),
    )
    .filter(({ security }) => (security === undefined) === isOpen)
    .map(({ name }) => name)
    .toSorted();
}

test('every route of the OpenAPI document is in the matrix, or open to all on purpose', async () => {
  expect(await documented(false)).toEqual(Object.keys(ROUTES).toSorted());
  expect(await documented(true)).toEqual(OPEN_ROUTES);
});

async function makeInvalidKeys(): Promise<string[]> {
  const revoked = await keys.createKey({
    tenant: 'default',
    name: 'x',
    scopes: ['admin'],
    callsPerMinute: null,
    expiresAt: null,
  });
  await keys.revokeKey(revoked.id);
  await keys.createTenant('closed');
  const ofDisabled = await keys.make({ tenant: 'closed' });
  await keys.setTenantEnabled('closed', false);
  const good = await keys.make();
  return [
    revoked.text,
    ofDisabled,
    await keys.make({ expiresAt: new Date(Date.now() - 1000) }),
    // the id of one and the secret of another
    good.slice(0, 17) + (await keys.make()).slice(17),
    good.slice(0, -1),
    `${good}x`,
    good.replace(/^idr/, 'IDR'),
    `idr_${'a'.repeat(12)}_${'A'.repeat(43)}`,
    'x',
  ];
}

/** A contact of a tenant. */
async function ofTenant(tenant: string): Promise<number> {
  const key = await keys.make({ tenant });
  const email = `${tenant}-${Math.random()}@hillvalley.edu`;
  return (await app.client.identify({ email }, bearer(key))).primaryContactId;
}

/** What nobody has kept apart yet. */
function aRule(): object {
  const identifiers = ['a', 'b'].map((name) => ({
    kind: 'email',
    value: `${name}-${Math.random()}@hillvalley.edu`,
  }));
  return { identifiers, reason: 'Two customers' };
}

/** The id of a rule of a tenant. */
async function ruleOf(tenant: string): Promise<number> {
  const key = await keys.make({ tenant });
  const { body } = await app.client.send<{ rules: { id: number }[] }>('POST', '/rules', aRule(), bearer(key));
  return body.rules[0]!.id;
}

/** The status of a call that every key with the scope `read` may make. */
async function lookUp(key: string): Promise<number> {
  return (await app.client.send('GET', '/contacts/999999', undefined, bearer(key))).status;
}

describe.each(Object.entries(ROUTES))('%s', (_, { scope, call, status }) => {
  const send = async (
    headers: Record<string, string>,
    tenant = 'default',
  ): Promise<Reply<{ detail: string }>> => {
    const [method, path, body] = await call(await ofTenant(tenant), await ofTenant(tenant));
    return app.client.send(method, path, body, headers);
  };

  // With all that the tests of the other routes have made, the tenant would have as many keys as it may have.
  beforeAll(() =>
    guarded.database.query(
      'update api_key set revoked_at = now() where revoked_at is null and id <> all($1)',
      [invalid.map((key) => key.split('_')[1] ?? '')],
    ),
  );

  test('with a key that has the scope, or admin, it is served', async () => {
    expect((await send(bearer(await keys.make({ scopes: [scope] })))).status).toBe(status);
    expect((await send(bearer(await keys.make({ scopes: ['admin'] })))).status).toBe(status);
    expect((await send({ 'x-api-key': await keys.make({ scopes: [scope] }) })).status).toBe(status);
  });

  test('without a key it is not', async () => {
    const reply = await send({});
    expect(reply).toMatchObject({
      status: 401,
      body: { detail: 'Send an API key, as Authorization: Bearer … or as X-API-Key.' },
    });
    expect(reply.headers.get('www-authenticate')).toBe('Bearer realm="identity-reconciliation"');
  });

  test('with a key that is not valid it is not, and the answer does not tell why', async () => {
    // Refused calls leave what they name as it is, so all of them may be about the same.
    const [method, path, body] = await call(await ofTenant('default'), await ofTenant('default'));
    const refused = (headers: Record<string, string>): Promise<Reply> =>
      app.client.send(method, path, body, headers);
    for (const key of invalid) {
      for (const headers of [bearer(key), { 'x-api-key': key }]) {
        const reply = await refused(headers);
        expect(reply).toMatchObject({ status: 401, body: { detail: 'The API key is not valid.' } });
        expect(reply.headers.get('www-authenticate')).toBe(
          'Bearer realm="identity-reconciliation", error="invalid_token"',
        );
      }
    }
    const good = await keys.make();
    expect((await refused({ authorization: `Basic ${good}` })).status).toBe(401);
    expect((await refused({ authorization: '', 'x-api-key': good })).status).toBe(401);
  });

  test('with a key that lacks the scope it is not', async () => {
    const others = SCOPES.filter((each) => each !== scope && each !== 'admin');
    expect(await send(bearer(await keys.make({ scopes: others })))).toMatchObject({
      status: 403,
      body: { detail: `The API key lacks the scope ${scope}.` },
    });
  });
});

test('tenants never meet', async () => {
  await keys.createTenant('hill-valley');
  const [ours, theirs] = [bearer(await keys.make()), bearer(await keys.make({ tenant: 'hill-valley' }))];
  const a = await app.client.identify({ email: 'doc@hillvalley.edu', phoneNumber: '881885' }, ours);
  const b = await app.client.identify({ email: 'emmett@hillvalley.edu', phoneNumber: '881885' }, theirs);
  expect(b).toMatchObject({ emails: ['emmett@hillvalley.edu'] });
  expect(b.primaryContactId).not.toBe(a.primaryContactId);
  expect((await app.client.send('GET', `/contacts/${a.primaryContactId}`, undefined, theirs)).status).toBe(
    404,
  );
  expect((await app.client.send('DELETE', `/contacts/${a.primaryContactId}`, undefined, theirs)).status).toBe(
    404,
  );
  const ruleId = await ruleOf('default');
  const ruled = await app.client.send<{ rules: { actor: string }[] }>('GET', '/rules', undefined, ours);
  expect(ruled.body.rules[0]!.actor).toMatch(/^[a-z0-9]{12} /);
  expect((await app.client.send('DELETE', `/rules/${ruleId}`, undefined, theirs)).status).toBe(404);
  expect(await app.client.send('GET', '/rules', undefined, theirs)).toMatchObject({ body: { rules: [] } });
  const merge = { contactIds: [b.primaryContactId, a.primaryContactId], reason: 'One customer' };
  expect((await app.client.send('POST', '/merges', merge, theirs)).status).toBe(404);
  const split = {
    contactId: a.primaryContactId,
    identifiers: [{ kind: 'phoneNumber', value: '881885' }],
    reason: 'Two customers',
  };
  expect((await app.client.send('POST', '/splits', split, theirs)).status).toBe(404);
  const c = await app.client.identify({ email: 'brown@hillvalley.edu' }, ours);
  const merged = await app.client.send<{ mergeIds: number[] }>(
    'POST',
    '/merges',
    { contactIds: [a.primaryContactId, c.primaryContactId], reason: 'One customer' },
    ours,
  );
  const undo = `/merges/${merged.body.mergeIds[0]}/undo`;
  expect((await app.client.send('POST', undo, { reason: 'Two customers' }, theirs)).status).toBe(404);
  expect((await app.client.send('POST', undo, { reason: 'Two customers' }, ours)).status).toBe(200);
  await app.client.send('DELETE', `/contacts/${c.primaryContactId}`, undefined, ours);
  expect(
    (await app.client.send('DELETE', `/identities/${a.primaryContactId}`, undefined, theirs)).status,
  ).toBe(404);
  const url = 'https://hooks.hillvalley.edu/';
  const scopes: Scope[] = ['events'];
  const [ourHooks, theirHooks] = [
    bearer(await keys.make({ scopes })),
    bearer(await keys.make({ scopes, tenant: 'hill-valley' })),
  ];
  const made = await app.client.send<{ id: number }>('POST', '/webhooks', { url }, ourHooks);
  for (const [method, path] of [
    ['GET', ''],
    ['PATCH', ''],
    ['POST', '/rotate-secret'],
    ['POST', '/test'],
    ['GET', '/deliveries'],
    ['POST', '/replay'],
    ['DELETE', ''],
  ] as const) {
    const body = method === 'PATCH' ? {} : undefined;
    const reply = await app.client.send(method, `/webhooks/${made.body.id}${path}`, body, theirHooks);
    expect(reply.status).toBe(404);
  }
  expect(await app.client.send('GET', '/webhooks', undefined, theirHooks)).toMatchObject({
    body: { webhooks: [] },
  });
  for (const [key, own] of [
    [ours, a],
    [theirs, b],
  ] as const) {
    for (const [method, path, body] of [
      ['GET', `/identities?after=${a.primaryContactId - 1}`],
      ['GET', `/identities?order=size&after=1.${a.primaryContactId - 1}`],
      ['POST', '/search', { prefix: '881885' }],
    ] as const) {
      const { body: list } = await app.client.send<List>(method, path, body, key);
      expect(list.identities.map(({ contact }) => contact.primaryContactId)).toEqual([own.primaryContactId]);
    }
  }
  expect(await app.client.send('GET', `/contacts/${a.primaryContactId}`, undefined, ours)).toMatchObject({
    status: 200,
    body: { contact: { emails: ['doc@hillvalley.edu'] } },
  });
});

test('a revoked key stops working within seconds in a service that knows it', async () => {
  const { id, text } = await keys.createKey({
    tenant: 'default',
    name: 'x',
    scopes: ['read'],
    callsPerMinute: null,
    expiresAt: null,
  });
  expect(await lookUp(text)).toBe(404);
  await keys.revokeKey(id);
  let last = 404;
  for (let tries = 0; tries < 40 && last === 404; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    last = await lookUp(text);
  }
  expect(last).toBe(401);
});

test('a rotated key and its successor both work until the grace is over', async () => {
  const { id, text } = await keys.createKey({
    tenant: 'default',
    name: 'x',
    scopes: ['read'],
    callsPerMinute: null,
    expiresAt: null,
  });
  const successor = await keys.rotateKey(id, 60_000);
  expect([await lookUp(text), await lookUp(successor.text)]).toEqual([404, 404]);
  const last = await keys.rotateKey(successor.id, 0);
  await expect(keys.rotateKey(successor.id, 0)).rejects.toThrow('no longer works');
  expect(await lookUp(last.text)).toBe(404);
});

test('of a key only a hash is stored', async () => {
  const text = await keys.make({ name: 'stored' });
  const rows = await guarded.database.query<Record<string, unknown>>(
    `select * from api_key where name = 'stored'`,
  );
  const secret = text.slice(17);
  expect(rows[0]!.hash).toEqual(hashSecret(secret));
  expect(JSON.stringify(rows)).not.toContain(secret);
});

test('that a key was used is noted, at the latest when the service ends', async () => {
  const key = await keys.make({ name: 'used' });
  const another = await startApp({ DATABASE_URL: guarded.serviceUrl, AUTH_MODE: 'api-key' });
  await another.client.identify({ email: 'used@hillvalley.edu' }, bearer(key));
  await another.close();
  const used = (await keys.keys('default')).find(({ name }) => name === 'used');
  expect(used!.lastUsedAt).not.toBeNull();
});

test('without a documented key the OpenAPI document of an open service asks for none', async () => {
  await using open = await startApp({ DATABASE_URL: guarded.serviceUrl });
  const { body } = await open.client.send<Document>('GET', '/openapi.json');
  expect(body.paths['/identify']!.post!.security).toBeUndefined();
  expect(Object.keys(body.paths['/identify']!.post!.responses)).not.toContain('401');
});
