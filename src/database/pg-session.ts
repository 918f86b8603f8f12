import type { Pool, PoolClient, QueryResult } from 'pg';
import type { Query, Row, SqlSession, Transaction } from './sql-session.js';

/** On PostgreSQL: named prepared statements, and several statements a round trip. */
export class PgSession implements SqlSession {
  constructor(private readonly pool: Pool) {}

  async query(query: Query): Promise<Row[]> {
    return (await this.pool.query(prepared(query))).rows as Row[];
  }

  async transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    const transaction = new PgTransaction(client);
    try {
      return await work(transaction);
    } finally {
      // A connection that can't even roll back is closed: its slot in the pool is free again at once.
      const isUsable = await transaction.end();
      client.release(!isUsable);
    }
  }
}

class PgTransaction implements Transaction {
  private state: 'new' | 'open' | 'ended' | 'broken' = 'new';

  constructor(private readonly client: PoolClient) {}

  async send(...queries: Query[]): Promise<Row[][]> {
    return (await this.pipeline(queries)).map(({ rows }) => rows as Row[]);
  }

  async commit(...queries: Query[]): Promise<void> {
    const results = await this.pipeline(queries, 'commit');
    this.state = 'ended';
    // The server answers COMMIT of a failed transaction with success and the tag ROLLBACK.
    const tag = results.at(-1)?.command;
    if (tag !== 'COMMIT') {
      throw new Error(`the transaction ended with ${String(tag)} in place of COMMIT`);
    }
  }

  async end(): Promise<boolean> {
    if (this.state !== 'open') {
      return this.state !== 'broken';
    }
    return this.client.query('rollback').then(
      () => true,
      () => false,
    );
  }

  private async pipeline(queries: Query[], last?: 'commit'): Promise<QueryResult[]> {
    const sent: Promise<QueryResult>[] = [];
    if (this.state === 'new') {
      sent.push(this.client.query('begin'));
      this.state = 'open';
    }
    const own = sent.length;
    sent.push(...queries.map((query) => this.client.query(prepared(query))));
    if (last !== undefined) {
      sent.push(this.client.query(last));
    }
    // All must settle before the connection is used again; the first to fail is the cause, the rest its echo.
    const settled = await Promise.allSettled(sent);
    const failed = settled.find((result) => result.status === 'rejected');
    if (failed !== undefined) {
      // Without a severity it is not the server that answers: a rollback would only wait for it once more.
      if ((failed.reason as { severity?: unknown }).severity === undefined) {
        this.state = 'broken';
      }
      throw failed.reason;
    }
    return settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])).slice(own);
  }
}

function prepared([{ name, text }, ...values]: Query): { name: string; text: string; values: unknown[] } {
  return { name, text, values };
}
