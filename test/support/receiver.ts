import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from './until.js';

/** What a receiver was sent. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A server that webhooks lead to, on loopback. */
export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly received: readonly Received[];
  /** Those to a path. */
  at(path: string): readonly Received[];
  /** Waits until so many messages came in all, or to a path. */
  untilReceived(count: number, path?: string): Promise<void>;
}

/** The network that must be allowed for webhooks to reach a receiver. */
export const LOOPBACK = '127.0.0.0/8';

/** @param answer how to answer a message; nothing else answers it */
export async function startReceiver(
  answer: (response: ServerResponse, message: Received) => void = (response) => response.writeHead(204).end(),
): Promise<Receiver> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { url = '', headers } = request;
      const message = { path: url, headers, body: Buffer.concat(chunks).toString() };
      received.push(message);
      answer(response, message);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const at = (path: string): Received[] => received.filter((message) => message.path === path);
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    at,
    untilReceived: (count, path) => until(() => (path === undefined ? received : at(path)).length >= count),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
