import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Settings } from '../../../src/config/settings.js';
import { Sender, type Resolve } from '../../../src/events/webhooks/sender.js';

// The receivers of these tests listen on loopback. So the allowed network is what makes them reachable, and whatever is not
// allowed must be refused although something listens there.

const LOOPBACK = new Settings({ WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8' }).webhookAllowedNetworks;
const closers: (() => Promise<unknown>)[] = [];
const calls: { url: string; headers: NodeJS.Dict<string | string[]>; body: string }[] = [];

async function listen(answer: RequestListener): Promise<number> {
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { url = '', headers } = request;
      calls.push({ url, headers, body: Buffer.concat(chunks).toString() });
      answer(request, response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return (server.address() as AddressInfo).port;
}

function sender(allowed = LOOPBACK, resolve?: Resolve, attemptMs?: number): Sender {
  const made = new Sender(allowed, resolve, attemptMs);
  closers.push(() => made.onApplicationShutdown());
  return made;
}

/** A resolver that gives these addresses, one list after another and the last for ever. */
function resolving(...answers: readonly (readonly string[])[]): { resolve: Resolve; asked: string[] } {
  const asked: string[] = [];
  const resolve: Resolve = async (hostname) => {
    const addresses = answers[Math.min(asked.push(hostname), answers.length) - 1]!;
    return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  };
  return { resolve, asked };
}

/** A resolver that knows no name. */
const UNKNOWN: Resolve = async () => [];

const message = (url: string) => ({ url, headers: { 'webhook-id': 'msg_1' }, body: '{"type":"x"}' });

beforeEach(() => calls.splice(0));
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) {
    await close();
  }
});

test('a message arrives with its headers, and its status comes back', async () => {
  const port = await listen((_, response) => response.writeHead(202).end('thanks'));
  const attempt = await sender().send(message(`http://127.0.0.1:${port}/hooks?a=b`));
  expect(attempt).toEqual({ result: { status: 202 }, excerpt: 'thanks', durationMs: expect.any(Number) });
  expect(calls).toEqual([
    {
      url: '/hooks?a=b',
      headers: expect.objectContaining({ 'webhook-id': 'msg_1', 'content-type': 'application/json' }),
      body: '{"type":"x"}',
    },
  ]);
});

test.each([
  ['loopback', '127.0.0.1'],
  ['private', '10.0.0.1'],
  ['link-local', '169.254.169.254'],
  ['mapped', '::ffff:127.0.0.1'],
  ['NAT64', '64:ff9b::7f00:1'],
])('a name that resolves to a %s address is refused before anything is connected', async (_kind, address) => {
  const port = await listen((_, response) => response.end());
  const { resolve, asked } = resolving([address]);
  const { result } = await sender([], resolve).send(message(`https://hooks.hillvalley.edu:${port}/`));
  expect(result).toEqual({ failure: 'address-refused' });
  expect(asked).toEqual(['hooks.hillvalley.edu']);
  expect(calls).toEqual([]);
});

test('one address of several that is not public is enough to refuse the name', async () => {
  const { resolve } = resolving(['203.0.113.7', '8.8.8.8', '10.0.0.1']);
  const { result } = await sender([], resolve).send(message('https://hooks.hillvalley.edu/'));
  expect(result).toEqual({ failure: 'address-refused' });
});

test('an address in the URL is judged, which no look-up would see', async () => {
  const port = await listen((_, response) => response.end());
  for (const host of ['127.0.0.1', '2130706433', '[::ffff:7f00:1]']) {
    const { result } = await sender([]).send(message(`https://${host}:${port}/`));
    expect(result).toEqual({ failure: 'address-refused' });
  }
  expect(calls).toEqual([]);
});

test('a name that is rebound between two attempts is judged again, and what is judged is what is connected to', async () => {
  const port = await listen((_, response) => response.writeHead(204, { connection: 'close' }).end());
  const { resolve, asked } = resolving(['127.0.0.1'], ['169.254.169.254']);
  const rebound = sender(LOOPBACK, resolve);
  const url = `http://rebound.hillvalley.edu:${port}/`;
  expect((await rebound.send(message(url))).result).toEqual({ status: 204 });
  // one look-up for the connection: no second one could have been answered differently
  expect(asked).toEqual(['rebound.hillvalley.edu']);
  expect((await rebound.send(message(url))).result).toEqual({ failure: 'address-refused' });
});

test('a name that only this machine knows is found where the operator allows networks', async () => {
  const port = await listen((_, response) => response.writeHead(204).end());
  expect((await sender().send(message(`http://localhost:${port}/`))).result).toEqual({ status: 204 });
});

test('http reaches allowed networks only', async () => {
  const { resolve } = resolving(['8.8.8.8']);
  const { result } = await sender(LOOPBACK, resolve).send(message('http://hooks.hillvalley.edu/'));
  expect(result).toEqual({ failure: 'address-refused' });
});

test('a redirect is a failure and is not followed', async () => {
  const inside = await listen((_, response) => response.end('secret'));
  const port = await listen((_, response) =>
    response.writeHead(307, { location: `http://127.0.0.1:${inside}/` }).end(),
  );
  const { result } = await sender().send(message(`http://127.0.0.1:${port}/from`));
  expect(result).toEqual({ status: 307 });
  expect(calls.map(({ url }) => url)).toEqual(['/from']);
});

test('of a long answer only the beginning is read', async () => {
  const ended = Promise.withResolvers<void>();
  const port = await listen((_, response) => {
    response.on('close', () => ended.resolve());
    const write = (): void => {
      while (!response.destroyed && response.write('x'.repeat(10_000)));
    };
    response.on('drain', write);
    write();
  });
  const { result, excerpt } = await sender().send(message(`http://127.0.0.1:${port}/`));
  expect(result).toEqual({ status: 200 });
  expect(excerpt).toBe('x'.repeat(1_024));
  await ended.promise;
});

test('a receiver that does not answer is given up', async () => {
  const port = await listen(() => undefined);
  const { result } = await sender(LOOPBACK, undefined, 50).send(message(`http://127.0.0.1:${port}/`));
  expect(result).toEqual({ failure: 'timeout' });
});

test('a receiver that has answered with its status and sends no end has answered', async () => {
  const port = await listen((_, response) => void response.writeHead(200).write('x'));
  const { result, excerpt } = await sender(LOOPBACK, undefined, 1_500).send(
    message(`http://127.0.0.1:${port}/`),
  );
  expect({ result, excerpt }).toEqual({ result: { status: 200 }, excerpt: 'x' });
});

test('nobody listening, a connection that breaks, an unknown name, no TLS: each has its word', async () => {
  const port = await listen((request) => request.socket.destroy());
  const results = await Promise.all([
    sender().send(message('http://127.0.0.1:1/')),
    sender().send(message(`http://127.0.0.1:${port}/`)),
    sender([], UNKNOWN).send(message('https://hooks.hillvalley.edu/')),
    sender().send(message(`https://127.0.0.1:${port}/`)),
  ]);
  expect(results.map(({ result }) => result)).toEqual([
    { failure: 'connection-failed' },
    { failure: 'connection-failed' },
    { failure: 'name-not-resolved' },
    { failure: 'tls-failed' },
  ]);
});
