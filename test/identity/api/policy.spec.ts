import { Agent } from 'node:http';
import { startApp } from '../../support/app.js';
import type { Reply } from '../../support/client.js';
import { useApp, useDatabase } from '../../support/hooks.js';
import { violations } from '../../support/invariants.js';
import { addLargeIdentity } from '../../support/large-identity.js';
import { Contract, type OpenApiDocument } from '../../support/openapi.js';
import { sendRaw } from '../../support/raw-call.js';
import type { ShownIdentity } from '../../support/wire.js';

const LORRAINE = 'lorraine@hillvalley.edu';
const GEORGE = 'george@hillvalley.edu';
const MCFLY = 'mcfly@hillvalley.edu';

interface ShownKind {
  readonly name: string;
  readonly retired: boolean;
}
interface ShownPolicy {
  readonly maxContacts: number | null;
  readonly kinds: readonly ShownKind[];
}
interface Exceeding {
  readonly contact: ShownIdentity;
  readonly partial?: true;
  readonly limit: string;
  readonly count: number;
}
interface Replaced extends ShownPolicy {
  readonly changeId: number | null;
  readonly changed: boolean;
  readonly exceeding: readonly Exceeding[];
  readonly exceedingCount: number | null;
}
interface Refused {
  readonly errors: readonly { readonly field: string; readonly message: string }[];
}

const EMAIL = {
  name: 'email',
  normaliser: 'email',
  priority: 20,
  onePerIdentity: false,
  maxPerIdentity: null,
  maxLength: 254,
  retired: false,
};
const PHONE_NUMBER = { ...EMAIL, name: 'phoneNumber', normaliser: 'phone', priority: 30, maxLength: 16 };
const CUSTOMER_ID = {
  ...EMAIL,
  name: 'customerId',
  normaliser: 'trim',
  priority: 10,
  onePerIdentity: true,
  maxLength: 64,
};

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));

beforeEach(async () => {
  await database.clear();
  await database.query('truncate tenant_policy, identifier_kind, blocked_value');
  // so that this process knows it
  await show();
});

afterEach(async () => {
  expect(await violations(database)).toEqual({});
});

const show = (): Promise<Reply<ShownPolicy>> => app.client.send('GET', '/policy');

const etag = async (): Promise<string> => (await show()).headers.get('etag')!;

/** @param ifMatch null: none is sent; undefined: what is stored */
async function put<T = Replaced>(body: unknown, ifMatch?: string | null, query = ''): Promise<Reply<T>> {
  const tag = ifMatch === undefined ? await etag() : ifMatch;
  return app.client.send('PUT', `/policy${query}`, body, tag === null ? {} : { 'if-match': tag });
}

const dry = (body: unknown): Promise<Reply<Replaced>> => put(body, undefined, '?dryRun=true');

const identify = async (body: object): Promise<{ contact: ShownIdentity; ignored?: unknown }> =>
  (await app.client.send<{ contact: ShownIdentity; ignored?: unknown }>('POST', '/identify', body)).body;

const contacts = (): Promise<unknown> => database.query('select * from contact order by id');

/** All that is stored of policies. */
const rows = (): Promise<unknown> =>
  Promise.all(
    ['tenant_policy', 'identifier_kind', 'change'].map((table) =>
      database.query(`select * from ${table} order by 1, 2`),
    ),
  );

/** An identity of so many contacts that share a phone number. */
async function addIdentity(phoneNumber: string, size: number): Promise<number> {
  for (let i = 0; i < size; i++) {
    await identify({ email: `${phoneNumber}-${i}@hillvalley.edu`, phoneNumber });
  }
  return (await identify({ phoneNumber })).contact.primaryContactId;
}

describe('the policy', () => {
  test('of a tenant that changed nothing is the default one', async () => {
    const { status, body, headers } = await show();
    expect({ status, body, etag: headers.get('etag') }).toEqual({
      status: 200,
      body: { maxContacts: 1000, kinds: [EMAIL, PHONE_NUMBER] },
      etag: '"0"',
    });
  });

  test('is replaced as a whole, and recorded with its author and its reason', async () => {
    const wanted = { maxContacts: 500, kinds: [CUSTOMER_ID, EMAIL, PHONE_NUMBER], reason: ' Fewer ' };
    const { status, body, headers } = await put(wanted);
    expect({ status, body, etag: headers.get('etag') }).toEqual({
      status: 200,
      body: {
        maxContacts: 500,
        kinds: [CUSTOMER_ID, EMAIL, PHONE_NUMBER],
        changeId: expect.any(Number),
        changed: true,
        exceeding: [],
        exceedingCount: 0,
      },
      etag: '"1"',
    });
    const shown = await show();
    expect(shown.body).toEqual({ maxContacts: 500, kinds: body.kinds });
    expect(shown.headers.get('etag')).toBe('"1"');
    expect(
      await database.query('select id::int, kind, actor, reason, is_changed, contact_ids from change'),
    ).toEqual([
      {
        id: body.changeId,
        kind: 'policy',
        actor: 'anybody',
        reason: 'Fewer',
        is_changed: true,
        contact_ids: [],
      },
    ]);
    expect(await database.query('select version, generation from tenant_policy')).toEqual([
      { version: 1, generation: 1 },
    ]);
  });

  test('gets the default of what is absent, and null is no limit', async () => {
    await put({ maxContacts: 5, kinds: [{ ...EMAIL, priority: 1 }] });
    expect((await put({ maxContacts: null })).body).toMatchObject({
      maxContacts: null,
      kinds: [{ ...EMAIL, priority: 1 }, PHONE_NUMBER],
    });
    expect((await put({ kinds: [{ name: 'email' }, { name: 'username' }] })).body).toMatchObject({
      maxContacts: 1000,
      kinds: [EMAIL, PHONE_NUMBER, { ...EMAIL, name: 'username', normaliser: 'trim', priority: 100 }],
    });
  });

  test('that is wanted as it is, is no change', async () => {
    await put({ kinds: [CUSTOMER_ID] });
    const before = await rows();
    const { body, headers } = await put({ ...(await show()).body });
    expect(body).toMatchObject({ changeId: null, changed: false });
    expect(headers.get('etag')).toBe('"1"');
    expect(await rows()).toEqual(before);
  });

  test('is told by a dry run that writes nothing, whose ETag is good for the call itself', async () => {
    const before = await rows();
    const { body, headers } = await dry({ maxContacts: 7, kinds: [CUSTOMER_ID] });
    expect(body).toMatchObject({
      changeId: null,
      changed: true,
      maxContacts: 7,
      kinds: [CUSTOMER_ID, EMAIL, PHONE_NUMBER],
    });
    expect(await rows()).toEqual(before);
    expect((await put({ maxContacts: 7, kinds: [CUSTOMER_ID] }, headers.get('etag'))).body).toMatchObject({
      changed: true,
    });
  });

  test('keeps the number of a kind, and gives no number twice', async () => {
    await put({ kinds: [CUSTOMER_ID, { name: 'username' }] });
    await put({
      kinds: [
        { ...CUSTOMER_ID, retired: true },
        { name: 'username', priority: 3 },
      ],
    });
    await put({ kinds: [{ name: 'card' }, { name: 'username' }, CUSTOMER_ID] });
    expect(
      await database.query('select number, name, priority, is_retired from identifier_kind order by number'),
    ).toEqual([
      { number: 2, name: 'customerId', priority: 10, is_retired: false },
      { number: 3, name: 'username', priority: 100, is_retired: false },
      { number: 4, name: 'card', priority: 100, is_retired: false },
    ]);
  });

  test('is changed also where only values were blocked before', async () => {
    await database.query('insert into tenant_policy values (1, 0, 4, 1000, now())');
    expect(await etag()).toBe('"0"');
    expect((await put({ maxContacts: 9 })).headers.get('etag')).toBe('"1"');
    expect(await database.query('select version, generation, max_contacts from tenant_policy')).toEqual([
      { version: 1, generation: 5, max_contacts: 9 },
    ]);
  });
});

test('every answer is one that the OpenAPI document tells of', async () => {
  await addIdentity('11', 3);
  const { body: document } = await app.client.send<OpenApiDocument>('GET', '/openapi.json');
  const contract = new Contract(document);
  const agent = new Agent();
  const breachOf = async (method: string, path: string, body: object | null): Promise<string | null> => {
    const headers = [
      ['content-type', 'application/json'],
      ['if-match', '*'],
    ] as const;
    const call = { method, path, headers, body: body && Buffer.from(JSON.stringify(body)) };
    return contract.breach(call, (await sendRaw(agent, app.client.url, call))!);
  };
  const wanted = { maxContacts: 1, kinds: [CUSTOMER_ID] };
  expect([
    await breachOf('GET', '/policy', null),
    await breachOf('PUT', '/policy?dryRun=true', wanted),
    await breachOf('PUT', '/policy', wanted),
    await breachOf('PUT', '/policy', { ...wanted, maxContacts: null }),
    await breachOf('GET', '/policy', null),
  ]).toEqual([null, null, null, null, null]);
  agent.destroy();
});

describe('If-Match', () => {
  test('is required', async () => {
    const before = await rows();
    expect(await put({ maxContacts: 1 }, null)).toMatchObject({
      status: 428,
      body: { type: 'urn:problem:precondition-required' },
    });
    expect(await put({ maxContacts: 1 }, null, '?dryRun=true')).toMatchObject({ status: 428 });
    expect(await rows()).toEqual(before);
  });

  test('must name the policy that is stored', async () => {
    await put({ maxContacts: 5 });
    const before = await rows();
    for (const tag of ['"0"', '"2"', 'W/"1"', '1', '']) {
      expect(await put({ maxContacts: 1 }, tag)).toMatchObject({
        status: 412,
        body: { type: 'urn:problem:precondition-failed' },
      });
    }
    expect(await put({ maxContacts: 1 }, '"0"', '?dryRun=true')).toMatchObject({ status: 412 });
    // Before what is wrong with the policy that the caller did not see.
    expect(await put({ kinds: [{ name: 'constructor' }] }, '"0"')).toMatchObject({ status: 412 });
    expect(await rows()).toEqual(before);
    expect((await put({ maxContacts: 6 }, '"7", "1"')).status).toBe(200);
    expect((await put({ maxContacts: 7 }, '*')).status).toBe(200);
  });

  test('lets one of several win that change the same policy at once', async () => {
    for (const version of [0, 1]) {
      const wanted = [2, 3, 4, 5].map((maxContacts) => ({ maxContacts: 10 * version + maxContacts }));
      const replies = await Promise.all(wanted.map((policy) => put(policy, `"${version}"`)));
      const winners = replies.filter(({ status }) => status === 200);
      expect(winners.map(({ body }) => body.maxContacts)).toEqual([(await show()).body.maxContacts]);
      expect(replies.filter(({ status }) => status === 412)).toHaveLength(3);
    }
    expect(await database.query('select count(*)::int from change')).toEqual([{ count: 2 }]);
  });
});

test.each<[string, unknown, string, string]>([
  ['no object', [], 'body', 'the body must be a JSON object'],
  ...[0, -1, 1.5, 1_000_001, '5', true, {}].map((maxContacts): [string, unknown, string, string] => [
    `maxContacts ${JSON.stringify(maxContacts)}`,
    { maxContacts },
    'maxContacts',
    'maxContacts must be a whole number from 1 to 1,000,000, or null for no limit',
  ]),
  ['kinds that are no list', { kinds: {} }, 'kinds', 'kinds must be an array'],
  ['a kind that is no object', { kinds: [null] }, 'kinds[0]', 'kinds[0] must be an object with a name'],
  ['a kind without name', { kinds: [EMAIL, {}] }, 'kinds[1].name', 'name must have 1 to 63 letters'],
  ...['', 'Name', '1a', 'a-b', 'a_b', 'ä', `a${'b'.repeat(63)}`, 7].map(
    (name): [string, unknown, string, string] => [
      `the name ${JSON.stringify(name)}`,
      { kinds: [{ name }] },
      'kinds[0].name',
      'name must have 1 to 63 letters and digits of ASCII, and begin with a lower-case letter',
    ],
  ),
  ['a normaliser', { kinds: [{ name: 'a', normaliser: 'x' }] }, 'kinds[0].normaliser', 'or lowercase'],
  ['priority 0', { kinds: [{ name: 'a', priority: 0 }] }, 'kinds[0].priority', 'from 1 to 1000'],
  ['priority 1001', { kinds: [{ name: 'a', priority: 1001 }] }, 'kinds[0].priority', 'from 1 to 1000'],
  ['maxLength 255', { kinds: [{ name: 'a', maxLength: 255 }] }, 'kinds[0].maxLength', 'from 1 to 254'],
  ['maxLength 0', { kinds: [{ name: 'a', maxLength: 0 }] }, 'kinds[0].maxLength', 'from 1 to 254'],
  ['no truth', { kinds: [{ name: 'a', onePerIdentity: 1 }] }, 'kinds[0].onePerIdentity', 'true or false'],
  ['retired 1', { kinds: [{ name: 'a', retired: 'no' }] }, 'kinds[0].retired', 'must be true or false'],
  ['a limit of 0', { kinds: [{ name: 'a', maxPerIdentity: 0 }] }, 'kinds[0].maxPerIdentity', 'number from 1'],
  ['a reason', { reason: 7 }, 'reason', 'reason must be a string'],
  ['twice', { kinds: [EMAIL, EMAIL] }, 'kinds[1].name', 'email is listed twice'],
  ['constructor', { kinds: [{ name: 'constructor' }] }, 'kinds[0].name', 'another meaning'],
  ['retired', { kinds: [{ ...EMAIL, retired: true }] }, 'kinds[0].retired', "email can't be retired"],
])('a policy is refused, naming the field: %s', async (_, body, field, message) => {
  const before = await rows();
  const reply = await put<Refused>(body);
  expect(reply).toMatchObject({ status: 400, body: { type: 'urn:problem:invalid-request' } });
  expect(reply.body.errors).toEqual([{ field, message: expect.stringContaining(message) }]);
  expect(await rows()).toEqual(before);
});

test('a kind that was declared is not removed, renamed or given another form', async () => {
  await put({ kinds: [CUSTOMER_ID] });
  const before = await rows();
  const mistakesOf = async (kinds: unknown): Promise<string[]> =>
    (await put<Refused>({ kinds })).body.errors.map(({ field }) => field);
  expect(await mistakesOf([])).toEqual(['kinds']);
  expect(await mistakesOf(undefined)).toEqual(['kinds']);
  expect(await mistakesOf([{ ...CUSTOMER_ID, name: 'clientId' }])).toEqual(['kinds']);
  expect(
    await mistakesOf([EMAIL, { ...CUSTOMER_ID, normaliser: 'lowercase', maxLength: 63 }, { name: 'email' }]),
  ).toEqual(['kinds[1].normaliser', 'kinds[1].maxLength', 'kinds[2].name']);
  expect(await rows()).toEqual(before);
});

test('unknown members are ignored, or refused with what they probably mean', async () => {
  const kinds = [{ name: 'username', prio: 3 }];
  expect((await put({ kinds, maxContact: 5 })).body).toMatchObject({ changed: true, maxContacts: 1000 });
  await using strict = await startApp({ DATABASE_URL: database.url, UNKNOWN_PROPERTIES: 'reject' });
  const refused = async (body: unknown): Promise<Refused> =>
    (await strict.client.send<Refused>('PUT', '/policy', body, { 'if-match': '*' })).body;
  expect((await refused({ kinds: [], maxContact: 5 })).errors).toEqual([
    { field: 'maxContact', message: '"maxContact" is not known; did you mean maxContacts?' },
  ]);
  expect((await refused({ kinds })).errors).toEqual([
    { field: 'kinds[0].prio', message: '"prio" is not known; did you mean priority?' },
  ]);
});

describe('a limit', () => {
  test('that is lowered breaks nothing and lists what exceeds it, the largest first', async () => {
    await addIdentity('11', 2);
    const three = await addIdentity('12', 3);
    const four = await addIdentity('13', 4);
    const wanted = { maxContacts: 2 };
    const expected = [
      { limit: 'maxContacts', count: 4, contact: expect.objectContaining({ primaryContactId: four }) },
      { limit: 'maxContacts', count: 3, contact: (await identify({ phoneNumber: '12' })).contact },
    ];
    expect(three).toBe(expected[1]!.contact.primaryContactId);
    const before = await contacts();
    expect((await dry(wanted)).body).toMatchObject({ exceeding: expected, exceedingCount: 2 });
    expect((await put(wanted)).body).toMatchObject({ exceeding: expected, exceedingCount: 2 });
    expect(await contacts()).toEqual(before);
    // What exceeds it stays, but does not grow, and the others grow up to it.
    expect(await identify({ email: LORRAINE, phoneNumber: '12' })).toMatchObject({
      ignored: [{ field: 'phoneNumber', reason: 'limit' }],
    });
    expect(await identify({ email: '12-0@hillvalley.edu', phoneNumber: '12' })).not.toHaveProperty('ignored');
    // Once more, and raised, it lists nothing.
    expect((await put(wanted)).body).toMatchObject({ exceeding: [], exceedingCount: 0 });
    expect((await put({ maxContacts: 3 })).body).toMatchObject({ exceeding: [], exceedingCount: 0 });
  });

  test('of a kind counts different values, of the primary too, and no deleted contact', async () => {
    await identify({ email: LORRAINE, phoneNumber: '1' });
    await identify({ email: LORRAINE, phoneNumber: '2' });
    const { contact } = await identify({ email: MCFLY, phoneNumber: '1' });
    await identify({ email: GEORGE, phoneNumber: '3' });
    const deleted = (await identify({ email: GEORGE, phoneNumber: '4' })).contact.secondaryContactIds[0]!;
    const one = { kinds: [{ name: 'phoneNumber', maxPerIdentity: 1 }] };
    expect((await dry(one)).body.exceeding).toHaveLength(2);
    expect(await app.client.delete(deleted)).toBe(204);
    const { body } = await put(one);
    expect(body).toMatchObject({
      exceeding: [{ limit: 'phoneNumber', count: 2, contact }],
      exceedingCount: 1,
    });
    expect(await identify({ email: GEORGE, phoneNumber: '5' })).toMatchObject({
      ignored: [{ field: 'phoneNumber', reason: 'limit' }],
    });
  });

  test('and another one are told after one another', async () => {
    await addIdentity('11', 3);
    const { body } = await put({ maxContacts: 1, kinds: [{ name: 'email', onePerIdentity: true }] });
    expect(body.exceeding.map(({ limit, count }) => ({ limit, count }))).toEqual([
      { limit: 'maxContacts', count: 3 },
      { limit: 'email', count: 3 },
    ]);
    expect(body.exceedingCount).toBe(2);
  });

  test('lists 50 identities at most, counts all, and shows large ones in part', async () => {
    const { primaryId } = await addLargeIdentity(database, 150);
    await database.query(`insert into contact (tenant_id, id, email, linked_id, link_precedence, created_at, updated_at)
      select 1, 1000 + i, i || '@hillvalley.edu', case i % 2 when 1 then 999 + i end,
        case i % 2 when 0 then 'primary' else 'secondary' end, now() + i * interval '1 ms', now()
      from generate_series(0, 119) i`);
    await database.query(`insert into identifier (tenant_id, kind, value, contact_id)
      select 1, 0, email, id from contact where id >= 1000`);
    const { body } = await dry({ maxContacts: 1 });
    expect(body.exceeding).toHaveLength(50);
    expect(body.exceedingCount).toBe(61);
    expect(body.exceeding[0]).toMatchObject({
      contact: { primaryContactId: primaryId, secondaryContactIds: [] },
      partial: true,
      count: 150,
    });
    expect(body.exceeding[1]).toMatchObject({
      contact: { primaryContactId: 1000, secondaryContactIds: [1001] },
      count: 2,
    });
    expect(body.exceeding[1]).not.toHaveProperty('partial');
    // They were made without evidence.
    await database.clear();
  });
});
