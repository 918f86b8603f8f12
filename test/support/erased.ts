import type { ServiceClient } from './client.js';
import type { TestDatabase } from './database.js';

/** Where one of the texts is stored: every column of every table of the service, as text. `table: row` each. */
export async function placesOf(database: TestDatabase, texts: readonly string[]): Promise<string[]> {
  const tables = await database.query<{ name: string }>(
    `select c.relname as name from pg_class c join pg_namespace n on n.oid = relnamespace
     where nspname = 'public' and relkind = 'r' and relname <> 'version_log' order by 1`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await database.query<{ row: string }>(`select t::text as row from "${name}" t`);
    found.push(
      ...rows
        .filter(({ row }) => texts.some((text) => row.toLowerCase().includes(text.toLowerCase())))
        .map(({ row }) => `${name}: ${row}`),
    );
  }
  return found;
}

/** Makes the erasures of a database due, so that they are done when they are looked at next. */
export async function ageErasures(database: TestDatabase): Promise<void> {
  await database.query(`update erasure set due_at = created_at where status = 'running'`);
}

/** Makes all erasures of a database due, and looks at each, so that they are done. */
export async function endErasures(database: TestDatabase, client: ServiceClient): Promise<void> {
  await ageErasures(database);
  const ids = await database.query<{ id: number }>(
    `select id::int as id from erasure where status = 'running'`,
  );
  for (const { id } of ids) {
    await client.send('GET', `/erasures/${id}`);
  }
}
