import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { startApp } from '../support/app.js';
import { useGuardedDatabase } from '../support/hooks.js';
import { onConnection } from '../support/on-connection.js';

const guarded = useGuardedDatabase();

/** The two statements of the runbook, as the owner of the tables gives them at the prompt. */
async function ask(statement: string): Promise<object[]> {
  return onConnection(guarded.ownerUrl, async (client) => {
    const results = (await client.query(statement)) as unknown as pg.QueryResult<object>[];
    return results.at(-1)!.rows;
  });
}

test('the SQL of IdentityOversized finds the largest identity and the value that holds it together, under row level security', async () => {
  const runbook = readFileSync('docs/runbooks.md', 'utf8');
  const [largest, shared] = [
    ...runbook.slice(runbook.indexOf('## IdentityOversized')).matchAll(/```sql\n([^]*?)```/g),
  ].map(([, sql]) => sql!);
  await using app = await startApp({ DATABASE_URL: guarded.serviceUrl });
  // Linked by a shared number; then strangers who are known already are merged by it.
  const linked = ['lorraine', 'mcfly', 'george'].map((name) => ({
    email: `${name}@example.com`,
    phoneNumber: '5550100',
  }));
  const strangers = ['biff', 'doc'].flatMap((name) => [
    { email: `${name}@example.com` },
    { email: `${name}@example.com`, phoneNumber: '5550100' },
  ]);
  for (const sighting of [{ email: 'jennifer@example.com' }, ...linked, ...strangers]) {
    await app.client.identify(sighting);
  }

  expect(await ask(largest!)).toEqual([{ primary_id: '2', contacts: '5' }]);
  const found = await ask(shared!.replaceAll('42', '2'));
  expect(found[0]).toEqual({ kind: 'phoneNumber', value: '5550100', contacts: '3', merges: '2' });
});
