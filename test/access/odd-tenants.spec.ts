import { startApp } from '../support/app.js';
import { administerKeys } from '../support/keys.js';
import { createGuardedDatabase } from '../support/roles.js';

// The id of a tenant goes into the text of a statement, where there are no binds.

test('a tenant of any id that a column takes is served, and sees none but its own', async () => {
  const guarded = await createGuardedDatabase();
  const ids = [2_147_483_647, -2_147_483_648, -1, 0];
  for (const id of ids) {
    await guarded.database.query('insert into tenant (id, name) values ($1, $2)', [id, `tenant ${id}`]);
  }
  const keys = await administerKeys(guarded.ownerUrl);
  const texts = await Promise.all(ids.map((id) => keys.make({ tenant: `tenant ${id}` })));
  await keys.close();
  const app = await startApp({ DATABASE_URL: guarded.serviceUrl, AUTH_MODE: 'api-key' });
  const made = await Promise.all(
    texts.map((key) => app.client.identify({ email: 'doc@hillvalley.edu' }, { 'x-api-key': key })),
  );
  expect(new Set(made.map(({ primaryContactId }) => primaryContactId)).size).toBe(ids.length);
  const rows = await guarded.database.query<{ tenant_id: number; id: number }>(
    'select tenant_id, id::int from contact order by tenant_id',
  );
  expect(rows.map(({ tenant_id: tenantId }) => tenantId)).toEqual(ids.toSorted((a, b) => a - b));
  for (const [i, key] of texts.entries()) {
    const seen = made.map(({ primaryContactId }) =>
      app.client.send('GET', `/contacts/${primaryContactId}`, undefined, { 'x-api-key': key }),
    );
    const statuses = (await Promise.all(seen)).map(({ status }) => status);
    expect(statuses).toEqual(ids.map((_, j) => (i === j ? 200 : 404)));
  }
  await app.close();
  await guarded.drop();
});
