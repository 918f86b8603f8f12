import { command, type Finished } from '../support/command.js';
import { useApp, useDatabase } from '../support/hooks.js';
import { storedRows, violations } from '../support/invariants.js';

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));

const run = (...args: string[]): Promise<Finished> =>
  command(['identities', 'renormalise', '--quiet', ...args], {
    DATABASE_URL: database.url,
    DEFAULT_PHONE_REGION: 'DE',
  });

beforeEach(() => database.clear());

afterEach(async () => {
  expect(await violations(database)).toEqual({});
});

test('renormalise tells what would be, then does it, then finds nothing', async () => {
  await app.client.identify({ email: 'lorraine@hillvalley.edu', phoneNumber: '0171 1234567' });
  await app.client.identify({ email: 'mcfly@hillvalley.edu', phoneNumber: '+49 171 1234567' });
  await app.client.identify({ email: 'george@hillvalley.edu', phoneNumber: '030 123456' });
  const before = await storedRows(database);
  const numbers = `KIND         STORED       NORMAL FORM    WHAT
phoneNumber  01711234567  +491711234567`;
  expect(await run('--dry-run')).toEqual({
    code: 0,
    stdout: `Dry run: 6 identifiers looked at
  2 would get another normal form, on 2 contacts
  1 identity would be merged into another

${numbers}  would merge two identities
phoneNumber  030123456    +4930123456
`,
    stderr: '',
  });
  expect(await storedRows(database)).toEqual(before);
  expect(await run('--reason', 'We sell in Germany')).toEqual({
    code: 0,
    stdout: `Done: 6 identifiers looked at
  2 got another normal form, on 2 contacts
  1 identity was merged into another

${numbers}  merged two identities
phoneNumber  030123456    +4930123456
`,
    stderr: '',
  });
  expect(await app.client.identify({ phoneNumber: '+491711234567' })).toEqual({
    primaryContactId: 1,
    emails: ['lorraine@hillvalley.edu', 'mcfly@hillvalley.edu'],
    phoneNumbers: ['+491711234567'],
    secondaryContactIds: [2],
  });
  const after = await storedRows(database);
  expect(await run()).toEqual({
    code: 0,
    stdout: `Done: 5 identifiers looked at
  0 got another normal form, on 0 contacts
  0 identities were merged into others
`,
    stderr: '',
  });
  expect(await storedRows(database)).toEqual(after);
});

/** What an older release stored in place of an email, of which only the spelling differs. */
async function storedAs(email: string, older: string): Promise<void> {
  await database.query(
    'insert into identifier select tenant_id, kind, $2, contact_id from identifier where value = $1',
    [email, older],
  );
  await database.query('update contact set email = $2 where email = $1', [email, older]);
  await database.query('delete from identifier where value = $1', [email]);
}

/** @param words for what is done, what stays and what merges */
function told(title: string, would: string, wouldStay: string, merged: string): string {
  return `${title}: 9 identifiers looked at
  3 ${would} another normal form, on 2 contacts
  0 identities ${merged} merged into others
  1 ${wouldStay} as they are: kept apart by a rule
  1 have no normal form any more, because the service refuses them today; they stay as they are
  1 blocked value, 1 recorded sighting, 1 review ${would} normal forms, too

KIND         STORED                     NORMAL FORM    WHAT
phoneNumber  01717654321                +491717654321
phoneNumber  030123456                  +4930123456
phoneNumber  01717777777                +491717777777
phoneNumber  01711234567                +491711234567  stays: kept apart by a rule
email        bi\\u034fff@hillvalley.edu  -              stays: email must be a valid email address
`;
}

test('rules, reviews, blocked values and sightings of merges follow, and what policy withholds is told and asked about', async () => {
  const { client } = app;
  const rule = (value: string): Promise<unknown> =>
    client.send('POST', '/rules', {
      identifiers: [
        { kind: 'email', value: 'lorraine@hillvalley.edu' },
        { kind: value.includes('@') ? 'email' : 'phoneNumber', value },
      ],
      reason: 'Mother and son',
    });
  await client.identify({ email: 'lorraine@hillvalley.edu', phoneNumber: '01711234567' });
  await client.identify({ email: 'lorraine@hillvalley.edu', phoneNumber: '01717777777' });
  await client.identify({ email: 'mcfly@hillvalley.edu', phoneNumber: '+491711234567' });
  await rule('mcfly@hillvalley.edu');
  await rule('0171 7654321');
  await client.identify({ email: 'mcfly@hillvalley.edu', phoneNumber: '01717777777' });
  await client.identify({ email: 'george@hillvalley.edu' });
  await client.identify({ phoneNumber: '030123456' });
  await client.identify({ email: 'george@hillvalley.edu', phoneNumber: '030123456' });
  await rule('030123456');
  const hotline = { kind: 'phoneNumber', pattern: '0800 1234567', existing: 'keep', reason: 'A hotline' };
  await client.send('POST', '/blocked-values', hotline);
  await client.identify({ email: 'biff@hillvalley.edu' });
  await storedAs('biff@hillvalley.edu', 'bi\u034Fff@hillvalley.edu');
  const before = await storedRows(database);
  expect(await run('--dry-run')).toEqual({
    code: 1,
    stdout: told('Dry run', 'would get', 'would stay', 'would be'),
    stderr: '',
  });
  expect(await storedRows(database)).toEqual(before);
  expect(await run()).toEqual({ code: 1, stdout: told('Done', 'got', 'stay', 'were'), stderr: '' });
  const { body: rules } = await client.send('GET', '/rules');
  expect(rules).toMatchObject({
    rules: [
      { id: 1, identifiers: [{ value: 'lorraine@hillvalley.edu' }, { value: 'mcfly@hillvalley.edu' }] },
      {
        id: 2,
        identifiers: [{ value: 'lorraine@hillvalley.edu' }, { value: '+491717654321' }],
        reason: 'Mother and son',
      },
      { id: 3, identifiers: [{ value: 'lorraine@hillvalley.edu' }, { value: '+4930123456' }] },
    ],
  });
  expect((await client.send('GET', '/reviews')).body).toMatchObject({
    reviews: [
      { identifiers: [{ value: 'mcfly@hillvalley.edu' }, { value: '+491717777777' }], state: 'open' },
      {
        identifiers: [{ value: '+491711234567' }, { value: '01711234567' }],
        reason: 'do-not-link',
        contactIds: [3, 1],
      },
    ],
  });
  expect((await client.send('GET', '/blocked-values')).body).toMatchObject({
    blockedValues: [{ kind: 'phoneNumber', pattern: '+498001234567' }],
  });
  expect((await client.send('GET', '/merges?contactId=4')).body).toMatchObject({
    merges: [{ cause: 'sighting', identifiers: [{ kind: 'email' }, { value: '+4930123456' }] }],
  });
  const again = await run();
  expect(again.stdout).toContain('  0 got another normal form, on 0 contacts\n  0 identities were merged');
  expect(again.stdout).not.toContain('normal forms, too');
});
