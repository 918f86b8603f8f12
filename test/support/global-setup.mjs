// Plain JavaScript, because Jest loads it outside of its transforms. Node itself strips the types of what it imports.
import { PostgresServer } from './postgres-server.ts';

/** Starts the PostgreSQL that all tests share, unless `TEST_DATABASE_URL` names one whose user may create databases. */
export default async function startDatabase() {
  if (!process.env.TEST_DATABASE_URL) {
    globalThis.testPostgres = await PostgresServer.start();
    process.env.TEST_DATABASE_URL = globalThis.testPostgres.url;
  }
}
