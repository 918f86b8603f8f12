// Plain JavaScript, because Jest loads it outside of its transforms. Node itself strips the types of what it imports.
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { PostgresServer } from './postgres-server.ts';

/**
 * Starts the PostgreSQL that all tests share, unless `TEST_DATABASE_URL` names one whose user may create databases, and
 * names what its processes share: the template of migrated databases, and a cache of compiled code, without which each
 * service and command that a test starts would compile all of it again.
 */
export default async function startDatabase() {
  process.env.TEST_TEMPLATE = `test_template_${randomBytes(6).toString('hex')}`;
  process.env.NODE_COMPILE_CACHE = resolve('node_modules/.cache/compiled');
  if (!process.env.TEST_DATABASE_URL) {
    globalThis.testPostgres = await PostgresServer.start();
    process.env.TEST_DATABASE_URL = globalThis.testPostgres.url;
  }
}
