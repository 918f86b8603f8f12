import type { MikroORM } from '@mikro-orm/core';
import { missingMigrations } from '../database/schema/schema-version.js';

/** The schema is not what this build needs. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
}

/** @throws {SchemaError} if a migration is missing, naming it and what to do */
export async function requireSchema(orm: MikroORM): Promise<void> {
  const missing = await missingMigrations(orm);
  if (missing.length > 0) {
    throw new SchemaError(
      `The schema is not up to date (missing: ${missing.join(', ')}): run \`npm run migration:up\` first.`,
    );
  }
}
