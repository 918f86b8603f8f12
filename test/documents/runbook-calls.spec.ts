import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { CHILD_ENV } from '../support/child-env.js';
import { useApp, useDatabase } from '../support/hooks.js';

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));

/** The commands of a runbook, in order. */
function commandsOf(alert: string): string[] {
  const runbooks = readFileSync('docs/runbooks.md', 'utf8');
  const [section = ''] = runbooks.slice(runbooks.indexOf(`## ${alert}`)).split(/\n## (?!$)/, 1);
  return [...section.matchAll(/```sh\n([^]*?)```/g)].map(([, command]) => command!);
}

/** Gives a command of a runbook to this service and its database. */
async function run(command: string): Promise<string> {
  const here = command
    .replaceAll('http://localhost:3000', app.client.url)
    .replaceAll('npm run --silent cli --', `${process.execPath} dist/src/cli/main.js`);
  const env = { ...CHILD_ENV, DATABASE_URL: database.url };
  return (await promisify(execFile)('sh', ['-c', here], { env })).stdout;
}

test('the steps of IdentitySharedValue find a placeholder, block it, and give each customer an identity again', async () => {
  const [find, preview, block, others] = commandsOf('IdentitySharedValue') as [
    string,
    string,
    string,
    string,
  ];
  for (let i = 1; i <= 24; i++) {
    await app.client.identify({ email: `customer${i}@example.com`, phoneNumber: '0000000000' });
  }
  // One who was known already, and one who has two numbers.
  await app.client.identify({ email: 'known@example.com', phoneNumber: '1955' });
  await app.client.identify({ email: 'known@example.com', phoneNumber: '0000000000' });
  await app.client.identify({ email: 'customer1@example.com', phoneNumber: '1985' });

  expect((await run(find)).replaceAll(/ {2,}/g, '  ')).toBe(
    'ID  CONTACTS  VALUE  CARRIED BY  MERGES  IDENTITIES WITHOUT IT\n' +
      '1  26  phoneNumber 0000000000  24  1  25\n',
  );
  const before = await listed();
  expect(JSON.parse(await run(preview))).toMatchObject({ changeId: null, identitiesAffected: 1 });
  expect(await listed()).toEqual(before);
  expect(JSON.parse(await run(block))).toMatchObject({
    changeId: expect.any(Number),
    blockedValue: { kind: 'phoneNumber', pattern: '0000000000' },
    identitiesAffected: 1,
  });
  const after = await listed();
  expect(after).toHaveLength(25);
  expect(after[0]).toMatchObject({ emails: ['customer1@example.com'], phoneNumbers: ['1985'] });
  expect(await run(find)).toBe('No identity has 20 contacts or more.\n');
  await app.client.identify({ email: 'test@test.com', phoneNumber: '1955' });
  expect(await run(others)).toMatch(
    /^KIND +PATTERN +CONTACTS +IDENTITIES\nemail +test@test\.com +1 +1\n[^]* 1 are blocked already\.\n/,
  );
  const { body } = await app.client.send('POST', '/identify', {
    email: 'next@example.com',
    phoneNumber: '0000000000',
  });
  expect(body).toMatchObject({
    contact: { phoneNumbers: [], secondaryContactIds: [] },
    ignored: [{ field: 'phoneNumber', reason: 'blocked' }],
  });
});

test('the steps of IdentityReviewsWaiting show what waits, tell what deciding it would do, and decide it', async () => {
  const [show, preview, decide] = commandsOf('IdentityReviewsWaiting') as [string, string, string];
  await app.client.identify({ email: 'george@hillvalley.edu', phoneNumber: '919191' });
  for (const phoneNumber of ['81', '82']) {
    await app.client.identify({ email: 'biff@hillvalley.edu', phoneNumber });
  }
  const identifiers = ['george', 'biff'].map((name) => ({ kind: 'email', value: `${name}@hillvalley.edu` }));
  await app.client.send('POST', '/rules', { identifiers, reason: 'They are two' });
  for (const phoneNumber of ['81', '82']) {
    await app.client.identify({ email: 'george@hillvalley.edu', phoneNumber });
  }
  await database.query(`update review set reason = 'limit' where value = 'george@hillvalley.edu'`);
  expect(await run(show)).toMatch(
    /^ID [^\n]*\n\d+ +email george@hillvalley\.edu +phoneNumber 81 [^\n]*\n[^\n]*phoneNumber 82 [^\n]*\n$/,
  );
  expect(await run(preview)).toMatch(/^Dry run: 2 reviews in [^\n]*\n {2}2 would be decided\n/);
  expect(await run(decide)).toMatch(/^Done: 2 reviews in [^\n]*\n {2}2 decided\n/);
  expect((await app.client.send('GET', '/reviews')).body).toEqual({ reviews: [], next: null });
});

async function listed(): Promise<unknown[]> {
  const { body } = await app.client.send<{ identities: { contact: unknown }[] }>(
    'GET',
    '/identities?limit=200',
  );
  return body.identities.map(({ contact }) => contact);
}
