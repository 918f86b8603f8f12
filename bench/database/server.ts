import { startOwnServer, type DatabaseServer } from './own-server.js';

/** The server that `BENCH_DATABASE_URL` names, or one of our own. */
export function startDatabaseServer(): Promise<DatabaseServer> {
  const url = process.env.BENCH_DATABASE_URL;
  return url === undefined || url === ''
    ? startOwnServer()
    : Promise.resolve({ url, settings: ['as found'], stop: () => Promise.resolve() });
}
