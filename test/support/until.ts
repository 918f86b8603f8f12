import { setTimeout as sleep } from 'node:timers/promises';
import type { TestDatabase } from './database.js';

/** Waits until it is so; the time limit of the test ends it. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) {
    await sleep(20);
  }
}

/** On a cluster, those of all its nodes: one that asks the coordinator may wait on another node. */
const ACTIVITY = process.env.CITUS_URL === undefined ? 'pg_stat_activity' : 'citus_stat_activity';

/** Waits until so many connections to a database wait for a lock. */
export function untilLocked(database: TestDatabase, connections = 1): Promise<void> {
  return until(async () => {
    const waiting = await database.query(
      `select pid from ${ACTIVITY} where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return waiting.length >= connections;
  });
}

/** Waits until no other connection to a database carries out a statement or has a transaction open. */
export function untilNobodyWrites(database: TestDatabase): Promise<void> {
  return until(async () => {
    const busy = await database.query(
      `select from pg_stat_activity
        where datname = current_database() and backend_type = 'client backend' and state <> 'idle' and pid <> pg_backend_pid()`,
    );
    return busy.length === 0;
  });
}
