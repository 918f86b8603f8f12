import type { Tracer } from '../../telemetry/tracing/tracer.js';
import type { Query, Row, SqlSession, Transaction } from './sql-session.js';

/** A session that traces each statement by its name. Values never get into a trace. */
export class TracedSession implements SqlSession {
  constructor(
    private readonly session: SqlSession,
    private readonly tracer: Tracer,
  ) {}

  query(query: Query, tenantId: number | null): Promise<Row[]> {
    return this.tracer.inStatements(namesOf([query]), () => this.session.query(query, tenantId));
  }

  transaction<T>(work: (transaction: Transaction) => Promise<T>, tenantId: number | null): Promise<T> {
    return this.tracer.inStatements(['transaction'], () =>
      this.session.transaction((transaction) => work(this.traced(transaction)), tenantId),
    );
  }

  private traced(transaction: Transaction): Transaction {
    return {
      send: (...queries) => this.tracer.inStatements(namesOf(queries), () => transaction.send(...queries)),
      commit: (...queries) =>
        this.tracer.inStatements([...namesOf(queries), 'commit'], () => transaction.commit(...queries)),
    };
  }
}

function namesOf(queries: readonly Query[]): string[] {
  return queries.map(([{ name }]) => name);
}
