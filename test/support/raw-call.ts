import { request, type Agent } from 'node:http';

/** A call as it goes over the wire: nothing in it is normalised, and headers may repeat. */
export interface RawCall {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer | null;
}

export interface RawReply {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

/** The answer to a call; null if the connection ended without one. */
export function sendRaw(
  agent: Agent,
  url: string,
  { method, path, headers, body }: RawCall,
): Promise<RawReply | null> {
  const { hostname, port, host } = new URL(url);
  const sent = [['host', host], ...headers, ...(body === null ? [] : [['content-length', `${body.length}`]])];
  return new Promise((resolve) => {
    const call = request({ agent, hostname, port, method, path, headers: sent.flat() as never });
    call.on('error', () => resolve(null));
    call.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', () => resolve(null));
      response.on('end', () =>
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          body: Buffer.concat(chunks).toString('utf8'),
        }),
      );
    });
    call.end(body ?? undefined);
  });
}
