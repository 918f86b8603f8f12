import { PgliteConnection } from '@mikro-orm/pglite';
import { PostgreSqlConnection } from '@mikro-orm/postgresql';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { PgSession } from './pg-session.js';
import { PgliteSession } from './pglite-session.js';
import type { SqlSession } from './sql-session.js';

/** The session on the database that the entity manager is connected to. */
export async function openSession(em: SqlEntityManager): Promise<SqlSession> {
  const connection: unknown = em.getConnection();
  if (connection instanceof PgliteConnection) {
    return new PgliteSession(await connection.getNativeClient());
  }
  if (connection instanceof PostgreSqlConnection) {
    return new PgSession(await connection.getNativeClient());
  }
  throw new Error('the database is neither PostgreSQL nor the embedded one');
}
