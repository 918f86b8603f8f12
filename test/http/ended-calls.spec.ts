import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { useDatabase, useService } from '../support/hooks.js';
import { Scrape } from '../support/metrics.js';
import { openSocket } from '../support/raw-socket.js';

const LARGE = '/docs/swagger-ui-bundle.js';
/** Twice the time after which a connection on which nothing moves is ended, and the slack of a busy machine. */
const STALLED_FOR_MS = 30_000;

const database = useDatabase();
const service = useService(() => ({ DATABASE_URL: database.url }));

test('a call whose connection is reset before its answer comes to an end', async () => {
  const socket = await openSocket(
    service.client.url,
    'POST /identify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
  );
  expect(await opened(1)).toBe(true);
  await sleep(200);
  socket.resetAndDestroy();
  expect(await comesTrue(async () => (await ended('/identify')) === 1)).toBe(true);
});

test('calls whose turn on their connection does not come end with the connection', async () => {
  const socket = await stalled(20);
  await sleep(500);
  socket.resetAndDestroy();
  expect(await comesTrue(async () => (await ended(LARGE)) === 20)).toBe(true);
});

test('a connection on which too many calls wait for the answer of the first is ended', async () => {
  const socket = await stalled(100);
  await sleep(500);
  socket.resume();
  expect(await comesTrue(() => Promise.resolve(socket.closed))).toBe(true);
});

test('a connection on which metrics are asked for again before they came is ended', async () => {
  const url = Scrape.urlOf(service);
  const socket = await openSocket(url, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(100));
  socket.resume();
  expect(await comesTrue(() => Promise.resolve(socket.closed), 3_000)).toBe(true);
});

test('a client that sends and does not read is cut', async () => {
  const socket = await stalled(20);
  expect(await opened(1)).toBe(true);
  expect(await opened(0, STALLED_FOR_MS)).toBe(true);
  socket.destroy();
});

test('callers who ask for the documentation and do not read it take neither descriptors nor memory', async () => {
  await service.client.send('GET', LARGE);
  const before = await resources();
  const sockets = await Promise.all(Array.from({ length: 40 }, () => stalled(30)));
  await sleep(500);
  const { descriptors, megabytes } = await resources();
  sockets.forEach((socket) => socket.destroy());
  // Of 1,200 answers of 1.6 MB each: no more than the connections themselves, and what the kernel takes in is not ours.
  expect(descriptors - before.descriptors).toBeLessThanOrEqual(sockets.length + 10);
  expect(megabytes - before.megabytes).toBeLessThan(200);
});

test('a flood is logged in one line', async () => {
  const sockets = await Promise.all(Array.from({ length: 20 }, () => stalled(100)));
  await sleep(500);
  sockets.forEach((socket) => socket.destroy());
  expect(service.output.match(/without reading an answer/g)).toHaveLength(1);
});

async function resources(): Promise<{ descriptors: number; megabytes: number }> {
  const scrape = await Scrape.of(service);
  return {
    descriptors: scrape.value('process_open_fds'),
    megabytes: scrape.value('process_resident_memory_bytes') / 1e6,
  };
}

/** A connection with so many calls, of which no answer is read. */
async function stalled(calls: number): Promise<Socket> {
  const socket = await openSocket(
    service.client.url,
    `GET ${LARGE} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(calls),
  );
  return socket.pause();
}

/** Calls of a route that have come to an end, answered or not. */
async function ended(route: string): Promise<number> {
  return (await Scrape.of(service)).value('http_request_duration_seconds_count', { route });
}

function opened(connections: number, withinMs?: number): Promise<boolean> {
  return comesTrue(
    async () => (await Scrape.of(service)).value('http_connections') === connections,
    withinMs,
  );
}

/** Whether something is so, now or soon. */
async function comesTrue(isSo: () => Promise<boolean>, withinMs = 5_000): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) {
      return false;
    }
    await sleep(50);
  }
  return true;
}
