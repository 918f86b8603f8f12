import type { MikroORM } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const APPLIED_MIGRATIONS_SQL = 'select name from mikro_orm_migrations';

/** The migrations that this build needs, by the names that the ORM records. */
const REQUIRED = readdirSync(fileURLToPath(new URL('../../../migrations', import.meta.url)))
  .filter((file) => /^\d+-.*\.[jt]s$/.test(file) && !file.endsWith('.d.ts'))
  .map((file) => file.replace(/\.[jt]s$/, ''))
  .toSorted();

/** The migrations that are missing. Migrations that this build does not know are fine: the schema is newer. */
export function missingFrom(applied: readonly { readonly name: string }[]): string[] {
  const names = new Set(applied.map(({ name }) => name));
  return REQUIRED.filter((name) => !names.has(name));
}

/** The migrations that the database lacks; all of them if the database was never migrated. */
export async function missingMigrations(orm: MikroORM): Promise<string[]> {
  try {
    const em = orm.em.fork() as SqlEntityManager;
    return missingFrom(await em.execute<{ name: string }[]>(APPLIED_MIGRATIONS_SQL));
  } catch (error) {
    if ((error as { code?: unknown }).code === '42P01') {
      return REQUIRED;
    }
    throw error;
  }
}

/** The schema is not the one that this build needs. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
}

/** @throws {SchemaError} if a migration is missing; the message names it and says what to do */
export async function requireSchema(orm: MikroORM): Promise<void> {
  const missing = await missingMigrations(orm);
  if (missing.length > 0) {
    throw new SchemaError(
      `The schema is not up to date (missing: ${missing.join(', ')}): run \`npm run migration:up\` first.`,
    );
  }
}
