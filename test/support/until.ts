import { setTimeout as sleep } from 'node:timers/promises';
import type { TestDatabase } from './database.js';

/** Waits until it is so; the time limit of the test ends it. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) {
    await sleep(20);
  }
}

/** Waits until so many connections to a database wait for a lock. */
export function untilLocked(database: TestDatabase, connections = 1): Promise<void> {
  return until(async () => {
    const waiting = await database.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return waiting.length >= connections;
  });
}
