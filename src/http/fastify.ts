import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { answerClientError, answerExpectation } from './client-error.js';
import { seeToItsEnd } from './ended-calls.js';
import { BODY_NOT_JSON, BODY_NOT_UTF8, describeProblem } from './problems/describe-problem.js';
import { type ProblemDescription, sendProblem } from './problems/problem.js';

/** The most bytes in a body; a sighting has at most a few hundred. */
export const BODY_LIMIT = 16 * 1024;

const NO_HOST: ProblemDescription = {
  slug: 'malformed-request',
  title: 'Malformed request',
  status: 400,
  detail: 'The request has no Host header.',
};
const CHUNKED_BEFORE_1_1: ProblemDescription = {
  ...NO_HOST,
  detail: 'HTTP/1.0 has no Transfer-Encoding.',
  // What follows may be a part of this request or the next one (RFC 9112, section 6.1).
  headers: { connection: 'close' },
};
const UNSUPPORTED_CHARSET: ProblemDescription = {
  slug: 'unsupported-media-type',
  title: 'Unsupported media type',
  status: 415,
  detail: 'Send the body as application/json in UTF-8.',
  headers: { accept: 'application/json' },
};
const UNSUPPORTED_ENCODING: ProblemDescription = {
  slug: 'unsupported-content-encoding',
  title: 'Unsupported content encoding',
  status: 415,
  detail: 'Send the body without a content encoding.',
  headers: { 'accept-encoding': 'identity' },
};
const UNSUPPORTED_TRANSFER_CODING: ProblemDescription = {
  slug: 'unsupported-transfer-coding',
  title: 'Unsupported transfer coding',
  status: 415,
  detail: 'Send the body with no Transfer-Encoding but chunked.',
};

/**
 * The HTTP server: limits on time and size, request ids, and a JSON parser that accepts only JSON in UTF-8.
 *
 * Fastify's defaults stop no slow client. The timeouts work only together with `connectionsCheckingInterval`.
 */
export function createFastifyAdapter(): FastifyAdapter {
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT,
    // with the second between two checks, a slow request is cut within 10 s
    requestTimeout: 9_000,
    // for a client that sends and does not read; longer than the other two, because it closes a connection without an answer
    connectionTimeout: 12_000,
    // longer than the 60 s after which load balancers close an idle connection, or they would use one that has just closed
    keepAliveTimeout: 72_000,
    // A missing Host header is refused below with a problem document.
    http: { headersTimeout: 5_000, connectionsCheckingInterval: 1_000, requireHostHeader: false },
    routerOptions: { maxParamLength: 200 },
    return503OnClosing: false,
    // No middleware has to run.
    skipMiddie: true,
    genReqId: requestId,
    clientErrorHandler: answerClientError,
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      sendProblem(reply, request.id, describeProblem(error)),
  });
  const fastify = adapter.getInstance();
  fastify.server.on('checkExpectation', answerExpectation);
  // Fastify needs a parser for every type of body, even if there is no route. No route accepts this one.
  fastify.addHttpMethod('QUERY', { hasBody: false, overrideExisting: true });
  fastify.addHook('onRequest', (request, reply, done) => {
    if (!seeToItsEnd(request, reply)) {
      return;
    }
    // An answer may hold personal data, and a cache does not know that it was given for an X-API-Key.
    reply.headers({
      'x-request-id': request.id,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    const refusal = refusalOf(request);
    if (refusal === null) {
      done();
    } else {
      sendProblem(reply, request.id, refusal);
    }
  });
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, parseJson);
  return adapter;
}

/** The caller's request id if it is valid, so that its logs and ours can be joined; otherwise a new id. */
function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
}

function parseJson(
  _request: FastifyRequest,
  body: Buffer,
  done: (error: Error | null, value?: unknown) => void,
): void {
  if (body.length === 0) {
    // Many clients send the content type of JSON with every call, even without a body.
    done(null, undefined);
  } else if (!isUtf8(body)) {
    done(Object.assign(new Error('not UTF-8'), { statusCode: 400, code: BODY_NOT_UTF8 }));
  } else {
    let value: unknown;
    try {
      // A property `__proto__` is one like any other, as long as nobody copies what was sent.
      value = JSON.parse(body.toString('utf8'));
    } catch {
      done(Object.assign(new Error('not JSON'), { statusCode: 400, code: BODY_NOT_JSON }));
      return;
    }
    done(null, value);
  }
}

/** Methods of routes that take a body. */
const READS_BODY = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

/** Requests that can be refused by their headers alone. Headers of a body count only if a body is read. */
function refusalOf({ method, headers, raw }: FastifyRequest): ProblemDescription | null {
  if (headers.host === undefined && raw.httpVersion === '1.1') {
    return NO_HOST;
  }
  if (raw.httpVersionMinor === 0 && headers['transfer-encoding'] !== undefined) {
    return CHUNKED_BEFORE_1_1;
  }
  const repeated = repeatedSingleton(raw);
  if (repeated !== null) {
    return { ...NO_HOST, detail: `The request has more than one ${repeated} header.` };
  }
  if (!READS_BODY.has(method) || !hasBody(headers)) {
    return null;
  }
  if ((headers['transfer-encoding']?.trim().toLowerCase() ?? 'chunked') !== 'chunked') {
    return UNSUPPORTED_TRANSFER_CODING;
  }
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding !== 'identity') {
    return UNSUPPORTED_ENCODING;
  }
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(headers['content-type'] ?? '')?.[1] ?? 'utf-8';
  return /^utf-?8$/i.test(charset) ? null : UNSUPPORTED_CHARSET;
}

/** Headers that name the host, the caller and the type of a body; by their length, which differs. */
const SINGLETONS = new Map(
  ['Host', 'X-API-Key', 'Content-Type', 'Authorization'].map((name, i) => [
    name.length,
    { name, lowerCase: name.toLowerCase(), bit: 1 << i },
  ]),
);

/** The one of them that was sent twice, if any: Node uses the first, and a proxy may have used another. */
function repeatedSingleton({ rawHeaders }: IncomingMessage): string | null {
  let seen = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const singleton = SINGLETONS.get(rawHeaders[i]!.length);
    if (singleton !== undefined && rawHeaders[i]!.toLowerCase() === singleton.lowerCase) {
      if ((seen & singleton.bit) !== 0) {
        return singleton.name;
      }
      seen |= singleton.bit;
    }
  }
  return null;
}
