import type { LookupAddress } from 'node:dns';
import { lookup, Resolver } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { Agent, request } from 'undici';
import type { Networks } from '../../config/settings.js';
import { VERSION } from '../../config/version.js';
import { isAddress } from './addresses.js';
import type { AttemptResult, Failure } from './schedule.js';
import { isRefused } from './target.js';

/** How long an attempt may take, from the look-up of the name to the end of what is read. */
const ATTEMPT_MS = 15_000;
/** How long one question to the DNS may take. */
const DNS_MS = 3_000;
/** Bytes that are read of an answer. */
const EXCERPT_BYTES = 1_024;

/** A signed message on its way to one endpoint. */
export interface Message {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What came of an attempt, and the beginning of the answer, which only a test call shows. */
export interface Attempt {
  readonly result: AttemptResult;
  readonly excerpt: string | null;
  readonly durationMs: number;
}

/** Finds all addresses of a name; none: it has none, or nobody knows. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

/**
 * Sends messages to endpoints that callers chose, without letting them reach what only this service can reach.
 *
 * A connection is made to exactly the addresses that were judged: they are judged in the look-up of the connection itself, and all
 * of them must pass. So a name that resolves to something else a moment later gains nothing. No redirect is followed, no proxy is
 * used, and no more than the beginning of an answer is read.
 */
export class Sender {
  private readonly agents: ReadonlyMap<string, Agent>;

  /** @param attemptMs how long an attempt may take */
  constructor(
    private readonly allowed: Networks,
    resolve: Resolve = resolverFor(allowed),
    private readonly attemptMs = ATTEMPT_MS,
  ) {
    this.agents = new Map(
      ['https:', 'http:'].map((protocol) => [
        protocol,
        new Agent({
          allowH2: false,
          connect: { timeout: attemptMs, lookup: judgedLookup(protocol, resolve, allowed) },
        }),
      ]),
    );
  }

  /** Ends all connections; after the attempts under way had their time. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.all([...this.agents.values()].map((agent) => agent.destroy()));
  }

  /** Makes one attempt. Never throws: that there was no answer is a result, too. */
  async send({ url, headers, body }: Message, attemptMs = this.attemptMs): Promise<Attempt> {
    const start = performance.now();
    const ended = (result: AttemptResult, excerpt: string | null = null): Attempt => ({
      result,
      excerpt,
      durationMs: Math.round(performance.now() - start),
    });
    const { protocol, hostname } = new URL(url);
    // A connection to an address looks nothing up.
    if (isAddress(hostname) && isRefused(protocol, hostname, this.allowed)) {
      return ended({ failure: 'address-refused' });
    }
    const signal = AbortSignal.timeout(attemptMs);
    try {
      const response = await request(url, {
        dispatcher: this.agents.get(protocol)!,
        method: 'POST',
        headers: {
          ...headers,
          'content-type': 'application/json',
          'user-agent': `identity-reconciliation/${VERSION}`,
        },
        body,
        signal,
      });
      return ended({ status: response.statusCode }, await beginningOf(response.body));
    } catch (error) {
      return ended({ failure: signal.aborted ? 'timeout' : failureOf(error) });
    }
  }
}

/** One of the addresses of a name is not for webhooks. */
class AddressRefusedError extends Error {
  readonly code = 'address-refused';
}

function judgedLookup(protocol: string, resolve: Resolve, allowed: Networks): LookupFunction {
  const lookUp = async (...[hostname, { all }, answer]: Parameters<LookupFunction>): Promise<void> => {
    const addresses = await resolve(hostname);
    const [first] = addresses;
    if (first === undefined) {
      answer(Object.assign(new Error('no address'), { code: 'ENOTFOUND' }), []);
    } else if (addresses.some(({ address }) => isRefused(protocol, address, allowed))) {
      answer(new AddressRefusedError('an address is not public'), []);
    } else if (all === true) {
      answer(null, [...addresses]);
    } else {
      answer(null, first.address, first.family);
    }
  };
  return (...call) => void lookUp(...call);
}

/**
 * Asks the DNS by itself: the look-up of the system waits in one of four threads, so that four names whose servers do not answer
 * would hold up every other endpoint. Where the operator allows networks of their own, a name that the DNS does not know is looked
 * up as the system does, by its files and search domains.
 */
function resolverFor(allowed: Networks): Resolve {
  const resolver = new Resolver({ timeout: DNS_MS, tries: 2 });
  return async (hostname) => {
    const found = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    const addresses = found.flatMap((result, i) =>
      result.status === 'rejected'
        ? []
        : result.value.map((address) => ({ address, family: i === 0 ? 4 : 6 })),
    );
    const isUnknown = found.every(
      (result) => result.status === 'rejected' && (result.reason as { code?: unknown }).code === 'ENOTFOUND',
    );
    return isUnknown && allowed.length > 0 ? lookup(hostname, { all: true }).catch(() => []) : addresses;
  };
}

/** The first bytes of an answer as text; the rest is not read. What breaks off after the status does not matter. */
async function beginningOf(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= EXCERPT_BYTES) {
        break;
      }
    }
  } catch {
    // The receiver has answered with its status.
  }
  return Buffer.concat(chunks).subarray(0, EXCERPT_BYTES).toString('utf8');
}

function failureOf(error: unknown): Failure {
  // Of several addresses that were tried, the first stands for all.
  const cause: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const code = String((cause as { code?: unknown }).code);
  if (code === 'address-refused') {
    return code;
  }
  if (code === 'ENOTFOUND') {
    return 'name-not-resolved';
  }
  if (/TIMEDOUT|TIMEOUT/.test(code)) {
    return 'timeout';
  }
  return /CERT|TLS|SSL|EPROTO|VERIFY|ISSUER/.test(code) ? 'tls-failed' : 'connection-failed';
}
