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

/** After this a call fails. */
const PATIENCE_MS = 20_000;

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
    // Cleared, unlike that of AbortSignal.timeout: a timer keeps all that its file has loaded.
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), PATIENCE_MS);
    try {
      const response = await fetch(new URL(path, this.url), {
        method,
        headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
        ...(body !== undefined && { body: isRaw ? (body as string) : JSON.stringify(body) }),
        signal: patience.signal,
      });
      const text = await response.text();
      const isJson = /json/.test(response.headers.get('content-type') ?? '');
      return {
        status: response.status,
        headers: response.headers,
        body: (isJson ? JSON.parse(text) : text) as T,
      };
    } finally {
      clearTimeout(timer);
    }
  }

  /** The identity of a sighting. Repeated while the service asks for patience; any other answer but 200 fails. */
  async identify(body: Body, headers: Record<string, string> = {}): Promise<ShownIdentity> {
    const reply = await this.patiently<{ contact: ShownIdentity }>('POST', '/identify', body, headers);
    return expected([200], `POST /identify ${JSON.stringify(body)}`, reply).body.contact;
  }

  /** The identity of a contact, or null if there is none. As patient as {@link identify}. */
  async find(id: number): Promise<ShownIdentity | null> {
    const reply = await this.patiently<{ contact: ShownIdentity }>('GET', `/contacts/${id}`);
    return expected([200, 404], `GET /contacts/${id}`, reply).status === 200 ? reply.body.contact : null;
  }

  /** The status of a deletion. */
  async delete(id: number): Promise<number> {
    return (await this.send('DELETE', `/contacts/${id}`)).status;
  }

  private async patiently<T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Reply<T>> {
    let reply = await this.send<T>(method, path, body, headers);
    for (let tries = 1; reply.status === 503 && tries < 10; tries++) {
      this.refusals++;
      await sleep(Number(reply.headers.get('retry-after')) * 1000);
      reply = await this.send<T>(method, path, body, headers);
    }
    return reply;
  }
}

function expected<T>(statuses: readonly number[], call: string, reply: Reply<T>): Reply<T> {
  if (!statuses.includes(reply.status)) {
    throw new Error(`${call}: ${reply.status} ${JSON.stringify(reply.body)}`);
  }
  return reply;
}
