import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describeProblem } from '../http/problems/describe-problem.js';
import { sendProblem } from '../http/problems/problem.js';

/** What the build of the console has written, seen from the built service and from the source. */
const BUILT = ['../../../console/dist', '../../console/dist']
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))
  .find((path) => existsSync(join(path, 'index.html')));

/** Vite writes it where a nonce belongs. */
const NONCE = /__NONCE__/g;
/** Accepted, and not refused by a weight of zero: https://www.rfc-editor.org/rfc/rfc9110#name-accept-encoding */
const GZIP = /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i;
const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const PAGE_HEADERS = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-dns-prefetch-control': 'off',
  'x-frame-options': 'DENY',
};

interface Asset {
  readonly plain: Buffer;
  readonly packed: Buffer;
  readonly type: string;
}

/**
 * Serves the console at `/console`; every address below it answers with the page, which knows the rest. `/` redirects to it.
 *
 * Everything is in memory, as the documentation is: about 2 MB.
 *
 * @param folder what the build has written; undefined: it was not built, and nothing is served
 * @returns whether it is served
 */
export function serveConsole(app: NestFastifyApplication, folder = BUILT): boolean {
  if (folder === undefined) {
    new Logger('Console').warn('The console is not built, so it is not served: npm run build');
    return false;
  }
  const fastify = app.getHttpAdapter().getInstance();
  const page = readFileSync(join(folder, 'index.html'), 'utf8');
  const assets = readAssets(join(folder, 'assets'));
  const sendPage = (_request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const nonce = randomBytes(16).toString('base64');
    return reply
      .headers({
        ...PAGE_HEADERS,
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': policyOf(nonce),
      })
      .send(page.replaceAll(NONCE, nonce));
  };
  fastify.get('/', (_request, reply) => reply.redirect('console'));
  fastify.get('/console', sendPage);
  fastify.get('/console/*', sendPage);
  fastify.get<{ Params: { '*': string } }>('/console/assets/*', (request, reply) => {
    const asset = assets.get(request.params['*']);
    if (asset === undefined) {
      return sendProblem(reply, request.id, describeProblem({ statusCode: 404 }));
    }
    const isPacked = GZIP.test(request.headers['accept-encoding'] ?? '');
    return reply
      .headers({
        ...PAGE_HEADERS,
        'content-type': asset.type,
        // its name has a hash of its content
        'cache-control': 'public, max-age=31536000, immutable',
        vary: 'accept-encoding',
        ...(isPacked && { 'content-encoding': 'gzip' }),
      })
      .send(isPacked ? asset.packed : asset.plain);
  });
  return true;
}

/** Scripts and styles of this host, and styles that carry the nonce of the page. No other source, and no call elsewhere. */
function policyOf(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "object-src 'none'",
  ].join(';');
}

function readAssets(folder: string): Map<string, Asset> {
  return new Map(
    readdirSync(folder).map((name) => {
      const plain = readFileSync(join(folder, name));
      const type = TYPES[extname(name)] ?? 'application/octet-stream';
      return [name, { plain, packed: gzipSync(plain, { level: 9 }), type }];
    }),
  );
}
