import { Settings } from '../../src/config/settings.js';
import { withEngine } from '../../src/database/engine.js';
import { openService } from '../../src/transfer/open-service.js';
import { startApp } from '../support/app.js';
import { useDatabase } from '../support/hooks.js';

const database = useDatabase();

test('the engine is found out unless it is set', async () => {
  expect(await engineOf({ DATABASE_URL: database.url })).toBe('postgresql');
  expect(await engineOf({ DATABASE_URL: database.url, DATABASE_ENGINE: 'citus' })).toBe('citus');
  expect(await engineOf({})).toBe('auto');
});

test('while the database is away the engine stays open, and the service starts', async () => {
  expect(await engineOf({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/away' })).toBe('auto');
});

test('with the setting of another engine the service is not ready and commands do not start', async () => {
  const env = { DATABASE_URL: database.url, DATABASE_ENGINE: 'citus' };
  const message = 'DATABASE_ENGINE is citus, but the database is not a Citus cluster';
  await using app = await startApp(env);
  expect(await app.client.send('GET', '/health/ready')).toMatchObject({
    status: 503,
    body: { error: { database: { status: 'down', message } } },
  });
  await expect(openService(new Settings(env), 1, null)).rejects.toThrow(message);
});

async function engineOf(env: Record<string, string>): Promise<string> {
  return (await withEngine(new Settings(env))).databaseEngine;
}
