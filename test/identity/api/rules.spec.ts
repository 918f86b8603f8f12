import { useApp, useDatabase } from '../../support/hooks.js';
import { violations } from '../../support/invariants.js';
import type { Reply } from '../../support/client.js';
import type { ShownIdentity } from '../../support/wire.js';

const LORRAINE = 'lorraine@hillvalley.edu';
const GEORGE = 'george@hillvalley.edu';
const BIFF = 'biff@hillvalley.edu';
const REASON = 'They are two customers';
const IGNORED = [{ field: 'phoneNumber', reason: 'do-not-link' }];

interface ShownRule {
  readonly id: number | null;
  readonly identifiers: readonly unknown[];
  readonly createdAt: string | null;
  readonly actor: string;
  readonly reason: string;
}
interface Made {
  readonly changeId: number | null;
  readonly changed: boolean;
  readonly rules: readonly ShownRule[];
}
interface Listed {
  readonly rules: readonly ShownRule[];
  readonly next: string | null;
}
interface Options {
  readonly query?: string;
  readonly headers?: Record<string, string>;
  readonly reason?: string;
}

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url, DEFAULT_PHONE_REGION: 'DE' }));

beforeEach(() => database.clear());

afterEach(async () => {
  expect(await violations(database)).toEqual({});
});

const email = (value: unknown) => ({ kind: 'email', value });
const phone = (value: unknown) => ({ kind: 'phoneNumber', value });

const numbered = (n: number) => [email(`${n}@hillvalley.edu`), phone(`${n}`)];

const make = (
  identifiers: unknown,
  { query = '', headers = {}, reason = REASON }: Options = {},
): Promise<Reply<Made>> => app.client.send('POST', `/rules${query}`, { identifiers, reason }, headers);

const list = async (query = ''): Promise<Listed> =>
  (await app.client.send<Listed>('GET', `/rules${query}`)).body;

const remove = async (id: number | null, headers = {}, body?: unknown): Promise<number> =>
  (await app.client.send('DELETE', `/rules/${id}`, body, headers)).status;

const merge = (contactIds: number[]): Promise<Reply> =>
  app.client.send('POST', '/merges', { contactIds, reason: 'One customer' });

const dry = (identifiers: unknown) => make(identifiers, { query: '?dryRun=true' });

const identify = async (body: object): Promise<{ contact: ShownIdentity; ignored?: unknown }> =>
  (await app.client.send<{ contact: ShownIdentity; ignored?: unknown }>('POST', '/identify', body)).body;

/** All that is stored. */
async function rows(): Promise<unknown> {
  const tables = ['contact', 'identifier', 'identity_merge', 'do_not_link', 'change'];
  return Promise.all(tables.map((table) => database.query(`select * from ${table} order by 1, 2, 3, 4`)));
}

const PAIR = [email(LORRAINE), phone('123456')];

describe('making a rule', () => {
  test('answers 201 with the rule, and keeps apart what it names', async () => {
    await identify({ email: LORRAINE });
    await identify({ phoneNumber: '123456' });
    const { status, body } = await make([phone('12 34-56'), email(` ${LORRAINE.toUpperCase()}`)]);
    expect({ status, body }).toEqual({
      status: 201,
      body: {
        changeId: expect.any(Number),
        changed: true,
        rules: [
          {
            id: expect.any(Number),
            identifiers: [phone('123456'), email(LORRAINE)],
            createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
            actor: 'anybody',
            reason: REASON,
          },
        ],
      },
    });
    expect(await identify({ email: LORRAINE, phoneNumber: '123456' })).toEqual({
      contact: { primaryContactId: 1, emails: [LORRAINE], phoneNumbers: [], secondaryContactIds: [] },
      ignored: IGNORED,
    });
    expect(
      await database.query(
        `select kind, actor, reason, is_changed, contact_ids::int[], at =
          (select min(created_at) from do_not_link where change_id = c.id) as same from change c`,
      ),
    ).toEqual([
      { kind: 'rule', actor: 'anybody', reason: REASON, is_changed: true, contact_ids: [2, 1], same: true },
    ]);
  });

  test('that is there already, from whichever side, changes nothing and tells it', async () => {
    const { body } = await make(PAIR);
    const before = await rows();
    expect(await make(PAIR.toReversed(), { reason: 'Once more' })).toMatchObject({
      status: 201,
      body: { changeId: null, changed: false, rules: body.rules },
    });
    expect(await rows()).toEqual(before);
  });

  test('between what is one identity is refused', async () => {
    await identify({ email: LORRAINE, phoneNumber: '123456' });
    const before = await rows();
    for (const query of ['', '?dryRun=true']) {
      expect(await make(PAIR, { query })).toMatchObject({
        status: 409,
        body: { type: 'urn:problem:already-linked' },
      });
    }
    expect(await rows()).toEqual(before);
  });

  test.each([
    ['identifiers', undefined, 'identifiers must be an array of two'],
    ['identifiers', 'x', 'identifiers must be an array of two'],
    ['identifiers', [email('a@b.de')], 'identifiers must be an array of two'],
    ['identifiers', [...PAIR, phone('1')], 'identifiers must be an array of two'],
    ['identifiers', [phone('030 123456'), phone(' +49 30 123456')], 'identifiers must be two different ones'],
    ['identifiers[1]', [email(LORRAINE), null], 'identifiers[1] must be an object with kind and value'],
    ['identifiers[0]', [[], email(LORRAINE)], 'identifiers[0] must be an object with kind and value'],
    ['identifiers[1].kind', [email(LORRAINE), { value: '1' }], 'kind must be email or phoneNumber'],
    ['identifiers[0].kind', [{ kind: '__proto__' }, email(LORRAINE)], 'kind must be email or phoneNumber'],
    ['identifiers[0].value', [email('lorraine'), phone('1')], 'email must be a valid email address'],
    ['identifiers[0].value', [email(7), phone('1')], 'email must be a string'],
    ['identifiers[0].value', [email('a\u0000@b.de'), phone('1')], 'email must be a valid email address'],
    ['identifiers[1].value', [email(LORRAINE), phone('  ')], 'value must not be empty'],
    ['identifiers[1].value', [email(LORRAINE), phone(null)], 'value must not be empty'],
    ['identifiers[1].value', [email(LORRAINE), { kind: 'phoneNumber' }], 'value must not be empty'],
    [
      'identifiers[1].value',
      [email(LORRAINE), phone('12ab')],
      'phoneNumber must have 1 to 15 digits, and may start with + and a country code',
    ],
    ['identifiers[1].value', [email(LORRAINE), phone({})], 'phoneNumber must be a string or an integer'],
  ])('with an invalid %s is refused: %j', async (field, identifiers, message) => {
    expect(await make(identifiers)).toMatchObject({
      status: 400,
      body: { type: 'urn:problem:invalid-request', errors: [{ field, message }] },
    });
    expect(await database.query('select from do_not_link')).toEqual([]);
  });

  test('names every identifier that is not valid, and takes a number for a phone number', async () => {
    expect(await make([email('x'), phone('x')])).toMatchObject({
      body: { errors: [{ field: 'identifiers[0].value' }, { field: 'identifiers[1].value' }] },
    });
    expect((await make([email(BIFF), phone(30123456)])).body.rules[0]!.identifiers[1]).toEqual(
      phone('+4930123456'),
    );
  });

  test('needs a reason', async () => {
    expect(await make(PAIR, { reason: ' ' })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'reason' }] },
    });
  });
});

describe('a dry run', () => {
  test('writes nothing, tells the rule without id and time, and its tag makes exactly that', async () => {
    await identify({ email: LORRAINE });
    const before = await rows();
    const { status, headers, body } = await dry(PAIR);
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        changeId: null,
        changed: true,
        rules: [{ id: null, identifiers: PAIR, createdAt: null, actor: 'anybody', reason: REASON }],
      },
    });
    expect(await rows()).toEqual(before);
    const made = await make(PAIR, { headers: { 'if-match': headers.get('etag')! } });
    expect(made).toMatchObject({ status: 201, body: { changed: true, changeId: expect.any(Number) } });
    expect(made.headers.get('etag')).toBeNull();
    expect(await dry(PAIR)).toMatchObject({ status: 200, body: { changed: false, rules: made.body.rules } });
  });

  const other = [phone('123456'), email(BIFF)];

  test.each([
    ['this rule is made', async () => void (await make(PAIR))],
    ['an identifier is reserved by another rule', async () => void (await make(other))],
    ['an identifier is taken', async () => void (await identify({ phoneNumber: '123456' }))],
    ['an identity changes', async () => void (await identify({ email: LORRAINE, phoneNumber: '7' }))],
  ])('on what nobody has stands for it: after it %s the call is refused', async (_, change) => {
    await identify({ email: LORRAINE });
    const ifMatch = (await dry(PAIR)).headers.get('etag')!;
    await change();
    const before = await rows();
    expect(await make(PAIR, { headers: { 'if-match': ifMatch } })).toMatchObject({
      status: 412,
      body: { type: 'urn:problem:precondition-failed' },
    });
    expect(await rows()).toEqual(before);
  });

  test('on what is reserved stands for the rules about it: each that is made or lifted refuses the call', async () => {
    await make(other);
    const tags = [(await dry(PAIR)).headers.get('etag')!];
    const { body } = await make([phone('123456'), email(GEORGE)]);
    tags.push((await dry(PAIR)).headers.get('etag')!);
    expect((await make(PAIR, { headers: { 'if-match': tags[0]! } })).status).toBe(412);
    expect(await remove(body.rules[0]!.id)).toBe(204);
    expect((await make(PAIR, { headers: { 'if-match': tags[1]! } })).status).toBe(412);
    expect((await make(PAIR, { headers: { 'if-match': tags[0]! } })).status).toBe(201);
    expect(new Set(tags).size).toBe(2);
  });

  test('on what is reserved for another reason stands for that too', async () => {
    const ifMatch = (await dry(PAIR)).headers.get('etag')!;
    await database.query(`insert into identifier values (1, 1, '123456', null)`);
    expect((await make(PAIR, { headers: { 'if-match': ifMatch } })).status).toBe(412);
    expect((await make(PAIR)).status).toBe(201);
  });

  test('of a linked pair that fell apart since is refused for what has moved, not for what was', async () => {
    await identify({ email: LORRAINE });
    const ifMatch = (await dry(PAIR)).headers.get('etag')!;
    await identify({ email: LORRAINE, phoneNumber: '123456' });
    expect((await make(PAIR, { headers: { 'if-match': ifMatch } })).status).toBe(412);
    expect((await make(PAIR, { headers: { 'if-match': '*' } })).status).toBe(409);
  });
});

describe('an idempotency key', () => {
  const KEY = { headers: { 'idempotency-key': 'rule-1' } };

  test('makes a rule once, whatever the spelling of its identifiers', async () => {
    const first = await make(PAIR, KEY);
    const before = await rows();
    expect(await make([email(LORRAINE.toUpperCase()), phone('12 34 56')], KEY)).toMatchObject({
      status: 201,
      body: first.body,
    });
    expect(await rows()).toEqual(before);
    expect((await make(PAIR.toReversed(), KEY)).status).toBe(422);
  });

  test('tells the rule as it is now: none once it was deleted', async () => {
    const first = await make(PAIR, KEY);
    await remove(first.body.rules[0]!.id);
    expect((await make(PAIR, KEY)).body).toEqual({ ...first.body, rules: [] });
    expect((await list()).rules).toEqual([]);
  });

  test('remembers that the rule was there already', async () => {
    const { body } = await make(PAIR);
    const found = { changeId: null, changed: false, rules: body.rules };
    expect((await make(PAIR, KEY)).body).toEqual(found);
    expect((await make(PAIR, KEY)).body).toEqual(found);
  });

  test('deletes a rule once: the repetition is answered as the first call', async () => {
    const { body } = await make(PAIR);
    const id = body.rules[0]!.id as number;
    expect(await remove(id, KEY.headers)).toBe(204);
    const before = await rows();
    expect(await remove(id, KEY.headers)).toBe(204);
    expect(await remove(id)).toBe(404);
    expect(await rows()).toEqual(before);
    expect(await remove(id, KEY.headers, { reason: 'Another' })).toBe(422);
    expect(await remove(id + 1, KEY.headers)).toBe(422);
  });
});

describe('deleting a rule', () => {
  test('lets its identifiers link again, and records who did it', async () => {
    await identify({ email: LORRAINE });
    const { body } = await make(PAIR);
    expect(await remove(body.rules[0]!.id, {}, { reason: ' A mistake ' })).toBe(204);
    expect(await database.query('select value from identifier')).toEqual([{ value: LORRAINE }]);
    expect(await database.query(`select kind, reason, contact_ids::int[] from change order by id`)).toEqual([
      { kind: 'rule', reason: REASON, contact_ids: [1] },
      { kind: 'rule-delete', reason: 'A mistake', contact_ids: [1] },
    ]);
    expect(await identify({ email: LORRAINE, phoneNumber: '123456' })).toMatchObject({
      contact: { phoneNumbers: ['123456'], secondaryContactIds: [expect.any(Number)] },
    });
  });

  test('leaves reserved what another rule speaks of', async () => {
    const { body } = await make(PAIR);
    await make([phone('123456'), email(BIFF)]);
    await remove(body.rules[0]!.id);
    expect(await database.query('select value from identifier order by value')).toEqual([
      { value: '123456' },
      { value: BIFF },
    ]);
  });

  test.each([
    ['?dryRun=true', {}, 'dryRun'],
    ['?dry_run=true', {}, 'dryRun'],
    ['', { 'if-match': '"x"' }, 'If-Match'],
  ])('is refused with what would not be heeded: %s %j', async (query, headers, field) => {
    const { body } = await make(PAIR);
    const path = `/rules/${body.rules[0]!.id}${query}`;
    expect(await app.client.send('DELETE', path, undefined, headers)).toMatchObject({
      status: 400,
      body: { errors: [{ field }] },
    });
    expect((await list()).rules).toHaveLength(1);
  });

  test.each([
    ['4711', 404, 'rule-not-found'],
    ['0', 400, 'invalid-request'],
    ['x', 400, 'invalid-request'],
  ])('that is not there is told: %s', async (id, status, type) => {
    expect(await app.client.send('DELETE', `/rules/${id}`)).toMatchObject({
      status,
      body: { type: `urn:problem:${type}` },
    });
  });
});

describe('listing rules', () => {
  test('tells all of them, the oldest first, in pages', async () => {
    for (let n = 1; n <= 5; n++) {
      await make(numbered(n));
    }
    const pages: Listed[] = [await list('?limit=2')];
    while (pages.at(-1)!.next !== null) {
      pages.push(await list(`?limit=2&after=${pages.at(-1)!.next}`));
    }
    expect(pages.map(({ rules }) => rules.length)).toEqual([2, 2, 1]);
    const { rules, next } = await list();
    expect({ rules, next }).toEqual({ rules: pages.flatMap((page) => page.rules), next: null });
    expect(rules.map(({ identifiers }) => identifiers)).toEqual([1, 2, 3, 4, 5].map(numbered));
    expect(rules[0]).toMatchObject({ actor: 'anybody', reason: REASON });
    expect(await list('?limit=5')).toEqual({ rules, next: null });
  });

  test('of a contact tells those about what its identity has today, each once, in pages', async () => {
    await identify({ email: LORRAINE });
    await identify({ email: LORRAINE, phoneNumber: '1' });
    await identify({ email: GEORGE });
    const ids: unknown[] = [];
    for (const pair of [
      [email(LORRAINE), email(GEORGE)],
      [phone('1'), email(GEORGE)],
      [phone('9'), email(BIFF)],
      [phone('9'), phone('1')],
    ]) {
      ids.push((await make(pair)).body.rules[0]!.id);
    }
    const of = async (id: number) => (await list(`?contactId=${id}`)).rules.map((rule) => rule.id);
    expect([await of(1), await of(2)]).toEqual([
      [ids[0], ids[1], ids[3]],
      [ids[0], ids[1], ids[3]],
    ]);
    expect(await of(3)).toEqual([ids[0], ids[1]]);
    const first = await list('?contactId=1&limit=2');
    expect([first.rules.length, first.next]).toEqual([2, String(ids[1])]);
    expect((await list(`?contactId=1&limit=2&after=${first.next}`)).rules.map(({ id }) => id)).toEqual([
      ids[3],
    ]);
  });

  test('of a deleted contact tells those about what nobody has taken over', async () => {
    await identify({ email: LORRAINE, phoneNumber: '1' });
    const kept = await make([email(LORRAINE), email(GEORGE)]);
    await make([phone('1'), email(GEORGE)]);
    await app.client.delete(1);
    const taken = await identify({ phoneNumber: '1' });
    const { rules } = await list('?contactId=1');
    expect(rules).toEqual(kept.body.rules);
    expect((await list(`?contactId=${taken.contact.primaryContactId}`)).rules).toHaveLength(1);
  });

  test.each([
    ['?contactId=4711', 404],
    ['?contactId=0', 400],
    ['?contactId=1&contactId=2', 400],
    ['?contactId=', 400],
    ['?after=x', 400],
    ['?limit=0', 400],
    ['?limit=201', 400],
  ])('refuses %s', async (query, status) => {
    expect((await app.client.send('GET', `/rules${query}`)).status).toBe(status);
  });
});

describe('a rule holds', () => {
  /** Whether a pair of which a rule was made is one identity. */
  const areOne = async (): Promise<boolean> => {
    const { body } = await app.client.send<{ identities: unknown[] }>('POST', '/lookup', {
      email: LORRAINE,
      phoneNumber: '123456',
    });
    return body.identities.length === 1;
  };
  const BOTH = { email: LORRAINE, phoneNumber: '123456' };

  beforeEach(async () => {
    expect((await make(PAIR)).status).toBe(201);
  });

  afterEach(async () => {
    await identify({ phoneNumber: '123456' });
    await identify(BOTH);
    expect(await areOne()).toBe(false);
    expect((await identify(BOTH)).ignored).toEqual(IGNORED);
  });

  test('before any data: a sighting of both is one person without the phone number', async () => {
    expect(await identify(BOTH)).toMatchObject({ contact: { phoneNumbers: [] }, ignored: IGNORED });
  });

  test('if each comes alone', async () => {
    await identify({ phoneNumber: '123456' });
    expect(await identify({ email: LORRAINE })).toMatchObject({ contact: { phoneNumbers: [] } });
  });

  test('through a third identity, from either side', async () => {
    await identify({ email: LORRAINE, phoneNumber: '7' });
    await identify({ email: GEORGE, phoneNumber: '123456' });
    expect(await identify({ email: GEORGE, phoneNumber: '7' })).toMatchObject({ ignored: IGNORED });
    await identify({ email: BIFF, phoneNumber: '7' });
    expect(await identify({ email: BIFF, phoneNumber: '123456' })).toMatchObject({ ignored: IGNORED });
  });

  test('among many calls that arrive at once and share batches', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        identify(
          [
            BOTH,
            { email: LORRAINE, phoneNumber: `7${i % 3}` },
            { email: GEORGE, phoneNumber: '123456' },
            { email: GEORGE, phoneNumber: `7${i % 3}` },
          ][i % 4]!,
        ),
      ),
    );
    expect(answers.filter(({ ignored }) => ignored !== undefined).length).toBeGreaterThan(9);
  });

  test('after one side, or both, were deleted and came back', async () => {
    await identify({ email: LORRAINE, phoneNumber: '7' });
    await identify({ phoneNumber: '123456', email: GEORGE });
    for (const id of [1, 2]) {
      expect((await app.client.send('DELETE', `/identities/${id}`)).status).toBe(204);
      expect(
        await database.query(`select value from identifier where contact_id is null order by kind`),
      ).toEqual([{ value: LORRAINE }, { value: '123456' }].slice(0, id));
    }
    await identify({ email: LORRAINE });
    expect((await app.client.send('DELETE', '/contacts/3')).status).toBe(204);
  });

  test('after a merge of either side with another', async () => {
    await identify({ email: LORRAINE });
    await identify({ email: GEORGE });
    await identify({ phoneNumber: '123456' });
    expect((await merge([1, 2])).status).toBe(200);
    expect((await merge([2, 3])).status).toBe(409);
    expect(await identify({ email: GEORGE, phoneNumber: '123456' })).toMatchObject({ ignored: IGNORED });
  });
});

test('what keeps two contacts apart is the rules between their identities', async () => {
  await identify({ email: LORRAINE, phoneNumber: '1' });
  await identify({ email: GEORGE });
  const { body } = await make([phone('1'), email(GEORGE)]);
  await make([phone('1'), email(BIFF)]);
  const evidence = async (from: number, to: number): Promise<unknown> =>
    (await app.client.send('GET', `/contacts/${from}/evidence?to=${to}`)).body;
  const apart = { connected: false, rules: body.rules, undoneMerges: [] };
  expect(await evidence(1, 2)).toEqual(apart);
  expect(await evidence(2, 1)).toEqual(apart);
  await app.client.delete(2);
  expect(await evidence(1, 2)).toEqual(apart);
});
