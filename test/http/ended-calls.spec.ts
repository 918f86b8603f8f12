import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { useDatabase, useService } from '../support/hooks.js';
import { endedCalls, Scrape } from '../support/metrics.js';
import { openSocket, openUnread } from '../support/raw-socket.js';
import { until } from '../support/until.js';

const LARGE = '/docs/swagger-ui-bundle.js';

const database = useDatabase();
const service = useService(() => ({ DATABASE_URL: database.url }));

test('a flood is logged in one line', async () => {
  const sockets = await Promise.all(Array.from({ length: 20 }, () => unread(100)));
  sockets.forEach((socket) => socket.resume());
  await until(() => sockets.every(({ closed }) => closed));
  await Scrape.of(service);
  expect(service.output.match(/without reading an answer/g)).toHaveLength(1);
});

test('a call whose connection is reset before its answer comes to an end', async () => {
  const socket = await openSocket(
    service.client.url,
    'POST /identify HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
  );
  const [interim] = (await once(socket, 'data')) as [Buffer];
  expect(interim.toString()).toMatch(/^HTTP\/1\.1 100 /);
  socket.resetAndDestroy();
  await until(async () => (await ended('/identify')) > 0);
  expect(await ended('/identify')).toBe(1);
});

test('calls whose turn on their connection does not come end with the connection', async () => {
  const before = await ended(LARGE);
  const socket = await unread(20);
  socket.resetAndDestroy();
  await until(async () => (await ended(LARGE)) >= before + 20);
  expect(await ended(LARGE)).toBe(before + 20);
});

test('a connection on which too many calls wait for the answer of the first is ended', async () => {
  const socket = await unread(100);
  socket.resume();
  await once(socket, 'close');
  expect(socket.bytesRead).toBeLessThan(2e6);
});

test('a connection on which metrics are asked for again before they came is ended', async () => {
  const url = Scrape.urlOf(service);
  const socket = await openSocket(url, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(100));
  socket.resume();
  await once(socket, 'close');
  expect(socket.bytesRead).toBeLessThan(2e6);
});

test('callers who ask for the documentation and do not read it take neither descriptors nor memory', async () => {
  await service.client.send('GET', LARGE);
  const before = await resources();
  const sockets = await Promise.all(Array.from({ length: 40 }, () => unread(30)));
  await sleep(500);
  const { descriptors, megabytes } = await resources();
  sockets.forEach((socket) => socket.destroy());
  // Of 1,200 answers of 1.6 MB each: no more than the connections themselves, and what the kernel takes in is not ours.
  expect(descriptors - before.descriptors).toBeLessThanOrEqual(sockets.length + 10);
  expect(megabytes - before.megabytes).toBeLessThan(200);
});

async function resources(): Promise<{ descriptors: number; megabytes: number }> {
  const scrape = await Scrape.of(service);
  return {
    descriptors: scrape.value('process_open_fds'),
    megabytes: scrape.value('process_resident_memory_bytes') / 1e6,
  };
}

function unread(calls: number): Promise<Socket> {
  return openUnread(service.client.url, LARGE, calls);
}

async function ended(route: string): Promise<number> {
  return endedCalls(await Scrape.of(service), route);
}
