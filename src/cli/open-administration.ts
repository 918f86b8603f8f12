import { MikroORM } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import 'reflect-metadata';
import { ormOptions } from '../../mikro-orm.config.js';
import { KeyAdministration } from '../access/key-administration.js';
import { loadSettings } from '../config/load-settings.js';
import { holdDataDir } from '../database/embedded/data-dir-lock.js';
import { requireSchema } from '../database/schema/schema-version.js';

/**
 * Opens the database for one command about tenants and keys, and closes it. If the command fails, nothing was changed.
 *
 * @throws {DataDirInUseError} if the embedded database is open in another process
 * @throws {SchemaError} if the schema is not up to date
 */
export async function administer<T>(work: (administration: KeyAdministration) => Promise<T>): Promise<T> {
  const settings = loadSettings();
  const release = settings.databaseUrl === null ? await holdDataDir(settings.dataDir) : async () => undefined;
  try {
    const orm = await MikroORM.init({
      ...ormOptions(settings, 'migrate'),
      colors: false,
      logger: () => undefined,
    });
    try {
      await requireSchema(orm);
      return await (orm.em.fork() as SqlEntityManager).transactional((em) => work(new KeyAdministration(em)));
    } finally {
      await orm.close();
    }
  } finally {
    await release();
  }
}
