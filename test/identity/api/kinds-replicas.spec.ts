import type { Reply, ServiceClient } from '../../support/client.js';
import { useApp, useDatabase } from '../../support/hooks.js';
import { CUSTOMER_ID, declareKinds } from '../../support/policy.js';

// Two processes on one database. One declares a kind and writes; the other has read the policy before, and calls at once.

const database = useDatabase();
const one = useApp(() => ({ DATABASE_URL: database.url }));
const other = useApp(() => ({ DATABASE_URL: database.url }));

type Call = (client: ServiceClient, email: string, id: number, kind: string) => Promise<Reply>;

const CALLS: readonly [name: string, call: Call][] = [
  ['identify', (client, email) => client.send('POST', '/identify', { email })],
  [
    'identify, and link',
    (client, email, id) => client.send('POST', '/identify', { email, phoneNumber: `9${id}` }),
  ],
  ['a dry run', (client, email) => client.send('POST', '/identify?dryRun=true', { email, phoneNumber: '8' })],
  ['a contact', (client, _, id) => client.send('GET', `/contacts/${id}`)],
  ['the past', (client, _, id) => client.send('GET', `/contacts/${id}?at=2100-01-01T00:00:00Z`)],
  ['a lookup', (client, email) => client.send('POST', '/lookup', { email })],
  ['a list', (client, _, id) => client.send('GET', `/identities?after=${id > 1 ? id - 1 : ''}`)],
  ['a list by size', (client) => client.send('GET', '/identities?order=size')],
  ['a search', (client, email) => client.send('POST', '/search', { prefix: email })],
  ['evidence', (client, _, id) => client.send('GET', `/contacts/${id}/evidence`)],
  ['an explanation', (client, _, id) => client.send('GET', `/contacts/${id}/evidence?to=${id}`)],
  ['history', (client, _, id) => client.send('GET', `/contacts/${id}/history`)],
  ['merges', (client, _, id) => client.send('GET', `/merges?contactId=${id}`)],
  [
    'a merge',
    (client, _, id) => client.send('POST', '/merges?dryRun=true', { contactIds: [id, 1], reason: 'Why' }),
  ],
  ['rules of an identity', (client, _, id) => client.send('GET', `/rules?contactId=${id}`)],
];

/** They name the kind. Because of that, a process reads the policy again at most once a second. */
const NAMING: typeof CALLS = [
  [
    'a split of the kind',
    (client, _, id, kind) =>
      client.send('POST', '/splits?dryRun=true', {
        contactId: id,
        identifiers: [{ kind, value: 'C-1' }],
        reason: 'Why',
      }),
  ],
  [
    'a rule about the kind',
    (client, _email, _id, kind) =>
      client.send('POST', '/rules?dryRun=true', {
        identifiers: ['C-1', 'C-2'].map((value) => ({ kind, value })),
        reason: 'Why',
      }),
  ],
  [
    'a lookup of the kind',
    (client, _email, _id, kind) => client.send('POST', '/lookup', { identifiers: { [kind]: 'C-1' } }),
  ],
  [
    'a search in the kind',
    (client, _email, _id, kind) => client.send('POST', '/search', { prefix: 'C-1', kind }),
  ],
];

test.each([...CALLS, ...NAMING])(
  'a process that does not know a kind yet reads it again: %s',
  async (name, call) => {
    expect((await other.client.send('GET', '/identities?order=size')).status).toBe(200);
    const number = 2 + [...CALLS, ...NAMING].findIndex(([each]) => each === name);
    const kind = `kind${number}`;
    await declareKinds(database, [{ ...CUSTOMER_ID, name: kind, number, priority: number }]);
    const email = `${kind}@hillvalley.edu`;
    await one.refreshPolicy();
    const id = (await one.client.identify({ email, identifiers: { [kind]: 'C-1' } })).primaryContactId;
    let reply = await call(other.client, email, id, kind);
    while (reply.status === 400 && NAMING.some(([each]) => each === name)) {
      reply = await call(other.client, email, id, kind);
    }
    const { status, body } = reply;
    expect([name, status]).toEqual([name, 200]);
    if ('identities' in (body as object) || 'contact' in (body as object)) {
      expect(JSON.stringify(body)).toContain(`"${kind}":["C-1"]`);
    }
  },
);
