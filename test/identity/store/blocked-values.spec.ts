import * as fc from 'fast-check';
import { ormOptions } from '../../../mikro-orm.config.js';
import { openDatabase, type OpenDatabase } from '../../../src/database/open-database.js';
import { Blocklist, type Pattern } from '../../../src/identity/domain/blocklist.js';
import { EMAIL, Kinds, PHONE_NUMBER } from '../../../src/identity/domain/kinds.js';
import { DEFAULT_POLICY } from '../../../src/identity/domain/policy.js';
import { NO_WRITES } from '../../../src/identity/domain/writes.js';
import { BlockedMeanwhileError, NotFoundError } from '../../../src/identity/identity.errors.js';
import { BlockedValues, type Carried } from '../../../src/identity/store/blocked-values.js';
import type { ContactRepository } from '../../../src/identity/store/contact.repository.js';
import { Contact } from '../../../src/identity/store/entities/contact.js';
import { createDatabase, type TestDatabase } from '../../support/database.js';
import { settingsOf } from '../../support/settings.js';
import { announceSeed, seed } from '../../support/sightings.js';

announceSeed('who carries blocked values');

const TENANT = 1;
const KINDS = new Kinds([
  EMAIL,
  PHONE_NUMBER,
  { ...EMAIL, name: 'customerId', number: 2, normaliser: 'trim', priority: 10, maxLength: 64 },
]);

let database: TestDatabase;
let opened: OpenDatabase;
let contacts: ContactRepository;
let values: BlockedValues;

beforeAll(async () => {
  database = await createDatabase();
  const settings = settingsOf({ DATABASE_URL: database.url, AUTH_MODE: 'api-key' });
  opened = await openDatabase(ormOptions(settings, 'serve'));
  contacts = opened.orm.em.getRepository(Contact);
  contacts.policyOf = () => ({ ...DEFAULT_POLICY, kinds: KINDS });
  values = new BlockedValues(contacts);
});

beforeEach(async () => {
  await database.clear();
  await database.query('truncate blocked_value, tenant_policy');
});

afterAll(async () => {
  await opened[Symbol.asyncDispose]();
  await database.drop();
});

/** A row as it is stored; the second is secondary to the first. */
async function add(id: number, linkedId: number | null, given: Record<string, string>, isDeleted = false) {
  const { customerId = null, email = null, phoneNumber = null } = given;
  await database.query(
    `insert into contact (tenant_id, id, email, phone_number, identifiers, linked_id, link_precedence, created_at, updated_at,
        deleted_at)
      values (1, $1, $2, $3, $4, $5, $6, now(), now(), case when $7 then now() end)`,
    [
      id,
      email,
      phoneNumber,
      customerId && JSON.stringify({ 2: customerId }),
      linkedId,
      linkedId === null ? 'primary' : 'secondary',
      isDeleted,
    ],
  );
}

const claim = (kind: number, value: string, contactId: number | null) =>
  database.query('insert into identifier (tenant_id, kind, value, contact_id) values (1, $1, $2, $3)', [
    kind,
    value,
    contactId,
  ]);

async function carried(...patterns: Pattern[]): Promise<Carried[]> {
  const all: Carried[] = [];
  for await (const page of values.carried(TENANT, patterns)) {
    all.push(...page);
  }
  return all;
}

const count = async (kind: string, pattern: string) =>
  values.countCarriers(TENANT, await carried({ kind, pattern }));

test('who carries an exact value is told with the primary, and a reserved one is nobody’s', async () => {
  await add(1, null, { email: 'lorraine@hillvalley.edu' });
  await add(2, 1, { phoneNumber: '717171' });
  await claim(1, '717171', 2);
  await claim(1, '919191', null);
  expect(
    await carried(
      { kind: 'phoneNumber', pattern: '717171' },
      { kind: 'phoneNumber', pattern: '919191' },
      { kind: 'email', pattern: '717171' },
    ),
  ).toEqual([{ kind: 'phoneNumber', value: '717171', contactId: 2, primaryId: 1, version: 1 }]);
});

test('a glob finds all that it matches, however many steps it takes to read them', async () => {
  await add(1, null, { email: 'lorraine@hillvalley.edu' });
  await database.query(
    `insert into identifier (tenant_id, kind, value, contact_id)
      select 1, 0, 'c' || i || case when i % 1000 = 7 then '@delorean.edu' else '@hillvalley.edu' end, 1
      from generate_series(1, 45000) i`,
  );
  const found = await carried({ kind: 'email', pattern: '*@delorean.edu' });
  expect(found).toHaveLength(45);
  expect(new Set(found.map(({ value }) => value)).size).toBe(45);
  expect(await carried({ kind: 'email', pattern: 'c4499*@*' })).toHaveLength(11);
  expect(await carried({ kind: 'email', pattern: 'd*' })).toEqual([]);
});

test('a glob finds what the core says that it matches, whatever characters it has', async () => {
  await add(1, null, { customerId: 'x' });
  const aCharacter = fc.constantFrom('a', 'b', '%', '_', '\\', '😀', 'é', '*');
  const samples = new Set(
    fc.sample(fc.string({ unit: aCharacter, minLength: 1, maxLength: 6 }), { seed, numRuns: 1_000 }),
  );
  await database.query(
    `insert into identifier (tenant_id, kind, value, contact_id) select 1, 2, unnest($1::text[]), 1`,
    [[...samples]],
  );
  const aGlob = fc
    .array(fc.oneof(aCharacter, fc.constant('*')), { minLength: 1, maxLength: 5 })
    .map((parts) => `${parts.join('')}*`);
  let matches = 0;
  for (const pattern of fc.sample(aGlob, { seed, numRuns: 150 })) {
    const kind = 'customerId';
    const blocklist = new Blocklist([{ id: 1, kind, pattern }]);
    const expected = [...samples].filter((value) => blocklist.isBlocked({ kind, value }));
    const found = await carried({ kind, pattern });
    expect([pattern, found.map(({ value }) => value).toSorted()]).toEqual([pattern, expected.toSorted()]);
    matches += found.length;
  }
  expect(matches).toBeGreaterThan(500);
});

test.each([
  ['+5255*', '+5215512345678'],
  ['+521*', '+525512345678'],
  ['*215512*', '+525512345678'],
  ['+54911*', '+541123456789'],
  ['+551187*', '+5511987654321'],
])('a glob of phone numbers finds by %s who has %s, the other form', async (pattern, value) => {
  await add(1, null, { phoneNumber: value });
  await claim(1, value, 1);
  for (const stranger of ['+4915123456789', '+5411', '+5521987654321']) {
    await claim(1, stranger, 1);
  }
  const glob = { kind: 'phoneNumber', pattern };
  expect((await carried(glob)).map((each) => each.value)).toEqual([value]);
  contacts.policyOf = () => ({ ...DEFAULT_POLICY, kinds: new Kinds([EMAIL, PHONE_NUMBER], 'apart') });
  const apart = await carried(glob);
  contacts.policyOf = () => ({ ...DEFAULT_POLICY, kinds: KINDS });
  expect(apart).toEqual([]);
});

test('the live contacts that carry a value are counted, of every kind', async () => {
  await add(1, null, { customerId: 'C-1', phoneNumber: '0000' });
  await add(2, 1, { phoneNumber: '0000' });
  await add(3, 1, { phoneNumber: '0000' }, true);
  await add(4, 1, { customerId: 'C-1' });
  await add(5, null, { phoneNumber: '0001' });
  await claim(1, '0000', 1);
  await claim(2, 'C-1', 1);
  await claim(1, '0001', 5);
  expect(await count('phoneNumber', '0000')).toBe(2);
  expect(await count('phoneNumber', '000*')).toBe(3);
  expect(await count('customerId', 'C-1')).toBe(2);
  expect(await count('email', 'x')).toBe(0);
});

describe('blocking', () => {
  const blocks = [{ kind: 'customerId', pattern: 'x*' }];

  test('counts up the generation of the policy, which others compare, and starts it once', async () => {
    await Promise.all([1, 2, 3].map(() => values.startPolicy(TENANT)));
    await contacts.apply(TENANT, { ...NO_WRITES, blocks });
    expect(await database.query('select version, generation, max_contacts from tenant_policy')).toEqual([
      { version: 0, generation: 1, max_contacts: DEFAULT_POLICY.maxContacts },
    ]);
    const [blocked] = await values.list(TENANT, 0, 10);
    expect(blocked).toMatchObject(blocks[0]!);
    await contacts.apply(TENANT, { ...NO_WRITES, unblocked: [blocked!] });
    expect(await database.query('select generation from tenant_policy')).toEqual([{ generation: 2 }]);
    expect(await values.list(TENANT, 0, 10)).toEqual([]);
  });

  test('what somebody else has blocked meanwhile is refused, and so is unblocking what is gone', async () => {
    await contacts.apply(TENANT, { ...NO_WRITES, blocks });
    await expect(contacts.apply(TENANT, { ...NO_WRITES, blocks })).rejects.toThrow(BlockedMeanwhileError);
    const unblocked = [{ ...blocks[0]!, id: 4711 }];
    await expect(contacts.apply(TENANT, { ...NO_WRITES, unblocked })).rejects.toThrow(NotFoundError);
    expect(await values.list(TENANT, 0, 10)).toHaveLength(1);
  });
});
