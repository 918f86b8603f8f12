import pg from 'pg';
import { startApp } from '../support/app.js';
import { createDatabase } from '../support/database.js';
import { useDatabase } from '../support/hooks.js';
import { until, untilLocked } from '../support/until.js';

const database = useDatabase();

const UP = { status: 'up' };

test('all probes are up once the service runs on a migrated database', async () => {
  await using app = await startApp({ DATABASE_URL: database.url });
  const live = {
    status: 200,
    body: { status: 'ok', info: { process: UP }, error: {}, details: { process: UP } },
  };
  expect(await app.client.send('GET', '/health')).toMatchObject(live);
  expect(await app.client.send('GET', '/health/live')).toMatchObject(live);
  expect(await app.client.send('GET', '/health/ready')).toMatchObject({
    status: 200,
    body: { status: 'ok', details: { process: UP, database: UP } },
  });
  expect(await app.client.send('GET', '/health/startup')).toMatchObject({
    status: 200,
    body: { details: { database: UP } },
  });
});

test('without its schema the service lives but is not ready, answers 503, and becomes ready when it is migrated', async () => {
  const empty = await createDatabase({ isMigrated: false });
  await using app = await startApp({ DATABASE_URL: empty.url });
  const down = {
    status: 503,
    body: {
      status: 'error',
      error: { database: { status: 'down', message: 'the database schema is missing or too old' } },
    },
  };
  expect(await app.client.send('GET', '/health/ready')).toMatchObject(down);
  expect(await app.client.send('GET', '/health/startup')).toMatchObject(down);
  expect(await app.client.send('GET', '/health/live')).toMatchObject({ status: 200 });
  expect(await app.client.send('POST', '/identify', { phoneNumber: '1' })).toMatchObject({
    status: 503,
    body: { type: 'urn:problem:database-unavailable' },
  });
  await using migrating = await startApp({ DATABASE_URL: empty.url, MIGRATE_ON_START: 'true' });
  await until(async () => (await migrating.client.send('GET', '/health/ready')).status === 200);
  await until(async () => (await app.client.send('GET', '/health/ready')).status === 200);
  expect(await app.client.identify({ phoneNumber: '1' })).toMatchObject({ primaryContactId: 1 });
  await app.close();
  await migrating.close();
  await empty.drop();
});

test('on a database that takes no writes the service is not ready', async () => {
  const url = new URL(database.url);
  url.searchParams.set('options', '-c default_transaction_read_only=on');
  await using standby = await startApp({ DATABASE_URL: url.href });
  expect(await standby.client.send('GET', '/health/ready')).toMatchObject({
    status: 503,
    body: { error: { database: { message: 'the database takes no writes' } } },
  });
});

test('while the database is not reachable the service lives, is not ready, and tells callers to try again', async () => {
  await using app = await startApp({ DATABASE_URL: 'postgres://app:hunter2@127.0.0.1:1/identity' });
  const ready = await app.client.send('GET', '/health/ready');
  expect(ready).toMatchObject({
    status: 503,
    body: { error: { database: { status: 'down', message: 'the database is not reachable' } } },
  });
  expect(JSON.stringify(ready.body)).not.toMatch(/hunter2|127\.0\.0\.1|app/);
  expect(await app.client.send('GET', '/health')).toMatchObject({ status: 200 });
  const refused = await app.client.send('POST', '/identify', { phoneNumber: '1' });
  expect(refused).toMatchObject({
    status: 503,
    body: { type: 'urn:problem:database-unavailable', status: 503 },
  });
  expect(refused.headers.get('retry-after')).toBe('1');
});

test('a pool that is fully in use does not take the service out', async () => {
  await using app = await startApp({ DATABASE_URL: database.url, DATABASE_POOL_MAX: '1' });
  const locker = new pg.Client({ connectionString: database.url });
  await locker.connect();
  await locker.query('begin; lock table identifier in access exclusive mode');
  const waiting = app.client.send('POST', '/identify', { phoneNumber: '1' });
  await untilLocked(database);
  expect(await app.client.send('GET', '/health/ready')).toMatchObject({ status: 200 });
  await locker.query('commit');
  await locker.end();
  expect(await waiting).toMatchObject({ status: 200 });
});

test('a table that stays locked is waited for, and then answered for with 503, until the service is not ready', async () => {
  await using app = await startApp({ DATABASE_URL: database.url });
  const locker = new pg.Client({ connectionString: database.url });
  await locker.connect();
  await locker.query('begin; lock table identifier, contact in access exclusive mode');
  const calls = Promise.all([
    app.client.send('POST', '/identify', { phoneNumber: '1' }),
    app.client.send('GET', '/contacts/1'),
    app.client.send('DELETE', '/contacts/1'),
    ...Array.from({ length: 7 }, (_, i) => app.client.send('POST', '/identify', { phoneNumber: `${i}` })),
  ]);
  expect((await calls).map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 503));
  expect(await app.client.send('GET', '/health/ready')).toMatchObject({
    status: 503,
    body: { error: { database: { message: 'every call has failed for seconds' } } },
  });
  const waiting = app.client.send('POST', '/identify', { phoneNumber: '1' });
  await untilLocked(database);
  await locker.query('commit');
  await locker.end();
  expect(await waiting).toMatchObject({ status: 200 });
  expect(await app.client.send('GET', '/health/ready')).toMatchObject({ status: 200 });
});

test('the pool is whole again after the server has ended all connections', async () => {
  await using app = await startApp({ DATABASE_URL: database.url, DATABASE_POOL_MAX: '2', BATCH_LANES: '2' });
  for (let round = 0; round < 5; round++) {
    const calls = Array.from({ length: 8 }, (_, i) =>
      app.client.send('POST', '/identify', { phoneNumber: `${round}${i}` }),
    );
    await database.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
    const statuses = (await Promise.all(calls)).map(({ status }) => status);
    expect(statuses.every((status) => status === 200 || status === 503)).toBe(true);
  }
  const after = await Promise.all(
    Array.from({ length: 8 }, (_, i) => app.client.send('POST', '/identify', { phoneNumber: `9${i}` })),
  );
  expect(after.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200));
});
