import { setTimeout as sleep } from 'node:timers/promises';
import { startApp } from '../support/app.js';
import { createDatabase } from '../support/database.js';
import { administerKeys } from '../support/keys.js';

test('while one tenant floods the service, a calm one is always served', async () => {
  const database = await createDatabase();
  const keys = await administerKeys(database.url);
  await keys.createTenant('calm');
  const [flooding, calm] = [await keys.make(), await keys.make({ tenant: 'calm' })];
  await keys.close();
  await using app = await startApp({
    DATABASE_URL: database.url,
    AUTH_MODE: 'api-key',
    QUEUE_MAX: '20',
    BATCH_MAX: '10',
  });
  let isOver = false;
  const statuses: number[] = [];
  const flood = Array.from({ length: 100 }, async (_, caller) => {
    for (let i = 0; !isOver; i++) {
      const body = { email: `flood-${caller}-${i}@hillvalley.edu` };
      const { status } = await app.client.send('POST', '/identify', body, { 'x-api-key': flooding });
      statuses.push(status);
      // Patience only for the sake of this process, which is the caller too.
      await sleep(status === 503 ? 50 : 0);
    }
  });
  const answers: number[] = [];
  for (let i = 0; i < 20; i++) {
    const body = { email: `calm-${i}@hillvalley.edu` };
    answers.push((await app.client.send('POST', '/identify', body, { 'x-api-key': calm })).status);
  }
  isOver = true;
  await Promise.all(flood);
  expect(answers).toEqual(Array.from({ length: 20 }, () => 200));
  expect(new Set(statuses)).toEqual(new Set([200, 503]));
  await app.close();
  await database.drop();
});
