import type { Socket } from 'node:net';
import { useDatabase, useService } from '../support/hooks.js';
import { endedCalls, Scrape } from '../support/metrics.js';
import { openSocket, openUnread } from '../support/raw-socket.js';
import { until } from '../support/until.js';

/** How long a client that does not get on is borne with. */
const CUT_WITHIN_MS = 10_000;
/** What a machine that is busy with other tests may add. */
const SLACK_MS = 3_000;
const DRIP_MS = 200;
const SLOW_SOCKETS = 500;
const CALLS = 300;
const CALLS_MS = 4_000;
const LARGE = '/docs/swagger-ui-bundle.js';
const UNREAD_CALLS = 20;

const HEADERS = 'POST /identify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';

const database = useDatabase();
const service = useService(() => ({ DATABASE_URL: database.url }));

/** Each begins with some bytes, and goes on with the same few every 200 ms. */
const SLOW: Readonly<Record<string, readonly [begin: string, drip: string]>> = {
  idle: ['', ''],
  'in the middle of the request line': ['POST /iden', ''],
  'with a header a drip': [HEADERS, 'X-Drip: 1\r\n'],
  'with a header that does not end': [`${HEADERS}X-Drip: `, 'x'],
  'with a body a drip': [`${HEADERS}Content-Length: 5000\r\n\r\n{"email":"`, 'x'],
  'with a chunked body a drip': [`${HEADERS}Transfer-Encoding: chunked\r\n\r\n`, '1\r\nx\r\n'],
  'with a body that never comes': [`${HEADERS}Content-Length: 10\r\n\r\n`, ''],
};

/** Nothing is read on it from the first test on. It is cut last, so the others wait in the meantime. */
let unread: Socket;
beforeAll(async () => {
  unread = await openUnread(service.client.url, LARGE, UNREAD_CALLS);
});

test('a client that does not get on is cut, and told why', async () => {
  const metrics = Scrape.urlOf(service);
  const cutOfMetrics = Promise.all(['', 'GET /met'].map((begin) => borne(metrics, begin, '')));
  const all = await Promise.all(
    Object.entries(SLOW).map(async ([how, [begin, drip]]) => ({
      how,
      ...(await borne(service.client.url, begin, drip)),
    })),
  );
  for (const { how, answer, cutAfterMs } of all) {
    process.stdout.write(`slow clients: cut after ${(cutAfterMs / 1000).toFixed(1)} s: ${how}\n`);
    expect([how, answer]).toEqual([
      how,
      expect.stringMatching(/^HTTP\/1\.1 408 [^]*application\/problem\+json[^]*"status":408/),
    ]);
  }
  for (const { cutAfterMs } of [...all, ...(await cutOfMetrics)]) {
    expect(cutAfterMs).toBeLessThan(CUT_WITHIN_MS + SLACK_MS);
  }
});

test('while hundreds of slow clients hang on, all others are served', async () => {
  const before = await latencies();
  const [begin] = SLOW['with a body that never comes']!;
  const slow = await Promise.all(
    Array.from({ length: SLOW_SOCKETS }, () => openSocket(service.client.url, begin)),
  );
  const beside = await latencies();
  const open = slow.filter(({ closed, readableLength }) => !closed && readableLength === 0).length;
  slow.forEach((socket) => socket.destroy());
  const [alone, among] = [p99(before), p99(beside)];
  process.stdout.write(
    `slow clients: p99 ${alone.toFixed(1)} ms alone, ${among.toFixed(1)} ms beside ${open}: × ${(among / alone).toFixed(2)}\n`,
  );
  expect(open).toBeGreaterThan(SLOW_SOCKETS / 2);
});

test('a client that sends and does not read is cut', async () => {
  await until(async () => endedCalls(await Scrape.of(service), LARGE) >= UNREAD_CALLS);
  expect(endedCalls(await Scrape.of(service), LARGE)).toBe(UNREAD_CALLS);
  unread.destroy();
});

/** Begins, and drips until the service ends the connection. */
async function borne(
  url: string,
  begin: string,
  drip: string,
): Promise<{ answer: string; cutAfterMs: number }> {
  const startedAt = performance.now();
  const socket = await openSocket(url, begin);
  return new Promise((resolve) => {
    let answer = '';
    const timer = setInterval(() => drip === '' || socket.write(drip), DRIP_MS);
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.on('close', () => {
      clearInterval(timer);
      resolve({ answer, cutAfterMs: performance.now() - startedAt });
    });
  });
}

/** Of calls one after the other, in ms; each is answered. They end while the slow ones are still there. */
async function latencies(): Promise<number[]> {
  const found: number[] = [];
  const end = performance.now() + CALLS_MS;
  for (let i = 0; i < CALLS && performance.now() < end; i++) {
    const startedAt = performance.now();
    const { status } = await service.client.send('POST', '/identify', { phoneNumber: `${i}` });
    found.push(performance.now() - startedAt);
    expect(status).toBe(200);
  }
  return found;
}

function p99(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)]!;
}
