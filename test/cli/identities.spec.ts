import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { text as read } from 'node:stream/consumers';
import { CHILD_ENV } from '../support/child-env.js';
import { command, type Finished } from '../support/command.js';
import { useApp, useDatabase } from '../support/hooks.js';
import { addLargeIdentity } from '../support/large-identity.js';

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));
const env = (): Record<string, string> => ({ DATABASE_URL: database.url });
const run = (line: string): Promise<Finished> => command(line.split(' '), env());

/** What a command prints; it must succeed, and say nothing else. */
async function printed(line: string): Promise<string> {
  const { code, stdout, stderr } = await run(line);
  expect([line, code, stderr]).toEqual([line, 0, '']);
  return stdout;
}

async function parsed(line: string): Promise<unknown> {
  return JSON.parse(await printed(`${line} --json`));
}

async function get<T>(path: string): Promise<T> {
  return (await app.client.send<T>('GET', path)).body;
}

/** A table without its times, which are different in each run, and with two spaces between columns. */
const undated = (text: string): string =>
  text.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\dZ/g, 'TIME').replaceAll(/ {2,}/g, '  ');

/** Lorraine is 1 and 2, George 3, Biff 4; a sighting merged George into Lorraine's identity. */
beforeAll(async () => {
  for (const [name, phoneNumber] of [
    ['lorraine', '111'],
    ['lorraine', '112'],
    ['george', '131'],
    ['biff', '141'],
    ['george', '112'],
  ]) {
    await app.client.identify({ email: `${name}@hillvalley.edu`, phoneNumber });
  }
});

test('the largest identities are listed, in a table and as the API shows them', async () => {
  expect(await printed('identities largest')).toBe(
    [
      'ID  CONTACTS  EMAIL                    PHONE NUMBER',
      '1   3         lorraine@hillvalley.edu  111',
      '4   1         biff@hillvalley.edu      141\n',
    ].join('\n'),
  );
  const { identities } = await get<{ identities: unknown[] }>('/identities?order=size');
  expect(await parsed('identities largest')).toEqual(identities);
  expect(await parsed('identities largest --limit 1')).toEqual(identities.slice(0, 1));
});

test('an identity is shown with all its contacts, whichever of them is named', async () => {
  expect(undated(await printed('identities show 3'))).toBe(
    [
      'ID  EMAIL  PHONE NUMBER  CREATED  STATE',
      '1  lorraine@hillvalley.edu  111  TIME  primary',
      '2  lorraine@hillvalley.edu  112  TIME  secondary',
      '3  george@hillvalley.edu  131  TIME  secondary\n',
    ].join('\n'),
  );
  expect(await parsed('identities show 3')).toEqual({
    contact: await app.client.find(1),
    contacts: (await get<{ contacts: unknown }>('/contacts/1/evidence')).contacts,
  });
});

test('a path is explained by a value or a merge for each step', async () => {
  expect(undated(await printed('identities explain 1 3'))).toBe(
    [
      'Contacts 1 and 3 are one person, in 2 steps:',
      'FROM  TO  WHY  SINCE',
      '1  2  both carry email lorraine@hillvalley.edu  TIME',
      '2  3  merge 1, sighting of email george@hillvalley.edu and phoneNumber 112  TIME\n',
    ].join('\n'),
  );
  expect(await parsed('identities explain 1 3')).toEqual(await get('/contacts/1/evidence?to=3'));
  expect(await printed('identities explain 2 2')).toBe('Both are contact 2.\n');
});

test('what keeps two contacts apart is told: rules and undone merges', async () => {
  expect(await printed('identities explain 1 4')).toBe('Contacts 1 and 4 are not one person.\n');
  const identifiers = [
    { kind: 'email', value: 'lorraine@hillvalley.edu' },
    { kind: 'phoneNumber', value: '141' },
  ];
  await app.client.send('POST', '/rules', {
    identifiers,
    reason: 'Two customers',
  });
  expect(undated(await printed('identities explain 1 4'))).toMatch(
    /^Contacts 1 and 4 are not one person\.\n\nRules that keep them apart:\nID .*\n1 +email lorraine@hillvalley\.edu and phoneNumber 141 +TIME .* Two customers\n$/,
  );
  expect(await parsed('identities explain 1 4')).toEqual(await get('/contacts/1/evidence?to=4'));
});

test('the merges of an identity are listed', async () => {
  expect(undated(await printed('merges list 3'))).toMatch(
    /^ID +AT +SURVIVOR +MERGED +CAUSE +IDENTIFIERS +STATE\n1 +TIME +1 +3 +sighting +email george@hillvalley\.edu and phoneNumber 112 +in force\n$/,
  );
  const { merges } = await get<{ merges: unknown }>('/merges?contactId=1');
  expect(await parsed('merges list 3')).toEqual(merges);
  expect(await parsed('merges list 4')).toEqual([]);
});

test('a deleted contact is shown, also if nobody of its identity is left', async () => {
  const { primaryContactId: id } = await app.client.identify({ email: 'goldie@hillvalley.edu' });
  await app.client.delete(id);
  expect(undated(await printed(`identities show ${id}`))).toMatch(
    /goldie@hillvalley\.edu +- +TIME +deleted TIME\n$/,
  );
  expect(await parsed(`identities show ${id}`)).toMatchObject({ contact: null, contacts: [{ id }] });
});

test('the value that holds each of the largest identities together is told, and what they would be without it', async () => {
  for (const name of ['marty', 'jennifer', 'strickland', 'needles']) {
    await app.client.identify({ email: `${name}@hillvalley.edu`, phoneNumber: '0000000000' });
  }
  const { contact } = (
    await get<{ identities: { contact: { primaryContactId: number } }[] }>('/identities?order=size&limit=1')
  ).identities[0]!;
  const id = contact.primaryContactId;
  expect((await printed('identities suspicious --min-contacts 3')).replaceAll(/ {2,}/g, '  ')).toBe(
    [
      'ID  CONTACTS  VALUE  CARRIED BY  MERGES  IDENTITIES WITHOUT IT',
      `${id}  4  phoneNumber 0000000000  4  0  4`,
      '1  3  email lorraine@hillvalley.edu  2  0  2\n',
    ].join('\n'),
  );
  expect(await parsed('identities suspicious --min-contacts 3 --limit 1')).toEqual([
    {
      primaryContactId: id,
      contacts: 4,
      values: [{ kind: 'phoneNumber', value: '0000000000', contacts: 4, merges: 0, identities: 4 }],
    },
  ]);
  expect(await parsed('identities suspicious --min-contacts 2 --limit 2')).toMatchObject([
    { primaryContactId: id },
    {
      primaryContactId: 1,
      values: [
        { value: 'lorraine@hillvalley.edu', contacts: 2, merges: 0, identities: 2 },
        { value: 'george@hillvalley.edu', contacts: 1, merges: 1, identities: 2 },
        { value: '112', contacts: 1, merges: 1, identities: 2 },
      ],
    },
  ]);
  expect(await printed('identities suspicious')).toBe('No identity has 20 contacts or more.\n');
  expect(await parsed('identities suspicious')).toEqual([]);
});

test.each([
  ['identities suspicious --min-contacts 1', 'It must be a whole number from 2 to 1000000.'],
  ['identities suspicious --limit 0', 'It must be a whole number from 1 to 200.'],
  ['identities show 4711', 'There is no contact 4711.\n'],
  ['identities explain 1 4711', 'There is no contact 4711.\n'],
  ['merges list 4711', 'There is no contact 4711.\n'],
  ['identities show x', 'It must be the id of a contact, a whole number from 1.'],
  ['identities show 9007199254740993', 'It must be the id of a contact, a whole number from 1.'],
  ['identities explain 1', "missing required argument 'to'"],
  ['identities largest --limit 201', 'It must be a whole number from 1 to 200.'],
  ['identities largest --tenant nobody', 'There is no tenant "nobody"'],
  ['merges list 0', 'It must be the id of a contact, a whole number from 1.'],
])('%s is refused with a reason', async (line, reason) => {
  const { code, stdout, stderr } = await run(line);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain(reason);
  expect(stderr).not.toContain('    at ');
});

test('a reader that has read enough is no error', async () => {
  const { primaryId } = await addLargeIdentity(database, 3_000);
  for (const args of [
    ['identities', 'show', String(primaryId)],
    ['identities', 'show', String(primaryId), '--json'],
    ['tenants', 'list'],
  ]) {
    const child = spawn(process.execPath, [resolve('dist/src/cli/main.js'), ...args], {
      env: { ...CHILD_ENV, ...env() },
    });
    child.stdout.destroy();
    const said = read(child.stderr);
    expect([args, ...((await once(child, 'close')) as unknown[])]).toEqual([args, 0, null]);
    expect(await said).toBe('');
  }
}, 60_000);
