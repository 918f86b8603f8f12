import type { MikroORM, Options } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '../open-database.js';
import { grantService } from './grants.js';

/**
 * Applies the migrations that the database lacks. Any number of processes may do so at once: each waits for the one
 * before it, and applies what is still missing then. All of a run is applied, or none of it.
 *
 * @param options the ORM's options for the purpose `migrate`
 * @param serviceRole role that is granted what replicas need; null: none
 * @returns the names of the migrations that were applied
 * @throws {SettingsError} if there is no such role; the migrations are applied all the same
 */
export async function migrate(
  options: Partial<Options>,
  serviceRole: string | null = null,
): Promise<string[]> {
  await using database = await openDatabase(options);
  const applied = await migrateWith(database.orm);
  if (serviceRole !== null) {
    await grantService(database.orm, serviceRole);
  }
  return applied;
}

/**
 * Behind a migration that waits for a lock on a table, everyone else who wants that table waits too. So it gives up soon,
 * lets them pass, and tries again.
 */
const LOCK_WAIT_MS = 500;
const LONGEST_PAUSE_MS = 1_000;
const RETRY_FOR_MS = 120_000;
const NO_LOCK = '55P03';

/** As {@link migrate}, on a connection that is open already. */
export async function migrateWith(orm: MikroORM): Promise<string[]> {
  await ensureMigrationTable(orm);
  const deadline = performance.now() + RETRY_FOR_MS;
  for (;;) {
    try {
      return await applyMissing(orm);
    } catch (error) {
      if ((error as { code?: unknown }).code !== NO_LOCK || performance.now() > deadline) {
        throw error;
      }
      await sleep(Math.random() * LONGEST_PAUSE_MS);
    }
  }
}

function applyMissing(orm: MikroORM): Promise<string[]> {
  return (orm.em.fork() as SqlEntityManager).transactional(async (em) => {
    // The lock makes runners take turns: pending migrations are looked up only once it is held.
    await em.execute('lock table mikro_orm_migrations in share row exclusive mode');
    await em.execute(`set local lock_timeout = ${LOCK_WAIT_MS}`);
    // Unlike the service, a migration may have to read a whole table.
    await em.execute('set local enable_seqscan = on');
    await em.execute('set local enable_bitmapscan = on');
    const applied = await orm.migrator.up({ transaction: em.getTransactionContext()! });
    return applied.map(({ name }) => name);
  });
}

/** PostgreSQL's answers to one who creates a table that another is creating at the same moment. */
const CREATED_BY_ANOTHER = new Set(['23505', '42P07', '42710']);

/** Creating a table is the one step that two runners can't do at once, even with `if not exists`. */
async function ensureMigrationTable(orm: MikroORM): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await orm.migrator.getExecuted();
      return;
    } catch (error) {
      if (tries === 20 || !CREATED_BY_ANOTHER.has(String((error as { code?: unknown }).code))) {
        throw error;
      }
    }
  }
}
