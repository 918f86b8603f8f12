import { Settings } from '../../src/config/settings.js';
import { createApp } from '../../src/create-app.js';
import { startApp } from '../support/app.js';
import { ServiceClient } from '../support/client.js';
import { useDatabase } from '../support/hooks.js';

const database = useDatabase();

/** Keeps the event loop busy, in turns long enough for the lag to be seen. */
function keepBusy(): { end: () => void } {
  const timer = setInterval(() => {
    const until = performance.now() + 150;
    while (performance.now() < until);
  }, 1);
  return { end: () => clearInterval(timer) };
}

const ENV = { LOG_LEVEL: 'silent', PORT: '0', METRICS_PORT: 'off' };
const body = { email: 'lorraine@hillvalley.edu' };

test('a service that is behind turns calls away, but not probes, and serves again when it has caught up', async () => {
  await using app = await startApp({ DATABASE_URL: database.url, MAX_EVENT_LOOP_DELAY_MS: '100' });
  const busy = keepBusy();
  let refused = await app.client.send<{ type: string }>('POST', '/identify', body);
  for (let tries = 0; tries < 30 && refused.status === 200; tries++) {
    refused = await app.client.send('POST', '/identify', body);
  }
  expect(refused).toMatchObject({ status: 503, body: { type: 'urn:problem:overloaded' } });
  expect(refused.headers.get('retry-after')).toBe('1');
  expect((await app.client.send('GET', '/health/live')).status).toBe(200);
  busy.end();
  expect((await app.client.identify(body)).emails).toEqual(['lorraine@hillvalley.edu']);
});

test('the first call is answered, however late the process was while it started', async () => {
  const settings = new Settings({ ...ENV, DATABASE_URL: database.url, MAX_EVENT_LOOP_DELAY_MS: '100' });
  const app = await createApp(settings);
  // longer than what is passed over, which begins when it listens
  const until = performance.now() + 2500;
  while (performance.now() < until);
  await app.listen(0, '127.0.0.1');
  const reply = await new ServiceClient(await app.getUrl()).send('POST', '/identify', body);
  await app.close();
  expect(reply.status).toBe(200);
});

test('with 0 it never turns calls away', async () => {
  await using app = await startApp({ DATABASE_URL: database.url, MAX_EVENT_LOOP_DELAY_MS: '0' });
  const busy = keepBusy();
  for (let tries = 0; tries < 10; tries++) {
    expect((await app.client.send('POST', '/identify', body)).status).toBe(200);
  }
  busy.end();
});
