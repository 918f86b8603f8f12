import { PgliteConnection } from '@mikro-orm/pglite';
import { PostgreSqlConnection } from '@mikro-orm/postgresql';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { DatabaseUnavailableError } from './database-unavailable.error.js';
import { PgSession } from './pg-session.js';
import { PgliteSession } from './pglite-session.js';
import type { SqlSession } from './sql-session.js';
import { unavailability } from './unavailable.js';

/**
 * The session on the database that the entity manager is connected to.
 *
 * What it throws because the database can't serve is a {@link DatabaseUnavailableError}; every other error is the driver's.
 */
export async function openSession(em: SqlEntityManager): Promise<SqlSession> {
  const connection: unknown = em.getConnection();
  if (connection instanceof PgliteConnection) {
    return guarded(new PgliteSession(await connection.getNativeClient()));
  }
  if (connection instanceof PostgreSqlConnection) {
    return guarded(new PgSession(await connection.getNativeClient()));
  }
  throw new Error('the database is neither PostgreSQL nor the embedded one');
}

function guarded(session: SqlSession): SqlSession {
  return {
    query: (query) => session.query(query).catch(explain),
    transaction: (work) => session.transaction(work).catch(explain),
  };
}

function explain(error: unknown): never {
  const reason = unavailability(error);
  throw reason === null ? error : new DatabaseUnavailableError(reason, { cause: error });
}
