import { setTimeout as sleep } from 'node:timers/promises';
import type { ShownIdentity } from './wire.js';

/** What a caller sends; also what it should not. */
export interface Body {
  readonly email?: unknown;
  readonly phoneNumber?: unknown;
  readonly identifiers?: unknown;
}

/** An HTTP answer, its body parsed if it is JSON. */
export interface Reply<T = unknown> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** Calls a running service the way a caller does. */
export class ServiceClient {
  /** How often it was asked for patience. */
  refusals = 0;

  constructor(readonly url: string) {}

  /** Any request; `body` is sent as it is if it is a string or bytes, and as JSON otherwise. */
  async send<T = unknown>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Reply<T>> {
    const isRaw = typeof body === 'string' || body instanceof Uint8Array;
    const response = await fetch(new URL(path, this.url), {
      method,
      headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body: isRaw ? (body as string) : JSON.stringify(body) }),
      signal: AbortSignal.timeout(20_000),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return {
      status: response.status,
      headers: response.headers,
      body: (isJson ? JSON.parse(text) : text) as T,
    };
  }

  /** The identity of a sighting. Repeated while the service asks for patience; any other answer but 200 fails. */
  async identify(body: Body, headers: Record<string, string> = {}): Promise<ShownIdentity> {
    let reply = await this.send<{ contact: ShownIdentity }>('POST', '/identify', body, headers);
    for (let tries = 1; reply.status === 503 && tries < 10; tries++) {
      this.refusals++;
      await sleep(Number(reply.headers.get('retry-after')) * 1000);
      reply = await this.send('POST', '/identify', body, headers);
    }
    if (reply.status !== 200) {
      throw new Error(
        `POST /identify ${JSON.stringify(body)}: ${reply.status} ${JSON.stringify(reply.body)}`,
      );
    }
    return reply.body.contact;
  }

  /** The identity of a contact, or null if there is none. */
  async find(id: number): Promise<ShownIdentity | null> {
    const reply = await this.send<{ contact: ShownIdentity }>('GET', `/contacts/${id}`);
    return reply.status === 200 ? reply.body.contact : null;
  }

  /** The status of a deletion. */
  async delete(id: number): Promise<number> {
    return (await this.send('DELETE', `/contacts/${id}`)).status;
  }
}
