import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import { useDatabase } from './support/hooks.js';
import { ServiceProcess } from './support/service-process.js';
import { until, untilLocked } from './support/until.js';

const database = useDatabase();

test.each(['SIGTERM', 'SIGINT'] as const)(
  'on %s calls under way and waiting sightings are answered, the port is closed, and the exit code is 0',
  async (signal) => {
    const service = await ServiceProcess.start({ DATABASE_URL: database.url, BATCH_LANES: '1' });
    const locker = new pg.Client({ connectionString: database.url });
    await locker.connect();
    await locker.query('begin; lock table identifier in access exclusive mode');
    const calls = Array.from({ length: 20 }, (_, i) =>
      service.client.identify({ phoneNumber: `${signal.length}${i}` }),
    );
    await untilLocked(database);
    const exit = service.end(signal);
    await until(async () => (await statusOf(service, '/health/ready')) !== 200);
    await locker.query('commit');
    await locker.end();
    expect(await Promise.all(calls)).toHaveLength(20);
    expect(await exit).toBe(0);
    await expect(service.client.identify({ phoneNumber: '1' })).rejects.toThrow();
  },
);

test('callers on connections kept alive see no broken call while the service shuts down', async () => {
  const service = await ServiceProcess.start({ DATABASE_URL: database.url });
  const { port } = new URL(service.client.url);
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const broken: unknown[] = [];
  let isRefused = false;
  let answered = 0;
  const caller = async (_: unknown, index: number): Promise<void> => {
    while (!isRefused) {
      const call = get(agent, Number(port), `/contacts/${index + 1}`).then(() => answered++);
      await call.catch((error: NodeJS.ErrnoException) => {
        isRefused = true;
        // A connection of its own that is not taken any more is refused, not broken.
        if (error.cause === 'reused') {
          broken.push(error.code);
        }
      });
    }
  };
  const callers = Array.from({ length: 32 }, caller);
  await until(() => answered > 500);
  expect(await service.end('SIGTERM')).toBe(0);
  await Promise.all(callers);
  agent.destroy();
  expect(broken).toEqual([]);
});

test('readiness tells of a shutdown before the port is closed, in time for a balancer that asks twice a second', async () => {
  const service = await ServiceProcess.start({ DATABASE_URL: database.url });
  await until(async () => (await statusOf(service, '/health/ready')) === 200);
  const exit = service.end('SIGTERM');
  await until(async () => (await statusOf(service, '/health/ready')) !== 200);
  // until the balancer has asked again
  await sleep(500);
  expect(await statusOf(service, '/health/live')).toBe(200);
  expect(await exit).toBe(0);
});

test('an idle keep-alive connection does not delay the shutdown', async () => {
  const service = await ServiceProcess.start({ DATABASE_URL: database.url });
  const { port } = new URL(service.client.url);
  const idle = connect(Number(port), '127.0.0.1');
  await service.client.identify({ phoneNumber: '1' });
  const before = performance.now();
  expect(await service.end('SIGTERM')).toBe(0);
  expect(performance.now() - before).toBeLessThan(5_000);
  idle.destroy();
});

test('a wrong configuration is refused with every mistake, without a stack and without a value', async () => {
  const env = { PORT: 'http', DATABASE_URL: 'mysql://root:hunter2@db/x', BATCH_MAX: '0' };
  const { code, output } = await ServiceProcess.startAndFail(env);
  expect(code).toBe(1);
  expect(output).toMatch(/PORT must be[^]*DATABASE_URL must be[^]*BATCH_MAX must be/);
  expect(output).not.toMatch(/hunter2|\s+at /);
});

test('a port in use is named', async () => {
  const service = await ServiceProcess.start({ DATABASE_URL: database.url });
  const { port } = new URL(service.client.url);
  const { code, output } = await ServiceProcess.startAndFail({ DATABASE_URL: database.url, PORT: port });
  expect(code).toBe(1);
  expect(output).toContain(`EADDRINUSE: address already in use 127.0.0.1:${port}; see HOST and PORT`);
  await service.end('SIGTERM');
});

/** Run before a process: `localhost` is two addresses. */
const TWO_ADDRESSES = `
  import dns from 'node:dns';
  import { syncBuiltinESMExports } from 'node:module';
  const addresses = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }));
  const { lookup } = dns;
  dns.lookup = (host, options, done) =>
    host === 'localhost' && options.all ? done(null, addresses) : lookup(host, options, done);
  syncBuiltinESMExports();
`;

test('with a host name of several addresses the service listens on the first of them alone', async () => {
  const service = await ServiceProcess.start({
    DATABASE_URL: database.url,
    HOST: 'localhost',
    NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(TWO_ADDRESSES)}"`,
  });
  try {
    const { port } = new URL(service.client.url);
    const statuses = ['127.0.0.1', '127.0.0.2'].map((address) =>
      fetch(`http://${address}:${port}/health`).then(
        ({ status }) => status,
        () => null,
      ),
    );
    expect(await Promise.all(statuses)).toEqual([200, null]);
  } finally {
    await service.end('SIGTERM');
  }
});

test('a database that is not reachable is said once and in a sentence, and the service goes on trying', async () => {
  const service = await ServiceProcess.start({
    DATABASE_URL: 'postgres://marty:hunter2@127.0.0.1:1/nothing',
  });
  await sleep(2_500);
  expect(service.output.match(/the database is not reachable/g)).toHaveLength(1);
  expect(service.output).not.toMatch(/hunter2|\n\s+at /);
  expect(await service.end('SIGTERM')).toBe(0);
});

/** On a connection of its own. */
async function statusOf({ client }: ServiceProcess, path: string): Promise<number> {
  return (await client.send('GET', path, undefined, { connection: 'close' })).status;
}

function get(agent: Agent, port: number, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request({ agent, port, path, host: '127.0.0.1' }, (response) => {
      response.resume().once('end', resolve).once('error', reject);
    });
    call
      .once('error', (error) =>
        reject(Object.assign(error, { cause: call.reusedSocket ? 'reused' : 'fresh' })),
      )
      .end();
  });
}
