import { setTimeout as sleep } from 'node:timers/promises';
import { tablesOf } from './tables.js';

const LOCK_WAIT_MS = 500;
const LOCK_TRIES = 60;
const LOCK_PAUSE_MS = 500;

/**
 * Does something while row level security does not bind the owner of the tables. It binds the service all the time.
 *
 * What changes while a shard moves is written by a subscription in the name of the owner. PostgreSQL refuses that under forced row
 * level security, so the move would never end.
 */
export async function withoutForce(admin, work) {
  const tables = (await tablesOf(admin)).filter(({ isOfTenant }) => isOfTenant).map(({ name }) => name);
  try {
    await alterAll(admin, tables, 'no force row level security');
    return await work();
  } finally {
    await forceAgain(admin).catch((error) => {
      throw new Error(
        `${error.message}. Row level security may not bind the owner of the tables now: run the command distribute.`,
      );
    });
  }
}

/** Binds the owner where it is not bound, such as after a move that was killed. Returns the names of these tables. */
export async function forceAgain(admin) {
  const loose = (await tablesOf(admin)).filter((table) => table.isOfTenant && !table.isForced);
  const names = loose.map(({ name }) => name);
  await alterAll(admin, names, 'force row level security');
  return names;
}

/** One table at a time, and with a short wait for its lock: whoever wants the table waits behind it. */
async function alterAll(admin, tables, action) {
  for (const table of tables) {
    await patiently(async () => {
      await admin.query('begin');
      try {
        await admin.query(`set local citus.multi_shard_modify_mode = 'sequential'`);
        await admin.query(`set local citus.propagate_set_commands = 'local'`);
        await admin.query(`set local lock_timeout = ${LOCK_WAIT_MS}`);
        await admin.query(`alter table ${table} ${action}`);
        await admin.query('commit');
      } catch (error) {
        await admin.query('rollback').catch(() => undefined);
        throw error;
      }
    });
  }
}

async function patiently(work) {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      // no lock in time, or a deadlock between nodes
      if (tries === LOCK_TRIES || !['55P03', '40P01'].includes(error.code)) {
        throw error;
      }
      await sleep(LOCK_PAUSE_MS);
    }
  }
}
