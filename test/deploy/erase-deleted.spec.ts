import { readFileSync } from 'node:fs';
import pg from 'pg';
import { startApp } from '../support/app.js';
import type { TestDatabase } from '../support/database.js';
import { violations } from '../support/invariants.js';
import { createGuardedDatabase } from '../support/roles.js';

test('erase-deleted.sql leaves no identifier of a deleted contact in any table, and keeps those of others', async () => {
  const guarded = await createGuardedDatabase();
  try {
    await using app = await startApp({ DATABASE_URL: guarded.serviceUrl });
    const { client } = app;
    await client.identify({ email: 'george@example.com', phoneNumber: '919191' });
    // re-linked by a merge, so that the rows of biff have a past
    await client.identify({ email: 'biff@example.com', phoneNumber: '717171' });
    await client.identify({ email: 'biff@example.com', phoneNumber: '505050' });
    await client.identify({ email: 'george@example.com', phoneNumber: '717171' });
    for (const id of [2, 3]) {
      await client.send('DELETE', `/contacts/${id}`);
    }
    const values = ['biff@example.com', '717171', '505050'];
    expect(await occurrences(guarded.database, values)).toEqual(
      expect.arrayContaining(['contact', 'contact_past', 'identity_merge']),
    );

    await erase(guarded.ownerUrl, 0);

    expect(await occurrences(guarded.database, values)).toEqual([]);
    expect(await occurrences(guarded.database, ['george@example.com'])).toEqual(['contact', 'identifier']);
    expect(await client.identify({ phoneNumber: '919191' })).toEqual({
      primaryContactId: 1,
      emails: ['george@example.com'],
      phoneNumbers: ['919191'],
      secondaryContactIds: [],
    });
    await erase(guarded.ownerUrl, 0);
  } finally {
    await guarded.drop();
  }
});

test('erase-deleted.sql leaves no identifier of a deleted contact in the past of one that a split took it from', async () => {
  const guarded = await createGuardedDatabase();
  try {
    await using app = await startApp({ DATABASE_URL: guarded.serviceUrl });
    const { client } = app;
    await client.identify({ email: 'george@example.com', phoneNumber: '919191' });
    await client.identify({ email: 'biff@example.com', phoneNumber: '919191' });
    const leaving = ['biff@example.com'].map((value) => ({ kind: 'email', value }));
    await client.send('POST', '/splits', { contactId: 1, identifiers: leaving, reason: 'Two customers' });
    await client.delete(3);
    expect(await occurrences(guarded.database, ['biff@example.com'])).toEqual([
      'contact',
      'contact_past',
      'do_not_link',
      'identifier',
    ]);

    await erase(guarded.ownerUrl, 1);
    expect(await occurrences(guarded.database, ['biff@example.com'])).toContain('contact_past');
    await erase(guarded.ownerUrl, 0);

    // A rule keeps its identifiers until it is deleted.
    expect(await occurrences(guarded.database, ['biff@example.com'])).toEqual(['do_not_link', 'identifier']);
    expect(await occurrences(guarded.database, ['919191'])).toContain('contact_past');
    expect(await violations(guarded.database)).toEqual({});
  } finally {
    await guarded.drop();
  }
});

test('erase-deleted.sql leaves contacts as they were for as many days as it is told', async () => {
  const guarded = await createGuardedDatabase();
  try {
    await using app = await startApp({ DATABASE_URL: guarded.serviceUrl });
    await app.client.identify({ email: 'biff@example.com' });
    await app.client.send('DELETE', '/contacts/1');
    await erase(guarded.ownerUrl, 1);
    expect(await occurrences(guarded.database, ['biff@example.com'])).toEqual(['contact']);
  } finally {
    await guarded.drop();
  }
});

test('erase-deleted.sql leaves rules in force that a deleted contact alone was marked with', async () => {
  const guarded = await createGuardedDatabase();
  try {
    await using app = await startApp({ DATABASE_URL: guarded.serviceUrl });
    const { client } = app;
    await client.identify({ email: 'george@example.com', phoneNumber: '919191' });
    await client.identify({ email: 'biff@example.com' });
    const identifiers = ['george', 'biff'].map((name) => ({ kind: 'email', value: `${name}@example.com` }));
    await client.send('POST', '/rules', { identifiers, reason: 'Two customers' });
    // another contact holds the email from then on
    await client.identify({ email: 'george@example.com', phoneNumber: '1' });
    await client.send('DELETE', '/contacts/1');

    await erase(guarded.ownerUrl, 0);

    expect(await violations(guarded.database)).toEqual({});
    await client.identify({ email: 'biff@example.com', phoneNumber: '2' });
    expect(await client.identify({ email: 'george@example.com', phoneNumber: '2' })).toMatchObject({
      emails: ['george@example.com'],
      phoneNumbers: ['1'],
    });
  } finally {
    await guarded.drop();
  }
});

/** Runs the script as psql would. */
async function erase(ownerUrl: string, days: number): Promise<void> {
  const script = readFileSync('deploy/postgresql/erase-deleted.sql', 'utf8')
    .replaceAll(/^\\set .*$/gm, '')
    .replaceAll(`:'tenant'`, `'1'`)
    .replaceAll(/:tenant\b/g, '1')
    .replaceAll(/:days\b/g, String(days));
  const owner = new pg.Client({ connectionString: ownerUrl });
  await owner.connect();
  try {
    await owner.query(script);
  } finally {
    await owner.end();
  }
}

/** The tables that have one of the values in any of their columns. */
async function occurrences(database: TestDatabase, values: readonly string[]): Promise<string[]> {
  const tables = await database.query<{ name: string }>(
    `select table_name as name from information_schema.tables where table_schema = 'public' order by 1`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await database.query(
      `select from ${name} t where exists (select from unnest($1::text[]) value where strpos(t::text, value) > 0)`,
      [values],
    );
    if (rows.length > 0) {
      found.push(name);
    }
  }
  return found;
}
