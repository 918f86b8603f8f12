import type { EntityManager } from '@mikro-orm/core';
import { PgliteConnection } from '@mikro-orm/pglite';
import { PostgreSqlConnection } from '@mikro-orm/postgresql';
import type { Tracer } from '../../telemetry/tracing/tracer.js';
import { startedTracing } from '../../telemetry/tracing/tracing.js';
import { PgSession } from './pg-session.js';
import { PgliteSession } from './pglite-session.js';
import type { SessionOptions, SqlSession, Query, Row, Transaction } from './sql-session.js';
import { DatabaseUnavailableError, unavailability } from './unavailable.js';

/**
 * Opens a session on the database of the entity manager. It connects with the first statement.
 *
 * If the database can't serve, the session throws a {@link DatabaseUnavailableError}. Every other error is the driver's.
 */
export function openSession(em: EntityManager): SqlSession {
  let opened: Promise<SqlSession> | null = null;
  const session = (): Promise<SqlSession> => (opened ??= connect(em));
  return {
    query: async (query, tenantId) => (await session()).query(query, tenantId).catch(explain),
    transaction: async (work, tenantId) => (await session()).transaction(work, tenantId).catch(explain),
  };
}

async function connect(em: EntityManager): Promise<SqlSession> {
  const native = await nativeSession(em);
  const tracing = startedTracing();
  return tracing === null ? native : new TracedSession(native, tracing);
}

async function nativeSession(em: EntityManager): Promise<SqlSession> {
  const connection: unknown = em.getConnection();
  if (connection instanceof PgliteConnection) {
    return new PgliteSession(await connection.getNativeClient());
  }
  if (connection instanceof PostgreSqlConnection) {
    const { session } = em.config.get('driverOptions') as { session: SessionOptions };
    return new PgSession(await connection.getNativeClient(), session);
  }
  throw new Error('the database is neither PostgreSQL nor the embedded one');
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
