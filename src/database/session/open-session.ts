import { PgliteConnection } from '@mikro-orm/pglite';
import { PostgreSqlConnection } from '@mikro-orm/postgresql';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { startedTracing } from '../../telemetry/tracing/tracing.js';
import { DatabaseUnavailableError } from './unavailable.js';
import { PgSession } from './pg-session.js';
import { PgliteSession } from './pglite-session.js';
import type { SessionOptions, SqlSession } from './sql-session.js';
import { TracedSession } from './traced-session.js';
import { unavailability } from './unavailable.js';

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
