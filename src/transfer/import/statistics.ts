import type { SqlSession, Statement } from '../../database/session/sql-session.js';

/** A table that has more rows has statistics good enough, and analysing it takes longer. */
const KNOWN_FROM_ROWS = 10_000;
export const ANALYSE: Statement = {
  name: 'import_analyse',
  text: 'analyze (skip_locked) contact, contact_past, identifier, identity_merge, review',
};

/** The number of contacts that the planner knows of; -1: it was never told. */
export const KNOWN_ROWS: Statement = {
  name: 'import_known_rows',
  text: `select reltuples::float8 as rows from pg_class where oid = 'contact'::regclass`,
};

/**
 * Tells the planner how tables grow that an import fills. Until PostgreSQL 17 it takes a plan for an empty table that reads all
 * rows of a tenant to change a few, and keeps it until it is told otherwise: autovacuum does that after a minute, and never for
 * the temporary tables of a dry run.
 *
 * A role that does not own the tables gets a warning from the server, and autovacuum is waited for.
 */
export class Statistics {
  private batches = 0;
  private nextAt = 1;

  private constructor(private readonly session: SqlSession) {}

  /** @returns null: the tables are large already */
  static async of(session: SqlSession): Promise<Statistics | null> {
    const [row] = await session.query([KNOWN_ROWS], null);
    return Number(row!.rows) < KNOWN_FROM_ROWS ? new Statistics(session) : null;
  }

  /** Call it after each batch. It analyses after the first, the second, the fourth, and so on. */
  async afterBatch(): Promise<void> {
    this.batches++;
    if (this.batches === this.nextAt) {
      this.nextAt *= 2;
      // what is wrong with the database shows in the next batch
      await this.session.query([ANALYSE], null).catch(() => undefined);
    }
  }
}
