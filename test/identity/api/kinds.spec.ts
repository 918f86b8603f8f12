import { startApp } from '../../support/app.js';
import { until } from '../../support/until.js';
import type { Reply } from '../../support/client.js';
import { useApp, useDatabase } from '../../support/hooks.js';
import { CUSTOMER_ID, declareKinds, LOYALTY_CARD } from '../../support/policy.js';
import type { Changed, ShownIdentity } from '../../support/wire.js';

interface Answer {
  readonly contact: ShownIdentity;
  readonly ignored?: unknown;
  readonly outcome?: string;
}
interface Listed {
  readonly identities: readonly { readonly contact: ShownIdentity; readonly matched?: readonly string[] }[];
  readonly next: string | null;
}

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));

beforeEach(async () => {
  await database.clear();
});

/** The policy of the process is not older than this. */
beforeAll(() => declareKinds(database, [CUSTOMER_ID, LOYALTY_CARD]));

const identify = (body: object, query = ''): Promise<Reply<Answer>> =>
  app.client.send<Answer>('POST', `/identify${query}`, body);
const post = <T>(path: string, body: object): Promise<Reply<T>> => app.client.send<T>('POST', path, body);
const mistakesOf = ({ body }: Reply): unknown => (body as { errors?: unknown }).errors;

/** Lorraine is contact 1 and 2, Biff 3. */
async function lorraineAndBiff(): Promise<void> {
  await identify({ email: 'lorraine@hillvalley.edu', identifiers: { customerId: 'C-1' } });
  await identify({ phoneNumber: '111', identifiers: { customerId: 'C-1', loyaltyCard: ' GOLD-7 ' } });
  await identify({ email: 'biff@hillvalley.edu', identifiers: { customerId: 'C-3' } });
}
const LORRAINE = {
  primaryContactId: 1,
  emails: ['lorraine@hillvalley.edu'],
  phoneNumbers: ['111'],
  secondaryContactIds: [2],
  identifiers: { customerId: ['C-1'], loyaltyCard: ['gold-7'] },
};
const BIFF = {
  primaryContactId: 3,
  emails: ['biff@hillvalley.edu'],
  phoneNumbers: [],
  secondaryContactIds: [],
  identifiers: { customerId: ['C-3'], loyaltyCard: [] },
};

describe('POST /identify', () => {
  test('links by declared kinds, and answers with every one of them', async () => {
    const first = await identify({ email: 'lorraine@hillvalley.edu', identifiers: { customerId: ' C-1 ' } });
    expect(first.body).toEqual({
      contact: {
        ...LORRAINE,
        phoneNumbers: [],
        secondaryContactIds: [],
        identifiers: { customerId: ['C-1'], loyaltyCard: [] },
      },
    });
    expect(Object.keys(first.body.contact).at(-1)).toBe('identifiers');
    const second = await identify({
      phoneNumber: '111',
      identifiers: { customerId: 'C-1', loyaltyCard: 'Gold-7' },
    });
    expect(second.body).toEqual({ contact: LORRAINE });
    expect((await identify({ identifiers: { loyaltyCard: 'GOLD-7' } })).body).toEqual({ contact: LORRAINE });
    expect((await identify({ email: 'lorraine@hillvalley.edu', identifiers: null })).body).toEqual({
      contact: LORRAINE,
    });
  });

  test.each([
    ['an integer is its digits', { customerId: 17 }, { customerId: ['17'], loyaltyCard: [] }],
    ['case stays', { customerId: 'c-1' }, { customerId: ['c-1'], loyaltyCard: [] }],
    ['NFC', { customerId: 'e\u0301' }, { customerId: ['é'], loyaltyCard: [] }],
    ['lower case', { loyaltyCard: '\u0130' }, { customerId: [], loyaltyCard: ['i\u0307'] }],
    ['blank is nothing', { customerId: ' ', loyaltyCard: '7' }, { customerId: [], loyaltyCard: ['7'] }],
    ['null is nothing', { customerId: null, loyaltyCard: '7' }, { customerId: [], loyaltyCard: ['7'] }],
    [
      'as long as may be',
      { loyaltyCard: '😀'.repeat(20) },
      { customerId: [], loyaltyCard: ['😀'.repeat(20)] },
    ],
  ])('normalises as the kind says: %s', async (_, identifiers, shown) => {
    const { body } = await identify({ identifiers });
    expect(body.contact.identifiers).toEqual(shown);
  });

  const text = 'customerId must have no control characters and no invisible ones';
  test.each<[string, object, string, string]>([
    [
      'no such kind',
      { vatId: '7' },
      'identifiers.vatId',
      '"vatId" is not known; the tenant has declared customerId and loyaltyCard',
    ],
    [
      'a misspelled kind',
      { customer_id: '7' },
      'identifiers.customer_id',
      '"customer_id" is not known; did you mean customerId?',
    ],
    [
      'a name that every object has',
      { constructor: '7' },
      'identifiers.constructor',
      '"constructor" is not known; the tenant has declared customerId and loyaltyCard',
    ],
    [
      'an email',
      { email: 'a@b.example' },
      'identifiers.email',
      'email belongs beside identifiers, not into it',
    ],
    [
      'a phone number',
      { phoneNumber: '1' },
      'identifiers.phoneNumber',
      'phoneNumber belongs beside identifiers, not into it',
    ],
    ['a NUL', { customerId: 'a\u0000' }, 'identifiers.customerId', text],
    ['a lone surrogate', { customerId: 'a\ud800b' }, 'identifiers.customerId', text],
    ['an invisible character', { customerId: 'C\u200b-1' }, 'identifiers.customerId', text],
    [
      'too long',
      { loyaltyCard: '7'.repeat(21) },
      'identifiers.loyaltyCard',
      'loyaltyCard must have at most 20 characters',
    ],
    [
      'a fraction',
      { customerId: 1.5 },
      'identifiers.customerId',
      'customerId must be a string or an integer',
    ],
    [
      'a list',
      { customerId: ['C-1'] },
      'identifiers.customerId',
      'customerId must be a string or an integer',
    ],
    [
      'digits lost',
      { customerId: 2 ** 53 },
      'identifiers.customerId',
      'customerId must be a string, since it is no integer from 0 to 9007199254740991',
    ],
  ])('refuses %s', async (_, identifiers, field, message) => {
    const reply = await identify({ email: 'lorraine@hillvalley.edu', identifiers });
    expect(reply).toMatchObject({ status: 400, body: { type: 'urn:problem:invalid-request' } });
    expect(mistakesOf(reply)).toEqual([{ field, message }]);
  });

  test('refuses what is no object, and a call without any identifier', async () => {
    for (const identifiers of [['C-1'], 'C-1', 1]) {
      expect(mistakesOf(await identify({ email: 'lorraine@hillvalley.edu', identifiers }))).toEqual([
        { field: 'identifiers', message: 'identifiers must be an object of values by kind' },
      ]);
    }
    const message = 'give email, phoneNumber or one of identifiers';
    expect(mistakesOf(await identify({ email: ' ', identifiers: { customerId: null } }))).toEqual([
      { field: 'email', message },
      { field: 'phoneNumber', message },
      { field: 'identifiers', message },
    ]);
  });

  test('two customer numbers never become one person; the weaker identifier is left out', async () => {
    await lorraineAndBiff();
    const joining = await identify({ email: 'biff@hillvalley.edu', identifiers: { customerId: 'C-1' } });
    expect(joining.body).toMatchObject({
      contact: LORRAINE,
      ignored: [{ field: 'email', reason: 'limit' }],
    });
    const another = await identify({ email: 'lorraine@hillvalley.edu', identifiers: { customerId: 'C-9' } });
    expect(another.body).toMatchObject({
      contact: { emails: [], identifiers: { customerId: ['C-9'] } },
      ignored: [{ field: 'email', reason: 'limit' }],
    });
  });

  test('a dry run shows what would be', async () => {
    await lorraineAndBiff();
    const { body } = await identify({ identifiers: { customerId: 'C-3', loyaltyCard: '8' } }, '?dryRun=true');
    expect(body).toEqual({
      contact: {
        ...BIFF,
        secondaryContactIds: [null],
        identifiers: { customerId: ['C-3'], loyaltyCard: ['8'] },
      },
      outcome: 'linked',
    });
  });
});

test('every way to read shows the declared kinds', async () => {
  await lorraineAndBiff();
  const { client } = app;
  expect((await client.send('GET', '/contacts/2')).body).toEqual({ contact: LORRAINE });
  const now = new Date(Date.now() + 60_000).toISOString();
  expect((await client.send('GET', `/contacts/2?at=${now}`)).body).toEqual({ contact: LORRAINE });
  expect((await client.send('GET', '/identities')).body).toEqual({
    identities: [{ contact: LORRAINE }, { contact: BIFF }],
    next: null,
  });
  expect((await client.send('GET', '/identities?order=size')).body).toEqual({
    identities: [
      { contact: LORRAINE, contacts: 2 },
      { contact: BIFF, contacts: 1 },
    ],
    next: null,
  });
  expect((await client.send('GET', '/contacts/1/evidence')).body).toMatchObject({
    contacts: [
      { id: 1, email: 'lorraine@hillvalley.edu', phoneNumber: null, identifiers: { customerId: 'C-1' } },
      { id: 2, email: null, identifiers: { customerId: 'C-1', loyaltyCard: 'gold-7' } },
    ],
    edges: [{ type: 'shared', identifiers: [{ kind: 'customerId', value: 'C-1' }] }],
  });
  expect((await client.send('GET', '/contacts/1/evidence?to=2')).body).toMatchObject({
    connected: true,
    contacts: [{ identifiers: { customerId: 'C-1' } }, { identifiers: { loyaltyCard: 'gold-7' } }],
  });
});

test('a lookup takes every kind, and names those that matched', async () => {
  await lorraineAndBiff();
  const { body } = await post<Listed>('/lookup', {
    email: 'biff@hillvalley.edu',
    identifiers: { customerId: 'C-1', loyaltyCard: 'Gold-7' },
  });
  expect(body).toEqual({
    identities: [
      { contact: LORRAINE, matched: ['customerId', 'loyaltyCard'] },
      { contact: BIFF, matched: ['email'] },
    ],
  });
  expect(mistakesOf(await post('/lookup', { identifiers: { card: '7' } }))).toMatchObject([
    { field: 'identifiers.card' },
  ]);
});

test('a search goes through every kind, the strongest first, or through one', async () => {
  await identify({ email: 'c-1@hillvalley.edu', identifiers: { loyaltyCard: 'x' } });
  await identify({ identifiers: { customerId: 'C-12' } });
  await identify({ identifiers: { customerId: 'c-13' } });
  await identify({ identifiers: { loyaltyCard: 'C-11' } });
  const search = async (body: object): Promise<number[]> =>
    (await post<Listed>('/search', body)).body.identities.map(({ contact }) => contact.primaryContactId);
  expect(await search({ prefix: 'c-1' })).toEqual([3, 1, 4]);
  expect(await search({ prefix: ' C-1' })).toEqual([2, 1, 4]);
  expect(await search({ prefix: 'C-1', kind: 'customerId' })).toEqual([2]);
  expect(await search({ prefix: 'C-1', kind: 'loyaltyCard' })).toEqual([4]);
  const { next } = (await post<Listed>('/search?limit=1', { prefix: 'c-1' })).body;
  const second = await post<Listed>(`/search?limit=1&after=${next}`, { prefix: 'c-1' });
  expect(second.body.identities).toMatchObject([{ contact: { primaryContactId: 1 } }]);
  expect(mistakesOf(await post('/search', { prefix: 'C-1', kind: 'card' }))).toEqual([
    { field: 'kind', message: 'kind must be one of customerId, email, phoneNumber, loyaltyCard' },
  ]);
});

test('rules and splits take identifiers of every kind in their normal form', async () => {
  await lorraineAndBiff();
  const rule = {
    reason: 'They are two',
    identifiers: [
      { kind: 'customerId', value: 5 },
      { kind: 'loyaltyCard', value: ' B-1 ' },
    ],
  };
  expect((await post<Changed>('/rules', rule)).body.rules).toMatchObject([
    {
      identifiers: [
        { kind: 'customerId', value: '5' },
        { kind: 'loyaltyCard', value: 'b-1' },
      ],
    },
  ]);
  expect((await identify({ identifiers: { customerId: '5', loyaltyCard: 'b-1' } })).body).toMatchObject({
    ignored: [{ field: 'loyaltyCard', reason: 'do-not-link' }],
  });
  const split = await post<Changed>('/splits', {
    contactId: 1,
    identifiers: [{ kind: 'loyaltyCard', value: 'GOLD-7' }],
    reason: 'Not her card',
  });
  expect(split.body.identities.map(({ contact }) => contact.identifiers)).toEqual([
    { customerId: ['C-1'], loyaltyCard: [] },
    { customerId: [], loyaltyCard: ['gold-7'] },
  ]);
  const wrong = [
    { kind: 'card', value: '7' },
    { kind: 'loyaltyCard', value: 'x'.repeat(21) },
  ];
  expect(mistakesOf(await post('/rules', { identifiers: wrong, reason: 'Why' }))).toEqual([
    {
      field: 'identifiers[0].kind',
      message: 'kind must be customerId or email or phoneNumber or loyaltyCard',
    },
    { field: 'identifiers[1].value', message: 'loyaltyCard must have at most 20 characters' },
  ]);
});

test('merge and undo show the declared kinds', async () => {
  await identify({ email: 'lorraine@hillvalley.edu', identifiers: { loyaltyCard: 'L' } });
  await identify({ email: 'mcfly@hillvalley.edu', identifiers: { customerId: 'C-2' } });
  const merged = await post<Changed>('/merges', { contactIds: [1, 2], reason: 'One person' });
  expect(merged.body.identities.map(({ contact }) => contact.identifiers)).toEqual([
    { customerId: ['C-2'], loyaltyCard: ['l'] },
  ]);
  const undone = await post<Changed>(`/merges/${merged.body.mergeIds[0]}/undo`, { reason: 'Two after all' });
  expect(undone.body.identities.map(({ contact }) => contact.identifiers)).toEqual([
    { customerId: [], loyaltyCard: ['l'] },
    { customerId: ['C-2'], loyaltyCard: [] },
  ]);
});

test('a retired kind is refused in sightings; what is stored of it is found and shown', async () => {
  await lorraineAndBiff();
  await declareKinds(database, [{ ...LOYALTY_CARD, isRetired: true }]);
  await using other = await startApp({ DATABASE_URL: database.url });
  try {
    const refused = await other.client.send('POST', '/identify', { identifiers: { loyaltyCard: 'Gold-7' } });
    expect(refused.status).toBe(400);
    expect(mistakesOf(refused)).toEqual([
      { field: 'identifiers.loyaltyCard', message: 'loyaltyCard is retired: no new values are taken' },
    ]);
    const empty = { email: 'lorraine@hillvalley.edu', identifiers: { loyaltyCard: null } };
    expect(await other.client.identify(empty)).toEqual(LORRAINE);
    const found = await other.client.send('POST', '/lookup', { identifiers: { loyaltyCard: 'Gold-7' } });
    expect(found.body).toEqual({ identities: [{ contact: LORRAINE, matched: ['loyaltyCard'] }] });
    expect(await other.client.find(3)).toEqual({ ...BIFF, identifiers: { customerId: ['C-3'] } });
  } finally {
    await declareKinds(database, [LOYALTY_CARD]);
  }
});

describe('a tenant that has declared no kinds', () => {
  const plainDatabase = useDatabase();
  const plain = useApp(() => ({ DATABASE_URL: plainDatabase.url }));

  test('sees no identifiers in any answer', async () => {
    const { client } = plain;
    await client.identify({ email: 'lorraine@hillvalley.edu', phoneNumber: '111', identifiers: null });
    await client.identify({ email: 'mcfly@hillvalley.edu', phoneNumber: '222', identifiers: {} });
    const calls: [method: string, path: string, body?: object][] = [
      ['POST', '/identify', { email: 'lorraine@hillvalley.edu' }],
      ['POST', '/identify?dryRun=true', { email: 'lorraine@hillvalley.edu', phoneNumber: '3' }],
      ['GET', '/contacts/1'],
      ['GET', '/identities'],
      ['GET', '/identities?order=size'],
      ['GET', '/contacts/1/evidence'],
      ['GET', '/contacts/1/evidence?to=1'],
      ['POST', '/lookup', { phoneNumber: '222' }],
      ['POST', '/search', { prefix: 'lorraine' }],
      ['POST', '/merges?dryRun=true', { contactIds: [1, 2], reason: 'One person' }],
    ];
    for (const [method, path, body] of calls) {
      const { status, body: answer } = await client.send(method, path, body);
      expect([path, status]).toEqual([path, 200]);
      const { edges: _, ...shown } = answer as { edges?: unknown };
      expect(JSON.stringify(shown)).not.toContain('"identifiers"');
    }
  });

  test('is told that a kind is not declared, and what to give as ever', async () => {
    const undeclared = await plain.client.send('POST', '/identify', { identifiers: { customerId: null } });
    expect(mistakesOf(undeclared)).toEqual([
      {
        field: 'identifiers.customerId',
        message: '"customerId" is not known; the tenant has declared no kinds',
      },
    ]);
    const message = 'give email, phoneNumber, or both';
    expect(mistakesOf(await plain.client.send('POST', '/identify', { identifiers: {} }))).toEqual([
      { field: 'email', message },
      { field: 'phoneNumber', message },
    ]);
  });

  test('may take a kind at once that another process has just declared', async () => {
    await declareKinds(plainDatabase, [CUSTOMER_ID]);
    // At most once a second the policy is read again for that: the test before had its turn.
    const body = { identifiers: { customerId: 'C-1' } };
    await until(async () => (await plain.client.send('POST', '/identify', body)).status === 200);
    expect(await plain.client.identify(body)).toMatchObject({ identifiers: { customerId: ['C-1'] } });
  });
});
