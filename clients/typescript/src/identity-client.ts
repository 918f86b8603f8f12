import { createClient } from './generated/client/index.js';
import { GeneratedClient } from './generated/sdk.gen.js';
import { patientFetch, type Patience } from './patient-fetch.js';
import { problemErrorOf } from './problem-error.js';

export interface ClientOptions extends Patience {
  /** Where the service is, such as `https://identity.example.com`. */
  readonly url: string;
  /** An API key; absent: the service wants none. */
  readonly key?: string;
  /** Sent with every call. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What makes the calls, if not the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch;
}

/**
 * Calls the service. Each operation of its OpenAPI document is a method, which answers with `data` and `response`.
 *
 * Calls are repeated after passing failures, see {@link Patience}; changes carry an `Idempotency-Key`.
 *
 * @throws {ProblemError} every method, if the service answers with an error; what `fetch` throws if it does not answer
 * @example
 * const client = new IdentityClient({ url: 'http://localhost:3000' });
 * const { data } = await client.identify({ body: { email: 'doc@hillvalley.edu' } });
 */
export class IdentityClient extends GeneratedClient {
  constructor({ url, key, headers, fetch = globalThis.fetch, ...patience }: ClientOptions) {
    const client = createClient({
      baseUrl: url.replace(/\/+$/, ''),
      fetch: patientFetch((input, init) => fetch(input, init), patience),
      headers: { ...headers, ...(key !== undefined && { authorization: `Bearer ${key}` }) },
      throwOnError: true,
    });
    client.interceptors.error.use((error, response) =>
      response === undefined || response.ok ? error : problemErrorOf(error, response),
    );
    super({ client });
  }
}
