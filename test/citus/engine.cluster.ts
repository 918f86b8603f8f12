import { Settings } from '../../src/config/settings.js';
import { withEngine } from '../../src/database/engine.js';
import { openService } from '../../src/transfer/open-service.js';
import { TcpProxy } from '../faults/harness/tcp-proxy.js';
import { startApp } from '../support/app.js';
import { createClusterDatabase, type ClusterDatabase } from '../support/cluster.js';

let cluster: ClusterDatabase;

beforeAll(async () => {
  cluster = await createClusterDatabase();
}, 120_000);

afterAll(() => cluster.drop());

test('the service finds out that it runs on a cluster, and reads a row through a worker before it is ready', async () => {
  expect((await withEngine(new Settings({ DATABASE_URL: cluster.serviceUrl }))).databaseEngine).toBe('citus');
  expect(await readinessOf({ DATABASE_URL: cluster.serviceUrl })).toMatchObject({ status: 200 });
});

test('with the setting of another engine it is not ready', async () => {
  const message = 'the database is a Citus cluster: set DATABASE_ENGINE=citus';
  expect(
    await readinessOf({ DATABASE_URL: cluster.serviceUrl, DATABASE_ENGINE: 'postgresql' }),
  ).toMatchObject({ status: 503, body: { error: { database: { message } } } });
});

test('through a worker it is not ready, because ids would be of another range there', async () => {
  const message = 'DATABASE_URL leads to a worker of the Citus cluster: it must lead to the coordinator';
  expect(await readinessOf({ DATABASE_URL: cluster.workerUrl })).toMatchObject({
    status: 503,
    body: { error: { database: { message } } },
  });
});

test('a command waits until a busy cluster lets it in', async () => {
  const proxy = await TcpProxy.start(cluster.ownerUrl);
  try {
    // two seconds and more for the first answer
    proxy.latencyMs = 1_100;
    setTimeout(() => (proxy.latencyMs = 0), 2_500);
    const settings = new Settings({ DATABASE_URL: proxy.through(cluster.ownerUrl) });
    await using service = await openService(settings, 1, null);
    expect(service.tenantId).toBe(1);
  } finally {
    await proxy.close();
  }
});

async function readinessOf(env: Record<string, string>): Promise<unknown> {
  await using app = await startApp(env);
  return await app.client.send('GET', '/health/ready');
}
