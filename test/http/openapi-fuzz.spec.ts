import fc from 'fast-check';
import { Agent } from 'node:http';
import { startApp } from '../support/app.js';
import type { ServiceClient } from '../support/client.js';
import { useDatabase } from '../support/hooks.js';
import { violations } from '../support/invariants.js';
import { administerKeys } from '../support/keys.js';
import { callsOf } from '../support/openapi-calls.js';
import { CUSTOMER_ID, declareKinds, LOYALTY_CARD } from '../support/policy.js';
import { Contract, type OpenApiDocument } from '../support/openapi.js';
import { seedOf } from '../support/random.js';
import { sendRaw, type RawCall } from '../support/raw-call.js';

/** Of both ways to authenticate together; `npm run test:fuzz` makes more. */
const CALLS = Number(process.env.FUZZ_CALLS ?? 4000);

/** So many calls delete most of the few contacts whose ids they know. */
const RENEWED_AFTER = 200;

/** How often so many calls are sent at most until each route was served. */
const MORE_TIMES = 20;

/** What must have been served at least once where every caller may do everything. */
const SERVED = [
  'post /identify: 200',
  'post /lookup: 200',
  'post /search: 200',
  'get /identities: 200',
  'get /contacts/{id}: 200',
  'get /contacts/{id}/evidence: 200',
  'get /contacts/{id}/history: 200',
  'get /merges: 200',
  'delete /contacts/{id}: 204',
  'post /merges: 200',
  'post /merges/{id}/undo: 200',
  'post /splits: 200',
  'delete /identities/{contactId}: 204',
  'post /rules: 201',
  'get /rules: 200',
  'delete /rules/{id}: 204',
  'get /blocked-values: 200',
  'delete /blocked-values/{id}: 204',
  'get /reviews: 200',
  'post /reviews/{id}: 200',
  'post /erasures: 202',
  'post /subject-access: 200',
  'get /policy: 200',
  'put /policy: 412',
  'get /changes: 200',
  'get /keys: 200',
  'post /keys: 201',
  // No generated text is a URL.
  'post /webhooks: 400',
  'get /webhooks: 200',
  'get /webhooks/{id}: 200',
  'delete /webhooks/{id}: 204',
  'post /webhooks/{id}/rotate-secret: 200',
  'post /webhooks/{id}/test: 200',
];

const database = useDatabase();

/**
 * Begins again with the contacts 1 to 4, of which the merges 1 and 2 made 1, 2 and 3 one, the rules 1 to 3, the blocked values 1
 * to 3, the review 1, the webhooks 1 to 3, and the limits of the default policy, after a look at those that are there.
 */
async function renew(client: ServiceClient, key: string): Promise<void> {
  expect(await violations(database)).toEqual({});
  await database.clear();
  await database.query('truncate identifier_kind, blocked_value, webhook_delivery, webhook');
  await database.query('alter sequence webhook_id_seq restart');
  await database.query('alter sequence identity_merge_id_seq restart');
  await database.query('alter sequence blocked_value_id_seq restart');
  await database.query('update tenant_policy set max_contacts = 1000');
  await declareKinds(database, [CUSTOMER_ID, LOYALTY_CARD]);
  await client.send('GET', '/policy', undefined, { 'x-api-key': key });
  for (const phoneNumber of ['123456', '919191', '3', '4']) {
    await client.identify({ phoneNumber }, { 'x-api-key': key });
  }
  for (const phoneNumber of ['123456', '919191', '3']) {
    await client.identify({ email: 'lorraine@hillvalley.edu', phoneNumber }, { 'x-api-key': key });
  }
  for (const pair of [
    ['8', '4'],
    ['8', '9'],
    ['3', '4'],
  ]) {
    const identifiers = pair.map((value) => ({ kind: 'phoneNumber', value }));
    await client.send('POST', '/rules', { identifiers, reason: 'They are two' }, { 'x-api-key': key });
  }
  await client.identify({ email: 'lorraine@hillvalley.edu', phoneNumber: '4' }, { 'x-api-key': key });
  for (const pattern of ['00', '000', '0000*']) {
    const body = { kind: 'phoneNumber', pattern, existing: 'keep', reason: 'A placeholder' };
    await client.send('POST', '/blocked-values', body, { 'x-api-key': key });
  }
  // Nobody listens there.
  for (const url of ['http://127.0.0.1:1/a', 'http://127.0.0.1:1/b', 'http://127.0.0.1:1/c']) {
    await client.send('POST', '/webhooks', { url, types: ['review.decided'] }, { 'x-api-key': key });
  }
}

/** Some that may do everything, and one each that may only read, is used up, revoked, of another tenant, or invented. */
async function someKeys(): Promise<string[]> {
  const keys = await administerKeys(database.url);
  await keys.createTenant('hill-valley');
  const revoked = await keys.make();
  await keys.revokeKey(revoked.slice(4, 16));
  const good = await keys.make();
  const made = [
    ...Array.from({ length: 8 }, () => good),
    await keys.make({ scopes: ['read'] }),
    await keys.make({ callsPerMinute: 1 }),
    await keys.make({ tenant: 'hill-valley' }),
    revoked,
    `idr_aaaaaaaaaaaa_${'A'.repeat(43)}`,
    'secret',
  ];
  await keys.close();
  return made;
}

test.each([
  ['none', ['200', '204', '400', '404', '412', '413', '415']],
  ['api-key', ['200', '204', '400', '401', '403', '404', '413', '415', '429']],
])(
  'every answer is one that the OpenAPI document tells of, and none a server error: keys %s',
  async (mode, expected) => {
    const agent = new Agent({ keepAlive: true });
    const keys = await (mode === 'none' ? ['secret'] : someKeys());
    // A busy machine that runs tests must not be taken for a service that is overloaded.
    await using app = await startApp({
      DATABASE_URL: database.url,
      AUTH_MODE: mode,
      ERASURE_KEY: 'a key that only this test uses, long enough',
      WEBHOOK_KEY: 'a key that only this test uses, long enough',
      WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8',
      MAX_EVENT_LOOP_DELAY_MS: '0',
    });
    const { body: document } = await app.client.send<OpenApiDocument>('GET', '/openapi.json');
    const contract = new Contract(document);
    const seen = new Map<string, number>();
    let sent = 0;
    const sendSome = (numRuns: number, seed: number): Promise<void> =>
      fc.assert(
        fc.asyncProperty(callsOf(document, keys), async (call) => {
          if (sent++ % RENEWED_AFTER === 0) {
            await renew(app.client, keys[0]!);
          }
          const reply = await sendRaw(agent, app.client.url, call);
          expect(reply === null ? 'no answer' : breachOf(contract, call, reply)).toBeNull();
          const what = `${contract.operationOf(call) ?? 'no operation'}: ${reply!.status}`;
          seen.set(what, (seen.get(what) ?? 0) + 1);
        }),
        { numRuns, seed },
      );
    const notServed = (): string[] => (mode === 'none' ? SERVED : []).filter((each) => !seen.has(each));
    const seed = seedOf('openapi-fuzz');
    await sendSome(Math.ceil(CALLS / 2), seed);
    // By chance a route that few calls reach may not be among them.
    for (let more = 1; notServed().length > 0 && more <= MORE_TIMES; more++) {
      await sendSome(RENEWED_AFTER, seed + more);
    }
    agent.destroy();
    process.stdout.write(
      `openapi-fuzz, keys ${mode}: ${JSON.stringify(Object.fromEntries([...seen].toSorted(([a], [b]) => a.localeCompare(b))))}\n`,
    );
    // Otherwise the calls are too tame to prove anything.
    const statuses = new Set([...seen.keys()].map((what) => what.split(': ')[1]));
    expect([...statuses]).toEqual(expect.arrayContaining(expected));
    expect(notServed()).toEqual([]);
    expect(await violations(database)).toEqual({});
  },
  60_000 + CALLS * 60,
);

/** Swagger UI and the document are no operations of the API; for them it is enough not to fail. */
function breachOf(
  contract: Contract,
  call: RawCall,
  reply: Parameters<Contract['breach']>[1],
): string | null {
  const isPage = /^\/(docs|$|\?)/.test(call.path);
  return isPage && reply.status < 500 ? null : contract.breach(call, reply);
}
