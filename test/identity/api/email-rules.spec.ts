import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importFile } from '../../transfer/import/import-text.js';
import type { Reply } from '../../support/client.js';
import { useApp, useDatabase } from '../../support/hooks.js';
import { violations } from '../../support/invariants.js';
import type { ShownIdentity } from '../../support/wire.js';

const REASON = 'Tells one mailbox from another';
const MAILBOX = 'docbrown@gmail.com';
const SPELLINGS = [
  'doc.brown@gmail.com',
  'Doc.Brown+news@GMail.com',
  'docbrown@googlemail.com',
  'd.ocbrown+a.b@googlemail.com',
];

const database = useDatabase();
const app = useApp(() => ({
  DATABASE_URL: database.url,
  EMAIL_RULES: 'gmail',
  ERASURE_KEY: 'a key that only these tests ever use',
}));

beforeEach(() => database.clear());

afterEach(async () => {
  expect(await violations(database)).toEqual({});
});

const post = <T = unknown>(path: string, body: object): Promise<Reply<T>> =>
  app.client.send<T>('POST', path, { reason: REASON, ...body });
const email = (value: string) => ({ kind: 'email', value });

test('all spellings of a mailbox of Gmail are one identifier, and those of others are not', async () => {
  for (const spelling of SPELLINGS) {
    expect(await app.client.identify({ email: spelling })).toMatchObject({
      emails: [MAILBOX],
      secondaryContactIds: [],
    });
    const { body } = await app.client.send('POST', '/lookup', { email: spelling });
    expect(body).toMatchObject({ identities: [{ contact: { emails: [MAILBOX] } }] });
    const found = await app.client.send('POST', '/search', { prefix: spelling.slice(0, 6) });
    expect(found.body).toMatchObject({ identities: [{ contact: { emails: [MAILBOX] } }] });
  }
  const [one, other] = await Promise.all(
    ['doc.brown@hillvalley.edu', 'docbrown@hillvalley.edu'].map((each) =>
      app.client.identify({ email: each }),
    ),
  );
  expect(one!.primaryContactId).not.toBe(other!.primaryContactId);
  expect((await app.client.send('POST', '/identify', { email: 'doc..brown@gmail.com' })).status).toBe(400);
});

// Another mailbox, because the service remembers for seconds what is erased.
test('an erased mailbox is refused in every spelling', async () => {
  await app.client.identify({ email: 'clara.clayton@gmail.com', phoneNumber: '1885' });
  const identifier = email('ClaraClayton+train@googlemail.com');
  const { status } = await post('/erasures', { identifier, scope: 'identifier', blockedForDays: 1 });
  expect(status).toBe(202);
  for (const spelling of ['clara.clayton@gmail.com', 'c.l.a.r.a.clayton@googlemail.com']) {
    expect((await post('/identify', { email: spelling })).status).toBe(422);
  }
});

test('an import reads emails by the same rules', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'email-rules-'));
  try {
    const path = join(folder, 'people.csv');
    await writeFile(path, `email,phone\n${SPELLINGS.map((each, i) => `${each},${1000 + i}`).join('\n')}\n`);
    const { tally } = await importFile({ DATABASE_URL: database.url, EMAIL_RULES: 'gmail' }, path);
    expect(tally).toMatchObject({ created: 1, linked: 3, rejected: 0 });
  } finally {
    await rm(folder, { recursive: true });
  }
  const { contact } = (
    await app.client.send<{ contact: ShownIdentity }>('POST', '/identify', { email: SPELLINGS[3] })
  ).body;
  expect(contact).toMatchObject({ emails: [MAILBOX], phoneNumbers: ['1000', '1001', '1002', '1003'] });
});

// The last one, because what is blocked stays so.
test('rules, blocked values and their globs hold for every spelling', async () => {
  await app.client.identify({ email: SPELLINGS[0], phoneNumber: '1885' });
  await post('/rules', { identifiers: [email(SPELLINGS[1]!), { kind: 'phoneNumber', value: '1955' }] });
  expect((await post('/identify', { email: SPELLINGS[2], phoneNumber: '1955' })).body).toMatchObject({
    ignored: [{ field: 'phoneNumber', reason: 'do-not-link' }],
  });
  for (const [pattern, stored, blocked] of [
    ['doc.brown+spam@googlemail.com', MAILBOX, SPELLINGS[3]],
    ['No.Reply*@googlemail.com', 'noreply*@gmail.com', 'noreply.shop@gmail.com'],
  ] as const) {
    const made = await post('/blocked-values', { kind: 'email', pattern, existing: 'keep' });
    expect(made.body).toMatchObject({ blockedValue: { pattern: stored } });
    await app.refreshPolicy();
    expect((await post('/identify', { email: blocked })).status).toBe(422);
  }
  expect(
    await post('/blocked-values', { kind: 'email', pattern: '*+spam@gmail.com', existing: 'keep' }),
  ).toMatchObject({
    status: 400,
    body: { errors: [{ field: 'pattern', message: expect.stringContaining('every mailbox of Gmail') }] },
  });
});
