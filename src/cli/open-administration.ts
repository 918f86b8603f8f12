import type { SqlEntityManager } from '@mikro-orm/sql';
import { Logger } from '@nestjs/common';
import 'reflect-metadata';
import { ormOptions } from '../../mikro-orm.config.js';
import { KeyAdministration } from '../access/key-administration.js';
import { loadSettings } from '../config/load-settings.js';
import { withEngine } from '../database/engine.js';
import { openDatabase } from '../database/open-database.js';
import { requireSchema } from '../database/schema/schema-version.js';

/**
 * Opens the database for one command about tenants and keys, and closes it. If the command fails, nothing was changed.
 *
 * @throws {DataDirInUseError} if the embedded database is open in another process
 * @throws {SchemaError} if the schema is not up to date
 */
export async function administer<T>(
  env: NodeJS.ProcessEnv,
  work: (administration: KeyAdministration) => Promise<T>,
): Promise<T> {
  // The standard output is for results.
  Logger.overrideLogger(false);
  await using database = await openDatabase(ormOptions(await withEngine(loadSettings(env)), 'migrate'));
  await requireSchema(database.orm);
  const em = database.orm.em.fork() as SqlEntityManager;
  return await em.transactional((transaction) => work(new KeyAdministration(transaction)));
}
