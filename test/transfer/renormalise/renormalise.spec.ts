import { Settings } from '../../../src/config/settings.js';
import { renormaliseAll, type RenormaliseResult } from '../../../src/transfer/renormalise/renormalise.js';
import { useApp, useGuardedDatabase } from '../../support/hooks.js';
import { storedRows, violations } from '../../support/invariants.js';

/** The role of the replicas does it, too, but for the dry run, which needs temporary tables. */
const guarded = useGuardedDatabase();
const app = useApp(() => ({ DATABASE_URL: guarded.serviceUrl }));

beforeEach(() => guarded.database.clear());

afterEach(async () => {
  expect(await violations(guarded.database)).toEqual({});
});

function run(
  isDryRun = false,
  env: Record<string, string> = { DEFAULT_PHONE_REGION: 'DE' },
  stop = new AbortController().signal,
): Promise<RenormaliseResult> {
  const DATABASE_URL = isDryRun ? guarded.ownerUrl : guarded.serviceUrl;
  return renormaliseAll(new Settings({ ...env, DATABASE_URL }), {
    isDryRun,
    actor: 'cli',
    reason: 'We sell in Germany',
    tenant: null,
    retryForMs: 0,
    progress: null,
    stop,
  });
}

const identify = (email: string, phoneNumber: string) =>
  app.client.identify({ email: `${email}@hillvalley.edu`, phoneNumber });
const get = async (path: string): Promise<unknown> => (await app.client.send('GET', path)).body;

test('a moment before shows the older forms, the merge tells its cause, and an undo leaves the value with who had it first', async () => {
  await identify('lorraine', '0171 1234567');
  await identify('mcfly', '+49 171 1234567');
  const [{ at } = { at: '' }] = await guarded.database.query<{ at: string }>(
    `select to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at`,
  );
  await run();
  expect(await get(`/contacts/1?at=${at}`)).toMatchObject({
    contact: { primaryContactId: 1, phoneNumbers: ['01711234567'] },
  });
  expect(await get('/contacts/2')).toMatchObject({
    contact: { primaryContactId: 1, phoneNumbers: ['+491711234567'], secondaryContactIds: [2] },
  });
  expect(await get('/contacts/2/evidence?to=1')).toMatchObject({
    connected: true,
    path: [
      {
        from: 2,
        to: 1,
        type: 'merge',
        cause: 'renormalised',
        identifiers: [{ kind: 'phoneNumber', value: '+491711234567' }],
      },
    ],
  });
  const { merges } = (await get('/merges?contactId=1')) as { merges: { id: number }[] };
  const undone = await app.client.send('POST', `/merges/${merges[0]!.id}/undo`, { reason: 'They are two' });
  expect(undone.body).toMatchObject({
    changed: true,
    rules: [],
    identities: [
      { contact: { primaryContactId: 1, phoneNumbers: ['+491711234567'] } },
      { contact: { primaryContactId: 2, emails: ['mcfly@hillvalley.edu'], phoneNumbers: [] } },
    ],
  });
});

test('a run that is told to stop says that it has not come to the end, and the next one does', async () => {
  await identify('lorraine', '0171 1234567');
  const stopped = await run(false, { DEFAULT_PHONE_REGION: 'DE' }, AbortSignal.abort());
  expect(stopped).toMatchObject({ isComplete: false, changeId: null, tally: { changed: 0 } });
  expect(await run()).toMatchObject({ isComplete: true, tally: { changed: 1 } });
});

test('an undo of an older merge still keeps its values apart under their normal forms', async () => {
  await identify('lorraine', '123456');
  await identify('george', '030 123456');
  await identify('lorraine', '030 123456');
  await app.client.send('POST', '/rules', {
    identifiers: [
      { kind: 'email', value: 'lorraine@hillvalley.edu' },
      { kind: 'phoneNumber', value: '0171 7654321' },
    ],
    reason: 'That is her son',
  });
  await run();
  expect(await get('/rules')).toMatchObject({
    rules: [{ identifiers: [{ kind: 'email' }, { value: '+491717654321' }], reason: 'That is her son' }],
  });
  const { merges } = (await get('/merges?contactId=1')) as { merges: { id: number }[] };
  const { body } = await app.client.send('POST', `/merges/${merges[0]!.id}/undo`, {
    reason: 'They are two',
  });
  expect(body).toMatchObject({
    rules: [{ identifiers: [{ value: 'lorraine@hillvalley.edu' }, { value: '+4930123456' }] }],
  });
});

test('a rule about the other form of a number holds for whoever gets the normal form', async () => {
  await identify('lorraine', '55 1234 5678');
  await identify('george', '919191');
  const other = { kind: 'phoneNumber', value: '+5215512345678' };
  const identifiers = [other, { kind: 'email', value: 'george@hillvalley.edu' }];
  await app.client.send('POST', '/rules', { identifiers, reason: 'That is her son' });
  expect(await run(false, { DEFAULT_PHONE_REGION: 'MX' })).toMatchObject({ tally: { changed: 1 } });
  const { body } = await app.client.send('POST', '/identify', {
    email: 'george@hillvalley.edu',
    phoneNumber: '+525512345678',
  });
  expect(body).toMatchObject({
    contact: { primaryContactId: 2, phoneNumbers: ['919191'] },
    ignored: [{ field: 'phoneNumber', reason: 'do-not-link' }],
  });
  const reserved = await guarded.database.query('select value from identifier where contact_id is null');
  expect(reserved).toEqual([{ value: other.value }]);
});

test('emails get the rules of Gmail and domains their Unicode form, and a dry run counts the same without a write', async () => {
  await identify('jane.doe', '1');
  const emails = [
    'jane.doe@gmail.com',
    'janedoe+news@gmail.com',
    'JaneDoe@googlemail.com',
    'doc@bücher.example',
  ];
  for (const email of emails) {
    await app.client.identify({ email });
  }
  await guarded.database.query(
    `insert into identifier select tenant_id, kind, 'doc@xn--bcher-kva.example', contact_id from identifier where value = 'doc@bücher.example'`,
  );
  await guarded.database.query(
    `update contact set email = 'doc@xn--bcher-kva.example' where email = 'doc@bücher.example'`,
  );
  await guarded.database.query(`delete from identifier where value = 'doc@bücher.example'`);
  const before = await storedRows(guarded.database);
  const planned = await run(true, { EMAIL_RULES: 'gmail' });
  expect(await storedRows(guarded.database)).toEqual(before);
  const done = await run(false, { EMAIL_RULES: 'gmail' });
  expect(done.tally).toEqual(planned.tally);
  expect(done.tally).toMatchObject({ changed: 4, contacts: 4, merges: 2 });
  expect(await get('/contacts/4')).toMatchObject({
    contact: { primaryContactId: 2, emails: ['janedoe@gmail.com'], secondaryContactIds: [3, 4] },
  });
});

/** The last one: the policy stays. */
test('what a limit withholds is made when people decide to link, and the next run finishes it', async () => {
  const { etag } = await app.client
    .send('GET', '/policy')
    .then(({ headers }) => ({ etag: headers.get('etag')! }));
  await app.client.send(
    'PUT',
    '/policy',
    { maxContacts: 1, reason: 'Strict', kinds: [] },
    { 'if-match': etag },
  );
  await identify('lorraine', '0171 1234567');
  await identify('mcfly', '+49 171 1234567');
  const first = await run();
  expect(first.tally).toMatchObject({ changed: 0, merges: 0, kept: { limit: 1 } });
  const again = await run();
  expect(again.tally).toEqual(first.tally);
  expect(again.changeId).toBeNull();
  const { reviews } = (await get('/reviews')) as { reviews: { id: number }[] };
  expect(reviews).toMatchObject([
    { identifiers: [{ value: '+491711234567' }, { value: '01711234567' }], reason: 'limit' },
  ]);
  await app.client.send('POST', `/reviews/${reviews[0]!.id}`, { decision: 'link', reason: 'One person' });
  expect((await run()).tally).toMatchObject({ changed: 1, merges: 0, kept: { limit: 0 } });
  expect(await get('/contacts/2')).toMatchObject({
    contact: { primaryContactId: 1, phoneNumbers: ['+491711234567'] },
  });
});
