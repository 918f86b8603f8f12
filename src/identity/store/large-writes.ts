import type { Query, Row, Transaction } from '../../database/session/sql-session.js';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';

/** The most rows that one statement changes. Re-linking them takes about 0.2 s, far below the statement timeout. */
const STATEMENT_ROWS = 5_000;
/** A transaction that needs several statements is rolled back after this. */
const LARGE_WRITE_WITHIN_MS = 60_000;

/** The rows of a write, in portions for one statement each. */
export function partsOf<T>(rows: readonly T[]): (readonly T[])[] {
  return Array.from({ length: Math.ceil(rows.length / STATEMENT_ROWS) }, (_, i) =>
    rows.slice(i * STATEMENT_ROWS, (i + 1) * STATEMENT_ROWS),
  );
}

/**
 * The transaction itself, if one statement is enough; otherwise one that sends each statement when the one before it is done.
 * So each statement has its own timeout, and the transaction has its own limit.
 */
export function inSteps(transaction: Transaction, rows: number): Transaction {
  if (rows <= STATEMENT_ROWS) {
    return transaction;
  }
  const deadline = performance.now() + LARGE_WRITE_WITHIN_MS;
  const send = async (...queries: Query[]): Promise<Row[][]> => {
    const results: Row[][] = [];
    for (const query of queries) {
      if (performance.now() > deadline) {
        throw new DatabaseUnavailableError('the database takes too long to write so many contacts');
      }
      results.push(...(await transaction.send(query)));
    }
    return results;
  };
  return {
    send,
    commit: async (...queries) => [
      ...(await send(...queries.slice(0, -1))),
      ...(await transaction.commit(...queries.slice(-1))),
    ],
  };
}
