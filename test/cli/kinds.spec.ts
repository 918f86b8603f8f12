import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from '../support/command.js';
import { useDatabase } from '../support/hooks.js';
import { CUSTOMER_ID, declareKinds, LOYALTY_CARD } from '../support/policy.js';

const database = useDatabase();
const run = (...args: string[]) => command(args, { DATABASE_URL: database.url });

/** Two imported contacts of one customer. */
beforeAll(async () => {
  await declareKinds(database, [CUSTOMER_ID, LOYALTY_CARD]);
  const folder = await mkdtemp(join(tmpdir(), 'identity-kinds-cli-'));
  const path = join(folder, 'people.csv');
  await writeFile(path, 'Kundennummer,Adresse,Loyalty Card\nC-1,lorraine@hillvalley.edu,\nC-1,,GOLD-7\n');
  const columns = ['--column', 'customerId=Kundennummer', '--column', 'email=Adresse'];
  const { code, stdout } = await run('import', path, ...columns, '--quiet');
  await rm(folder, { recursive: true });
  expect(code).toBe(0);
  expect(stdout).toContain(
    'columns: email "Adresse", no phone number, no date, customerId "Kundennummer", loyaltyCard "Loyalty Card"',
  );
});

test('an identity is looked up by an identifier of any kind', async () => {
  const { code, stdout } = await run(
    'identities',
    'lookup',
    'loyaltyCard:gold-7',
    'email:biff@hillvalley.edu',
  );
  expect([code, stdout.replaceAll(/ {2,}/g, '  ')]).toEqual([
    0,
    [
      'ID  CONTACTS  MATCHED  EMAILS  PHONE NUMBERS  OTHER IDENTIFIERS',
      '1  2  loyaltyCard  lorraine@hillvalley.edu  -  customerId C-1 and loyaltyCard gold-7\n',
    ].join('\n'),
  ]);
  const json = JSON.parse((await run('identities', 'lookup', 'customerId:C-1', '--json')).stdout) as unknown;
  expect(json).toMatchObject([{ matched: ['customerId'], contact: { primaryContactId: 1 } }]);
});

test('an identity is shown with all its identifiers', async () => {
  const { stdout } = await run('identities', 'show', '2');
  expect(stdout.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\dZ/g, 'TIME').replaceAll(/ {2,}/g, '  ')).toBe(
    [
      'ID  EMAIL  PHONE NUMBER  OTHER IDENTIFIERS  CREATED  STATE',
      '1  lorraine@hillvalley.edu  -  customerId C-1  TIME  primary',
      '2  -  -  customerId C-1 and loyaltyCard gold-7  TIME  secondary\n',
    ].join('\n'),
  );
});

test('a rule may be about any kind, and is exported with it', async () => {
  const { code, stderr } = await run(
    'rules',
    'add',
    'customerId: C-8 ',
    'loyaltyCard:B',
    '--reason',
    'Two persons',
  );
  expect([code, stderr]).toEqual([0, '']);
  const exported = await run('rules', 'export', '--quiet');
  expect(JSON.parse(exported.stdout)).toMatchObject({
    identifiers: [
      { kind: 'customerId', value: 'C-8' },
      { kind: 'loyaltyCard', value: 'b' },
    ],
  });
});

test.each([
  [
    ['identities', 'lookup', 'vatId:7'],
    '"vatId" is not known; the tenant has declared customerId and loyaltyCard',
  ],
  [['identities', 'lookup', 'email:a@b.example', 'email:c@d.example'], 'It is the second one of its kind.'],
  [['import', 'people.csv', '--column', 'customerId'], 'It must be a kind and a header'],
])('what is not clear is told: %j', async (args, message) => {
  const { code, stderr } = await run(...args);
  expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
});
