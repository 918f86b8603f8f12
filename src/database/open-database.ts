import { MikroORM, type Options } from '@mikro-orm/core';
import { PgliteDriver } from '@mikro-orm/pglite';
import { Logger } from '@nestjs/common';
import { holdDataDir } from './embedded/data-dir-lock.js';

/** The database of this process, until it is disposed. */
export interface OpenDatabase extends AsyncDisposable {
  readonly orm: MikroORM;
}

/**
 * Opens the database. It connects to PostgreSQL with the first statement. The folder of the embedded database belongs to
 * this process from now on.
 *
 * @param options as `ormOptions()` in mikro-orm.config.ts makes them
 * @throws {DataDirInUseError} if another process has the embedded database open
 * @throws {DataDirError} if its folder can't be used
 */
export async function openDatabase(options: Partial<Options>): Promise<OpenDatabase> {
  const release = await holdFolder(options);
  try {
    const logger = new Logger('Database');
    const orm = await MikroORM.init({
      colors: false,
      // The ORM's messages may quote values.
      logger: (message) => logger.debug(message),
      ...options,
    });
    return {
      orm,
      [Symbol.asyncDispose]: async () => {
        await orm.close();
        await release();
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Locks the folder of the embedded database for this process. Returns a function that releases it. */
export async function holdFolder({ driver, dbName }: Partial<Options>): Promise<() => Promise<void>> {
  return driver === PgliteDriver ? holdDataDir(dbName!) : async () => undefined;
}
