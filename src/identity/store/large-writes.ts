import type { Query, Row, Transaction } from '../../database/session/sql-session.js';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';

/** Rows that one statement changes: re-linking so many takes some 0.2 s, far less than a statement may take. */
const STATEMENT_ROWS = 5_000;
/** A transaction that changes more is given up after this. */
const LARGE_WRITE_WITHIN_MS = 60_000;

/** The rows of a write, as many at a time as one statement takes. */
export function partsOf<T>(rows: readonly T[]): (readonly T[])[] {
  return Array.from({ length: Math.ceil(rows.length / STATEMENT_ROWS) }, (_, i) =>
    rows.slice(i * STATEMENT_ROWS, (i + 1) * STATEMENT_ROWS),
  );
}

/**
 * The transaction itself, if one statement takes all rows; otherwise one that sends each statement when the one before
 * it is done. So each has the time of a statement to itself, and the transaction has its own limit.
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
