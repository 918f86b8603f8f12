import type { PGlite, Transaction as PgliteTransaction } from '@electric-sql/pglite';
import type { Query, Row, SqlSession, Transaction } from './sql-session.js';

/**
 * On the embedded database: in process, one connection, transactions one after another. Only the statements keep tenants
 * apart: the one user of the embedded database is a superuser, and row level security does not bind superusers.
 */
export class PgliteSession implements SqlSession {
  constructor(private readonly database: PGlite) {}

  async query([{ text }, ...values]: Query): Promise<Row[]> {
    return (await this.database.query<Row>(text, values)).rows;
  }

  async transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.database.transaction(async (transaction) => {
      let isCommitted = false;
      const result = await work({
        send: (...queries) => inOrder(transaction, queries),
        commit: async (...queries) => {
          const results = await inOrder(transaction, queries);
          isCommitted = true;
          return results;
        },
      });
      if (!isCommitted) {
        await transaction.rollback();
      }
      return result;
    });
  }
}

async function inOrder(transaction: PgliteTransaction, queries: Query[]): Promise<Row[][]> {
  const results: Row[][] = [];
  for (const [{ text }, ...values] of queries) {
    results.push((await transaction.query<Row>(text, values)).rows);
  }
  return results;
}
