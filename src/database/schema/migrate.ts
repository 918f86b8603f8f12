import type { MikroORM, Options } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '../open-database.js';
import { grantService } from './grants.js';

/** Fills in what builds from before left empty, unless it was done; returns how many rows it filled in. */
export type Backfill = (orm: MikroORM) => Promise<number>;

/**
 * Applies the migrations that the database lacks. Any number of processes may do so at once: each waits for the one
 * before it, and applies what is still missing then. All of a run is applied, or none of it.
 *
 * @param options the ORM's options for the purpose `migrate`
 * @param serviceRole role that is granted what replicas need; null: none
 * @param backfill fills in what builds from before left empty; may be long, and is done after the rest
 * @returns the names of the migrations that were applied
 * @throws {SettingsError} if there is no such role; the migrations are applied all the same
 */
export async function migrate(
  options: Partial<Options>,
  serviceRole: string | null = null,
  backfill: Backfill | null = null,
): Promise<string[]> {
  await using database = await openDatabase(options);
  const applied = await migrateWith(database.orm);
  await patiently(async () => {
    if (serviceRole !== null) {
      await grantService(database.orm, serviceRole);
    }
    await backfill?.(database.orm);
  });
  return applied;
}

/**
 * Behind a migration that waits for a lock on a table, everyone else who wants that table waits too. So it gives up soon,
 * lets them pass, and tries again.
 */
const LOCK_WAIT_MS = 500;
const LONGEST_PAUSE_MS = 1_000;
const RETRY_FOR_MS = 120_000;
const CONNECT_FOR_MS = 15_000;
/** No lock in time, no free connection, a deadlock. */
const ANOTHER_IN_THE_WAY = new Set(['55P03', '53300', '40P01']);

/** As {@link migrate}, on a connection that is open already. */
export async function migrateWith(orm: MikroORM): Promise<string[]> {
  const applied: string[] = [];
  await patiently(async () => {
    await ensureMigrationTable(orm);
    applied.push(...(await applyMissing(orm)));
    await validateConstraints(orm);
  });
  return applied;
}

/**
 * Repeats work while it fails only because others are in its way: callers of the service, or so many other runners that
 * the server has no connection left, or no time to open one.
 */
async function patiently(work: () => Promise<void>): Promise<void> {
  const begun = performance.now();
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() - begun > patienceMs(error)) {
        throw error;
      }
      await sleep(Math.random() * LONGEST_PAUSE_MS);
    }
  }
}

/** How long an error is worth another try; 0: it is not. */
function patienceMs(error: unknown): number {
  const { code, message, cause } = error as { code?: unknown; message?: unknown; cause?: unknown };
  if (ANOTHER_IN_THE_WAY.has(String(code))) {
    return RETRY_FOR_MS;
  }
  // The driver tells of a connection that took too long only by the text.
  if (/^(timeout expired|Connection terminated due to connection timeout)/.test(String(message))) {
    return CONNECT_FOR_MS;
  }
  return cause === undefined ? 0 : patienceMs(cause);
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

/**
 * Has the constraints looked at that a migration added for new rows only. It may take long on a large table, but unlike
 * within the migration nobody has to wait for it.
 */
function validateConstraints(orm: MikroORM): Promise<void> {
  return (orm.em.fork() as SqlEntityManager).transactional(async (em) => {
    await em.execute('lock table mikro_orm_migrations in share row exclusive mode');
    await em.execute(`set local lock_timeout = ${LOCK_WAIT_MS}`);
    const constraints = await em.execute<{ table: string; name: string }[]>(
      `select conrelid::regclass::text as table, quote_ident(conname) as name from pg_constraint
        where not convalidated and connamespace = to_regnamespace(current_schema()) order by oid`,
    );
    for (const { table, name } of constraints) {
      await em.execute(`alter table ${table} validate constraint ${name}`);
    }
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
