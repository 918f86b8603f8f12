import { PgliteConnection } from '@mikro-orm/pglite';
import { PostgreSqlConnection } from '@mikro-orm/postgresql';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Tracer } from '../../telemetry/tracing/tracer.js';
import { startedTracing } from '../../telemetry/tracing/tracing.js';
import { PgSession } from './pg-session.js';
import { PgliteSession } from './pglite-session.js';
import type { SessionOptions, SqlSession, Query, Row, Transaction } from './sql-session.js';
import { DatabaseUnavailableError, unavailability } from './unavailable.js';

/**
 * Opens a session on the database of the entity manager.
 *
 * If the database can't serve, the session throws a {@link DatabaseUnavailableError}. Every other error is the driver's.
 */
export async function openSession(em: SqlEntityManager): Promise<SqlSession> {
  const connection: unknown = em.getConnection();
  if (connection instanceof PgliteConnection) {
    return guarded(new PgliteSession(await connection.getNativeClient()));
  }
  if (connection instanceof PostgreSqlConnection) {
    const { session } = em.config.get('driverOptions') as { session: SessionOptions };
    return guarded(new PgSession(await connection.getNativeClient(), session));
  }
  throw new Error('the database is neither PostgreSQL nor the embedded one');
}

function guarded(native: SqlSession): SqlSession {
  const tracing = startedTracing();
  const session = tracing === null ? native : new TracedSession(native, tracing);
  return {
    query: (query, tenantId) => session.query(query, tenantId).catch(explain),
    transaction: (work, tenantId) => session.transaction(work, tenantId).catch(explain),
  };
}

function explain(error: unknown): never {
  const reason = unavailability(error);
  throw reason === null ? error : new DatabaseUnavailableError(reason, { cause: error });
}

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
