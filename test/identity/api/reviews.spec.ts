import { useApp, useDatabase } from '../../support/hooks.js';
import { storedRows, violations } from '../../support/invariants.js';
import type { Reply } from '../../support/client.js';
import type { ShownIdentity } from '../../support/wire.js';

const GEORGE = 'george@hillvalley.edu';
const BIFF = 'biff@hillvalley.edu';
const LORRAINE = 'lorraine@hillvalley.edu';
const REASON = 'They called';

interface ShownReview {
  readonly id: number;
  readonly identifiers: readonly unknown[];
  readonly reason: string;
  readonly contactIds: readonly number[];
  readonly createdAt: string;
  readonly state: string;
  readonly decision: string | null;
}
interface Listed {
  readonly reviews: readonly ShownReview[];
  readonly next: string | null;
}
interface Answer {
  readonly contact: ShownIdentity;
  readonly ignored?: readonly {
    readonly field: string;
    readonly reason: string;
    readonly reviewId?: number;
  }[];
}
interface Change {
  readonly changeId: number | null;
  readonly changed: boolean;
  readonly identities: readonly { readonly contact: ShownIdentity }[];
  readonly mergeIds: readonly number[];
  readonly rules: readonly { readonly id: number | null; readonly identifiers: readonly unknown[] }[];
}
interface Options {
  readonly query?: string;
  readonly headers?: Record<string, string>;
  readonly reason?: unknown;
}

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));

beforeEach(() => database.clear());

afterEach(async () => {
  expect(await violations(database)).toEqual({});
});

const email = (value: string) => ({ kind: 'email', value });
const phone = (value: string) => ({ kind: 'phoneNumber', value });

const identify = async (body: object, query = ''): Promise<Answer> =>
  (await app.client.send<Answer>('POST', `/identify${query}`, body)).body;

const makeRule = (...identifiers: unknown[]): Promise<Reply<Change>> =>
  app.client.send('POST', '/rules', { identifiers, reason: REASON });

const list = async (query = ''): Promise<Listed> =>
  (await app.client.send<Listed>('GET', `/reviews${query}`)).body;

const decide = (
  id: number | string,
  decision: unknown,
  { query = '', headers = {}, reason = REASON }: Options = {},
): Promise<Reply<Change>> => app.client.send('POST', `/reviews/${id}${query}`, { decision, reason }, headers);

const split = (contactIds: number[]): Promise<Reply<Change>> =>
  app.client.send('POST', '/splits', { contactId: 1, contactIds, reason: REASON });

const identityOf = async (contactId: number): Promise<ShownIdentity> =>
  (await app.client.send<{ contact: ShownIdentity }>('GET', `/contacts/${contactId}`)).body.contact;

/** The decision of each review as its row has it. */
const stored = (): Promise<object[]> =>
  database.query('select decision, change_id::int from review order by id');

/** George (1) and Biff (2, 3) are kept apart by their emails; Biff's second number came with George: review 1. */
async function crossing(): Promise<void> {
  await identify({ email: GEORGE, phoneNumber: '919191' });
  await identify({ email: BIFF, phoneNumber: '717171' });
  await identify({ email: BIFF, phoneNumber: '88' });
  await makeRule(email(GEORGE), email(BIFF));
  await identify({ email: GEORGE, phoneNumber: '88' });
}

const PAIR = [email(GEORGE), phone('88')];
const ONE = {
  id: 1,
  identifiers: PAIR,
  reason: 'do-not-link',
  contactIds: [1, 3],
  createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/) as string,
  state: 'open',
  decision: null,
};

describe('a link that was withheld', () => {
  test('opens one review, which the answer and the list tell, however often it comes', async () => {
    await crossing();
    for (let n = 0; n < 3; n++) {
      expect((await identify({ email: GEORGE, phoneNumber: '88' })).ignored).toEqual([
        { field: 'phoneNumber', reason: 'do-not-link', reviewId: 1 },
      ]);
    }
    expect(await list()).toEqual({ reviews: [ONE], next: null });
    expect(await list('?state=open')).toEqual({ reviews: [ONE], next: null });
    expect(await list('?state=decided')).toEqual({ reviews: [], next: null });
  });

  test('is told by a dry run without id until its review is opened', async () => {
    await identify({ email: GEORGE });
    await identify({ email: BIFF, phoneNumber: '88' });
    await makeRule(email(GEORGE), email(BIFF));
    const sighting = { email: GEORGE, phoneNumber: '88' };
    const told = { field: 'phoneNumber', reason: 'do-not-link' };
    expect((await identify(sighting, '?dryRun=true')).ignored).toEqual([told]);
    expect((await list()).reviews).toEqual([]);
    expect((await identify(sighting)).ignored).toEqual([{ ...told, reviewId: 1 }]);
    expect((await identify(sighting, '?dryRun=true')).ignored).toEqual([{ ...told, reviewId: 1 }]);
  });

  test('shows who holds its identifiers today, each contact once', async () => {
    await crossing();
    expect((await app.client.send('DELETE', '/contacts/3')).status).toBe(204);
    expect((await list()).reviews).toEqual([{ ...ONE, contactIds: [1] }]);
    expect((await app.client.send('DELETE', '/identities/1')).status).toBe(204);
    expect((await list()).reviews).toEqual([{ ...ONE, contactIds: [] }]);
  });
});

describe('deciding to link', () => {
  test('merges the identities, deletes the rules between them, and names the pair of the review', async () => {
    await crossing();
    const { status, body } = await decide(1, 'link');
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        changeId: expect.any(Number),
        changed: true,
        identities: [
          {
            contact: {
              primaryContactId: 1,
              emails: [GEORGE, BIFF],
              phoneNumbers: ['919191', '717171', '88'],
              secondaryContactIds: [2, 3],
            },
          },
        ],
        mergeIds: [expect.any(Number)],
        rules: [],
      },
    });
    expect((await app.client.send('GET', '/rules')).body).toEqual({ rules: [], next: null });
    expect((await app.client.send('GET', '/merges?contactId=1')).body).toMatchObject({
      merges: [{ survivorId: 1, mergedId: 2, cause: 'review', identifiers: PAIR }],
    });
    expect((await app.client.send('GET', '/contacts/1/evidence?to=3')).body).toMatchObject({
      path: [{ from: 1, to: 3, type: 'merge', cause: 'review', identifiers: PAIR }],
    });
    expect((await app.client.send('GET', '/contacts/1/history')).body).toMatchObject({
      events: expect.arrayContaining([
        expect.objectContaining({ type: 'merged', changeId: body.changeId, reason: REASON }),
      ]) as unknown,
    });
    expect(await list('?state=decided')).toMatchObject({
      reviews: [{ id: 1, state: 'decided', decision: 'link', contactIds: [1, 3] }],
    });
    expect(await stored()).toEqual([{ decision: 'link', change_id: body.changeId }]);
    expect((await identify({ email: GEORGE, phoneNumber: '88' })).ignored).toBeUndefined();
  });

  test('can be undone: the rule that stays is about the pair of the review', async () => {
    await crossing();
    const { body } = await decide(1, 'link');
    const undone = await app.client.send<Change>('POST', `/merges/${body.mergeIds[0]}/undo`, {
      reason: REASON,
    });
    expect(undone.body.rules).toMatchObject([{ identifiers: PAIR }]);
    expect((await identify({ email: GEORGE, phoneNumber: '88' })).ignored).toEqual([
      { field: 'phoneNumber', reason: 'do-not-link' },
    ]);
    expect(await stored()).toEqual([{ decision: 'link', change_id: body.changeId }]);
  });

  test('attaches an identifier that nobody holds, with its rules to the identity lifted', async () => {
    await crossing();
    await makeRule(email(GEORGE), phone('717171'));
    await makeRule(phone('88'), email(LORRAINE));
    await app.client.send('DELETE', '/identities/2');
    expect((await list()).reviews).toMatchObject([{ contactIds: [1] }]);
    const { body } = await decide(1, 'link');
    expect(body).toMatchObject({
      changed: true,
      mergeIds: [],
      identities: [
        { contact: { primaryContactId: 1, phoneNumbers: ['919191', '88'], secondaryContactIds: [4] } },
      ],
    });
    expect(await database.query('select joined_id::int, is_ruled from contact where id = 4')).toEqual([
      { joined_id: 1, is_ruled: true },
    ]);
    // that rule still holds, for its new holder
    expect((await identify({ email: LORRAINE, phoneNumber: '88' })).ignored).toMatchObject([
      { reason: 'do-not-link' },
    ]);
  });

  test('lifts the rules between what is attached and its new identity', async () => {
    await crossing();
    await makeRule(phone('88'), phone('919191'));
    await app.client.send('DELETE', '/identities/2');
    expect((await decide(1, 'link')).body).toMatchObject({
      identities: [{ contact: { phoneNumbers: ['919191', '88'] } }],
    });
    expect((await app.client.send('GET', '/rules')).body).toMatchObject({
      rules: [{ identifiers: [email(GEORGE), email(BIFF)] }],
    });
  });

  test('makes a new identity of both if nobody holds either', async () => {
    await crossing();
    await app.client.send('DELETE', '/identities/1');
    await app.client.send('DELETE', '/identities/2');
    expect((await decide(1, 'link')).body).toMatchObject({
      changed: true,
      identities: [
        { contact: { primaryContactId: 4, emails: [GEORGE], phoneNumbers: ['88'], secondaryContactIds: [] } },
      ],
    });
  });

  test('is refused while an identifier is blocked; keeping apart is not', async () => {
    await crossing();
    const blocked = { kind: 'phoneNumber', pattern: '88', existing: 'keep', reason: REASON };
    expect((await app.client.send('POST', '/blocked-values', blocked)).status).toBe(201);
    const before = await storedRows(database);
    for (const query of ['', '?dryRun=true']) {
      expect(await decide(1, 'link', { query })).toMatchObject({
        status: 422,
        body: {
          type: 'urn:problem:identifiers-blocked',
          errors: [{ field: 'phoneNumber', message: 'phoneNumber is blocked' }],
        },
      });
    }
    expect(await storedRows(database)).toEqual(before);
    expect((await decide(1, 'keep-apart')).body).toMatchObject({ changed: true });
    const [pattern] = await database.query<{ id: number }>('select id::int from blocked_value');
    await app.client.send('DELETE', `/blocked-values/${pattern!.id}`);
  });
});

describe('deciding to keep apart', () => {
  test('makes a rule of the pair, and tells both identities', async () => {
    await crossing();
    const { body } = await decide(1, 'keep-apart');
    expect(body).toMatchObject({
      changeId: expect.any(Number),
      changed: true,
      identities: [{ contact: { primaryContactId: 1 } }, { contact: { primaryContactId: 2 } }],
      mergeIds: [],
      rules: [{ id: expect.any(Number), identifiers: PAIR, actor: 'anybody', reason: REASON }],
    });
    expect((await identify({ email: GEORGE, phoneNumber: '88' })).ignored).toEqual([
      { field: 'phoneNumber', reason: 'do-not-link' },
    ]);
    expect(await stored()).toEqual([{ decision: 'keep-apart', change_id: body.changeId }]);
  });

  test('reserves what nobody holds', async () => {
    await crossing();
    await app.client.send('DELETE', '/identities/2');
    expect((await decide(1, 'keep-apart')).body).toMatchObject({
      changed: true,
      identities: [{ contact: { primaryContactId: 1 } }],
    });
    expect((await identify({ email: GEORGE, phoneNumber: '88' })).ignored).toEqual([
      { field: 'phoneNumber', reason: 'do-not-link' },
    ]);
  });
});

const put = async (policy: object): Promise<void> =>
  expect((await app.client.send('PUT', '/policy', policy, { 'if-match': '*' })).status).toBe(200);
const setPolicy = (maxContacts: number, retired = false): Promise<void> =>
  put({
    maxContacts,
    kinds: [{ name: 'customerId', normaliser: 'trim', priority: 10, onePerIdentity: true, retired }],
  });
const withheld = (reviewId?: number) => [{ field: 'phoneNumber', reason: 'limit', reviewId }];

describe('what a limit withheld', () => {
  /** George has as many contacts as he may have; one more number opens the review 1. */
  beforeEach(async () => {
    await setPolicy(2);
    for (const phoneNumber of ['1', '2', '3']) {
      await identify({ email: GEORGE, phoneNumber });
    }
  });

  afterEach(() => setPolicy(1_000));

  test('is a review with that reason, whose identifier nobody may have', async () => {
    expect(await list()).toMatchObject({
      reviews: [{ id: 1, identifiers: [email(GEORGE), phone('3')], reason: 'limit', contactIds: [1] }],
    });
    expect((await identify({ email: GEORGE, phoneNumber: '3' })).ignored).toEqual(withheld(1));
  });

  test('is linked beyond the limit by a decision, and nothing else is', async () => {
    expect((await decide(1, 'link')).body).toMatchObject({
      changed: true,
      identities: [{ contact: { phoneNumbers: ['1', '2', '3'], secondaryContactIds: [2, 3] } }],
    });
    expect((await identify({ email: GEORGE, phoneNumber: '3' })).ignored).toBeUndefined();
    expect((await identify({ email: GEORGE, phoneNumber: '4' })).ignored).toEqual(withheld(2));
  });

  test('is decided to be linked by the same call once the limit is raised', async () => {
    await setPolicy(3);
    expect((await list()).reviews).toHaveLength(1);
    expect((await identify({ email: GEORGE, phoneNumber: '3' })).ignored).toBeUndefined();
    expect((await list()).reviews).toEqual([]);
    expect(await list('?state=decided')).toMatchObject({
      reviews: [{ id: 1, decision: 'link', contactIds: [1, 3] }],
    });
  });

  test('can only be kept apart if its kind is retired', async () => {
    await identify({ email: BIFF, identifiers: { customerId: 'C-1' } });
    expect((await identify({ email: BIFF, identifiers: { customerId: 'C-2' } })).ignored).toEqual([
      { field: 'email', reason: 'limit', reviewId: 2 },
    ]);
    await setPolicy(2, true);
    expect(await decide(2, 'link')).toMatchObject({
      status: 422,
      body: { errors: [{ field: 'customerId', message: 'the kind customerId is retired' }] },
    });
    expect((await decide(2, 'keep-apart')).body).toMatchObject({
      changed: true,
      rules: [{ identifiers: [{ kind: 'customerId', value: 'C-2' }, email(BIFF)] }],
    });
  });
});

describe('a review that was decided before', () => {
  test.each([
    ['link', 'keep-apart'],
    ['keep-apart', 'link'],
    ['link', 'link'],
    ['keep-apart', 'keep-apart'],
  ])('to %s is not decided again to %s', async (first, second) => {
    await crossing();
    await decide(1, first);
    const before = await storedRows(database);
    const { status, body } = await decide(1, second);
    expect({ status, changed: body.changed, changeId: body.changeId, rules: body.rules }).toEqual({
      status: 200,
      changed: false,
      changeId: null,
      rules: [],
    });
    expect(body.identities).toHaveLength(first === 'link' ? 1 : 2);
    expect(await storedRows(database)).toEqual(before);
    expect(await list('?state=decided')).toMatchObject({ reviews: [{ decision: first }] });
  });
});

describe('a dry run', () => {
  test.each(['link', 'keep-apart'])(
    'of %s writes nothing, and its tag makes exactly that',
    async (decision) => {
      await crossing();
      const before = await storedRows(database);
      const dry = await decide(1, decision, { query: '?dryRun=true' });
      expect(dry.body).toMatchObject({ changeId: null, changed: true, mergeIds: [] });
      expect(await storedRows(database)).toEqual(before);
      expect((await list()).reviews).toEqual([ONE]);
      const headers = { 'if-match': dry.headers.get('etag')! };
      const made = await decide(1, decision, { headers });
      expect(made.body.identities).toEqual(dry.body.identities);
      expect((await decide(1, decision, { headers })).status).toBe(412);
    },
  );

  test('of attaching tells the new contact without id', async () => {
    await crossing();
    await app.client.send('DELETE', '/identities/2');
    expect((await decide(1, 'link', { query: '?dryRun=true' })).body.identities).toMatchObject([
      { contact: { secondaryContactIds: [null] } },
    ]);
  });

  test.each([
    ['an identity changes', () => identify({ email: BIFF, phoneNumber: '7' })],
    ['a rule is made', () => makeRule(phone('88'), email(LORRAINE))],
    ['the review is decided', () => decide(1, 'keep-apart')],
  ])('is refused if %s meanwhile', async (_, change) => {
    await crossing();
    const dry = await decide(1, 'link', { query: '?dryRun=true' });
    await change();
    expect((await decide(1, 'link', { headers: { 'if-match': dry.headers.get('etag')! } })).status).toBe(412);
  });
});

describe('an idempotency key', () => {
  const headers = { 'idempotency-key': 'review-1' };

  test.each(['link', 'keep-apart'])('makes the decision %s once, and tells it again', async (decision) => {
    await crossing();
    const first = await decide(1, decision, { headers });
    const before = await storedRows(database);
    expect((await decide(1, decision, { headers })).body).toEqual(first.body);
    expect(await storedRows(database)).toEqual(before);
    expect((await decide(1, decision, { headers, reason: 'Another' })).status).toBe(422);
  });
});

describe('a review is decided by itself', () => {
  test.each([
    ['a rule about its pair', () => makeRule(...PAIR)],
    ['a rule in the other order', () => makeRule(...PAIR.toReversed())],
  ])('by %s, in the transaction of the rule', async (_, change) => {
    await crossing();
    const { body } = await change();
    expect(await stored()).toEqual([{ decision: 'keep-apart', change_id: body.changeId }]);
    expect((await list()).reviews).toEqual([]);
    expect(await list('?state=decided')).toMatchObject({ reviews: [{ id: 1, decision: 'keep-apart' }] });
    expect((await decide(1, 'link')).body).toMatchObject({ changed: false });
  });

  test.each([
    [
      'an undo',
      (mergeId: number) => app.client.send<Change>('POST', `/merges/${mergeId}/undo`, { reason: REASON }),
    ],
    ['a split', () => split([2, 3])],
  ])('by %s that takes its pair apart before anybody looked', async (_, change) => {
    await crossing();
    await app.client.send('DELETE', '/rules/1');
    await identify({ email: GEORGE, phoneNumber: '88' });
    const [merge] = await database.query<{ id: number }>('select id::int from identity_merge');
    const { body } = await change(merge!.id);
    expect(body.rules).toMatchObject([{ identifiers: expect.arrayContaining(PAIR) as unknown }]);
    expect(await stored()).toEqual([{ decision: 'keep-apart', change_id: body.changeId }]);
  });

  test.each([
    ['the list of open ones', () => list()],
    ['the list of decided ones', () => list('?state=decided')],
    ['a decision', () => decide(1, 'keep-apart')],
  ])('once its pair is linked: %s finds that, and writes it down', async (_, read) => {
    await crossing();
    await app.client.send('POST', '/merges', { contactIds: [1, 2], force: true, reason: REASON });
    expect(await stored()).toEqual([{ decision: null, change_id: null }]);
    await read();
    expect(await stored()).toEqual([{ decision: 'link', change_id: null }]);
    expect((await list()).reviews).toEqual([]);
    expect((await list('?state=decided')).reviews).toEqual([{ ...ONE, state: 'decided', decision: 'link' }]);
    expect((await decide(1, 'keep-apart')).body).toMatchObject({ changed: false, rules: [] });
  });

  test('and stays so: whatever comes later changes nothing', async () => {
    await crossing();
    await app.client.send('POST', '/merges', { contactIds: [1, 2], force: true, reason: REASON });
    await list();
    await split([2, 3]);
    await makeRule(...PAIR);
    expect(await stored()).toEqual([{ decision: 'link', change_id: null }]);
  });

  test('by a rule that was made as it was opened, once somebody looks', async () => {
    await crossing();
    const { body } = await makeRule(...PAIR);
    await database.query('update review set decision = null, decided_at = null, change_id = null');
    expect((await list()).reviews).toEqual([]);
    expect(await stored()).toEqual([{ decision: 'keep-apart', change_id: body.changeId }]);
  });
});

/** Opens so many reviews: the emails of two groups are kept apart by a rule about others. */
async function openReviews(count: number): Promise<void> {
  await crossing();
  for (let n = 2; n <= count; n++) {
    await identify({ email: BIFF, phoneNumber: `88${n}` });
    await identify({ email: GEORGE, phoneNumber: `88${n}` });
  }
}

/** The ids of the pages of a state, two reviews each. */
async function pages(state: string): Promise<number[][]> {
  const ids: number[][] = [];
  for (let next: string | null = ''; next !== null;) {
    const page: Listed = await list(`?state=${state}&limit=2${next && `&after=${next}`}`);
    ids.push(page.reviews.map(({ id }) => id));
    next = page.next;
  }
  return ids;
}

describe('listing reviews', () => {
  test('tells all of a state, the oldest first, in pages', async () => {
    await openReviews(7);
    for (const id of [2, 3, 5]) {
      await decide(id, 'keep-apart');
    }
    expect((await pages('open')).flat()).toEqual([1, 4, 6, 7]);
    expect((await pages('decided')).flat()).toEqual([2, 3, 5]);
    expect((await pages('open'))[0]).toEqual([1, 4]);
  });

  test.each([
    ['?state=closed', 'state'],
    ['?state=', 'state'],
    ['?state=open&state=decided', 'state'],
    ['?after=x', 'after'],
    ['?limit=201', 'limit'],
  ])('refuses %s', async (query, field) => {
    expect(await app.client.send('GET', `/reviews${query}`)).toMatchObject({
      status: 400,
      body: { type: 'urn:problem:invalid-request', errors: [{ field }] },
    });
  });
});

test.each([
  [{ decision: 'merge', reason: REASON }, 'decision', 'decision must be link or keep-apart'],
  [{ reason: REASON }, 'decision', 'decision must be link or keep-apart'],
  [{ decision: ['link'], reason: REASON }, 'decision', 'decision must be link or keep-apart'],
  [{ decision: 'link', reason: ' ' }, 'reason', 'reason must not be empty'],
])('a decision of %j is refused', async (body, field, message) => {
  await crossing();
  expect(await app.client.send('POST', '/reviews/1', body)).toMatchObject({
    status: 400,
    body: { type: 'urn:problem:invalid-request', errors: [{ field, message }] },
  });
});

test.each([
  ['4711', 404, 'review-not-found'],
  ['0', 400, 'invalid-request'],
  ['x', 400, 'invalid-request'],
])('a review that is not there is told: %s', async (id, status, type) => {
  await crossing();
  expect(await decide(id, 'link')).toMatchObject({ status, body: { type: `urn:problem:${type}` } });
  expect(await identityOf(1)).toMatchObject({ secondaryContactIds: [] });
});
