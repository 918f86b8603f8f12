import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Settings } from '../../src/config/settings.js';
import { runExport } from '../../src/transfer/export/run-export.js';
import type { ImportOptions } from '../../src/transfer/import/run-import.js';
import type { TestDatabase } from '../support/database.js';
import { useApp, useDatabase } from '../support/hooks.js';
import { violations } from '../support/invariants.js';
import { CUSTOMER_ID, declareKinds, LOYALTY_CARD } from '../support/policy.js';
import { random, seedOf } from '../support/random.js';
import { importFile, importText, tally } from './import/import-text.js';

const database = useDatabase();
const other = useDatabase();
const plain = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'identity-kinds-'));
  await declareKinds(database, [CUSTOMER_ID, LOYALTY_CARD]);
  await declareKinds(other, [CUSTOMER_ID, LOYALTY_CARD]);
});

beforeEach(() => Promise.all([database.clear(), other.clear(), plain.clear()]));

afterAll(() => rm(folder, { recursive: true, force: true }));

const NDJSON = { format: 'ndjson' } as const satisfies Partial<ImportOptions>;

const lines = (...objects: object[]): string =>
  objects.map((object) => `${JSON.stringify(object)}\n`).join('');

/** A text with all its dates alike. */
const dated = (text: string): string => text.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'DATE');

/** The live contacts in order, each with the place of its primary. */
const contactsOf = (of: TestDatabase): Promise<object[]> =>
  of.query(`select email, phone_number, identifiers ->> '2' as customer, identifiers ->> '3' as card,
      (select count(*)::int from contact p where p.id <= coalesce(c.linked_id, c.id)) as primary
    from contact c order by id`);

/** What the contacts of each identity carry, in order. */
async function identitiesOf(of: TestDatabase): Promise<string[]> {
  const rows = await of.query<{
    contacts: object;
  }>(`select json_agg(json_build_array(email, phone_number, identifiers)
      order by id) as contacts from contact group by coalesce(linked_id, id)`);
  return rows.map(({ contacts }) => JSON.stringify(contacts)).toSorted();
}

async function exported(name: string): Promise<string> {
  const path = join(folder, name);
  const format = name.endsWith('.csv') ? 'csv' : 'ndjson';
  await runExport(new Settings({ DATABASE_URL: database.url }), {
    path,
    format,
    isExcelSafe: false,
    tenant: null,
    streams: process,
  });
  return readFile(path, 'utf8');
}

test('a column that is named like a kind is read, by the rules of the kind', async () => {
  const result = await importText(
    database,
    [
      'Customer ID,E-Mail,loyaltyCard,Loyalty',
      ' C-1 ,lorraine@hillvalley.edu,GOLD-7,x',
      'C-1,,,',
      '17,,gold-8,',
      'C\u200b-1,biff@hillvalley.edu,,',
      ',,,x',
      '',
    ].join('\n'),
    { onBadField: 'reject' },
  );
  expect(result).toMatchObject({
    tally: tally({ created: 2, unchanged: 1, rejected: 2 }),
    columns: {
      email: 'E-Mail',
      phone: null,
      createdAt: null,
      identity: null,
      identifiers: { customerId: 'Customer ID', loyaltyCard: 'loyaltyCard' },
    },
  });
  expect(result.rejected).toContain('customerId must have no control characters and no invisible ones');
  expect(result.rejected).toContain('"give email, phoneNumber or one of identifiers"');
  expect(await contactsOf(database)).toEqual([
    { email: 'lorraine@hillvalley.edu', phone_number: null, customer: 'C-1', card: 'gold-7', primary: 1 },
    { email: null, phone_number: null, customer: '17', card: 'gold-8', primary: 2 },
  ]);
});

test('a file may have declared kinds alone, in columns that are chosen', async () => {
  const text = 'Kundennummer,Karte\nC-1,7\nC-1,8\n';
  await expect(importText(database, text)).rejects.toThrow(
    'Name them with --email-column and --phone-column, those of other kinds with --column.',
  );
  const further = [
    ['customerId', 'Kundennummer'],
    ['loyaltyCard', 'karte'],
  ] as const;
  expect(await importText(database, text, { columns: { further } })).toMatchObject({
    tally: tally({ created: 1, linked: 1 }),
  });
});

test('a column is what its kind says, whatever its name is usual for; what was chosen for something else is not', async () => {
  await declareKinds(plain, [{ ...CUSTOMER_ID, name: 'mobile' }]);
  try {
    const text = 'mobile,phone\nM-1,111\n';
    expect(await importText(plain, text)).toMatchObject({
      columns: { phone: 'phone', identifiers: { mobile: 'mobile' } },
    });
    await plain.clear();
    expect(
      await importText(plain, 'mobile,mail\n222,a@b.example\n', { columns: { phone: 'mobile' } }),
    ).toMatchObject({
      columns: { phone: 'mobile', email: 'mail', identifiers: { mobile: null } },
    });
  } finally {
    await plain.query('truncate identifier_kind, tenant_policy');
  }
});

test('NDJSON has declared kinds as properties, or in an object as calls have them', async () => {
  const text = lines(
    { email: 'lorraine@hillvalley.edu', customerId: 1 },
    { identifiers: { customerId: '1', loyaltyCard: 'Gold-7' } },
    { email: 'biff@hillvalley.edu', identifiers: { loyaltyCard: null } },
    { customerId: 2, identifiers: { customerId: 3 } },
    { email: 'doc@hillvalley.edu', identifiers: { vatId: '7' } },
    { email: 'doc@hillvalley.edu', identifiers: { email: 'doc@hillvalley.edu' } },
  );
  const result = await importText(database, text, NDJSON);
  expect(result.tally).toEqual(tally({ created: 3, linked: 1, rejected: 2, apart: 1 }));
  expect(result.apart).toEqual([{ line: 4, from: 4, reason: 'limit' }]);
  expect(result.rejected).toContain(
    '""vatId"" is of no kind that the tenant has declared; ""policy kinds add"" declares one',
  );
  expect(result.rejected).toContain('email belongs beside identifiers, not into it');
});

test.each<[string, string, Partial<ImportOptions>, string]>([
  [
    'a chosen column',
    'email,vat\na@b.example,7\n',
    { columns: { further: [['vatId', 'vat']] } },
    'The tenant has declared no kind "vatId" (--column). Declare it with "policy kinds add".',
  ],
  [
    'an object of identifiers',
    lines({ email: 'a@b.example', identifiers: { vatId: '7' } }),
    NDJSON,
    '"vatId" is of no kind that the tenant has declared; "policy kinds add" declares one',
  ],
  [
    'an exported identity',
    lines({ primaryContactId: 1, contacts: [{ id: 1, email: 'a@b.example', identifiers: { vatId: '7' } }] }),
    NDJSON,
    '"vatId" is of no kind that the tenant has declared; "policy kinds add" declares one',
  ],
])(
  'a kind that is not declared is told before anything is imported: %s',
  async (_, text, options, message) => {
    await expect(importText(plain, text, options)).rejects.toThrow(message);
    expect(await contactsOf(plain)).toEqual([]);
  },
);

test('of an exported file, columns of kinds that are not declared are told as not taken', async () => {
  const text = 'primaryContactId,contactId,email,phoneNumber,createdAt,customerId\n1,1,a@b.example,,,C-1\n';
  expect((await importText(plain, text)).notTaken).toEqual(['customerId']);
  expect((await importText(database, text)).notTaken).toEqual([]);
});

test('a retired kind is not taken, and told', async () => {
  await declareKinds(database, [{ ...LOYALTY_CARD, isRetired: true }]);
  try {
    const text = lines({ email: 'a@b.example', identifiers: { loyaltyCard: '7', customerId: 'C-1' } });
    const result = await importText(database, text, NDJSON);
    expect(result).toMatchObject({ tally: tally({ created: 1 }), notTaken: ['identifiers.loyaltyCard'] });
    const columns = { further: [['loyaltyCard', 'card']] } as const;
    await expect(importText(database, 'email,card\na@b.example,7\n', { columns })).rejects.toThrow(
      'The kind "loyaltyCard" is retired',
    );
  } finally {
    await declareKinds(database, [LOYALTY_CARD]);
  }
});

test('two customer numbers never become one person; the dry run counts what the import does', async () => {
  const text = [
    'customerId,email',
    'C-1,a@b.example',
    'C-2,a@b.example',
    'C-2,c@d.example',
    'C-1,c@d.example',
    '',
  ].join('\n');
  const ignored = { blocked: 0, 'do-not-link': 0, limit: 2 };
  const counts = tally({ created: 2, linked: 1, unchanged: 1, withheld: 2, ignored });
  expect((await importText(database, text, { isDryRun: true })).tally).toEqual(counts);
  expect(await contactsOf(database)).toEqual([]);
  expect((await importText(database, text)).tally).toEqual(counts);
  expect(await contactsOf(database)).toMatchObject([
    { customer: 'C-1', email: 'a@b.example', primary: 1 },
    { customer: 'C-2', email: null, primary: 2 },
    { customer: 'C-2', email: 'c@d.example', primary: 2 },
  ]);
});

test('an export has the declared kinds, in CSV as columns of their own', async () => {
  await app.client.identify({ email: 'lorraine@hillvalley.edu', identifiers: { customerId: '=C' } });
  await app.client.identify({ phoneNumber: '1', identifiers: { loyaltyCard: 'G' } });
  expect(dated(await exported('kinds.csv'))).toBe(
    [
      'primaryContactId,contactId,email,phoneNumber,createdAt,customerId,loyaltyCard',
      '1,1,lorraine@hillvalley.edu,,DATE,=C,',
      '2,2,,1,DATE,,g',
      '',
    ].join('\n'),
  );
  const [first] = (await exported('kinds.ndjson')).split('\n');
  expect(JSON.parse(dated(first!))).toEqual({
    ...(await app.client.find(1)),
    contacts: [
      {
        id: 1,
        email: 'lorraine@hillvalley.edu',
        phoneNumber: null,
        identifiers: { customerId: '=C' },
        createdAt: 'DATE',
      },
    ],
  });
});

test.each(['random.csv', 'random.ndjson'])(
  'an export, imported into an empty tenant with the same kinds, makes the same identities: %s',
  async (name) => {
    const draw = random(seedOf('kinds-round-trip'));
    const pick = (prefix: string, many: number): string | null =>
      draw() < 0.55 ? null : `${prefix}${Math.floor(draw() * many)}`;
    let joined = 0;
    for (let i = 0; i < 120; i++) {
      const sighting = {
        email: pick('e', 40)?.concat('@b.example') ?? null,
        phoneNumber: pick('1', 40),
        identifiers: { customerId: pick('C-', 30), loyaltyCard: pick('G-', 40) },
      };
      const { status } = await app.client.send('POST', '/identify', sighting);
      joined += status === 200 ? 1 : 0;
    }
    expect(joined).toBeGreaterThan(30);
    const [{ merges } = { merges: 0 }] = await database.query<{ merges: number }>(
      'select count(*)::int as merges from identity_merge',
    );
    expect(merges).toBeGreaterThan(0);
    await exported(name);
    const format = name.endsWith('.csv') ? 'csv' : 'ndjson';
    const result = await importFile({ DATABASE_URL: other.url }, join(folder, name), { format });
    expect(result.tally).toMatchObject({ rejected: 0, apart: 0, withheld: 0 });
    expect(await identitiesOf(other)).toEqual(await identitiesOf(database));
    expect(await violations(other)).toEqual({});
  },
);
