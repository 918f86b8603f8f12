import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { dump } from 'js-yaml';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createOpenApiDocument } from './openapi-document.js';

/** Headers of pages for browsers; clients of the API do not need them. */
const PAGE_HEADERS = {
  'content-security-policy': [
    "default-src 'self'",
    // Swagger UI writes styles into the page, and its icons are data URLs
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "object-src 'none'",
  ].join(';'),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'no-referrer',
  'x-dns-prefetch-control': 'off',
  'x-frame-options': 'DENY',
};

// Addresses are relative, so that the page also works behind a proxy that serves it under a path.
const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Identity reconciliation</title>
    <link rel="icon" type="image/png" href="docs/favicon-32x32.png" />
    <link rel="stylesheet" href="docs/swagger-ui.css" />
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="docs/swagger-ui-bundle.js"></script>
    <script src="docs/start.js"></script>
  </body>
</html>
`;
const START = `SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  validatorUrl: null,
});
`;

/**
 * Serves Swagger UI at `/docs`, and the OpenAPI document at `/openapi.json` and `/openapi.yaml`.
 *
 * Everything is built once and kept in memory, 2 MB. Anybody may ask for it without a key, and opening a file for each of a
 * thousand callers who do not read would use a thousand descriptors.
 *
 * @param isRoot whether `/` redirects to it
 */
export function serveDocs(app: NestFastifyApplication, { isRoot }: { readonly isRoot: boolean }): void {
  const fastify = app.getHttpAdapter().getInstance();
  const serve = (path: string, type: string, make: () => string | Buffer): void => {
    let body: Buffer | null = null;
    fastify.get(path, (_request: FastifyRequest, reply: FastifyReply) => {
      body ??= Buffer.from(make());
      return reply.headers({ ...PAGE_HEADERS, 'content-type': type }).send(body);
    });
  };
  const document = (): object => createOpenApiDocument(app);
  serve('/openapi.json', 'application/json; charset=utf-8', () => JSON.stringify(document()));
  serve('/openapi.yaml', 'text/yaml; charset=utf-8', () => dump(document(), { noRefs: true }));
  serve('/docs', 'text/html; charset=utf-8', () => PAGE);
  serve('/docs/start.js', 'text/javascript; charset=utf-8', () => START);
  serve('/docs/swagger-ui-bundle.js', 'text/javascript; charset=utf-8', () => asset('swagger-ui-bundle.js'));
  serve('/docs/swagger-ui.css', 'text/css; charset=utf-8', () => asset('swagger-ui.css'));
  serve('/docs/favicon-32x32.png', 'image/png', () => asset('favicon-32x32.png'));
  if (isRoot) {
    fastify.get('/', (_request, reply) => reply.redirect('docs'));
  }
  fastify.get('/docs/', (_request, reply) => reply.redirect('../docs'));
}

function asset(name: string): Buffer {
  return readFileSync(fileURLToPath(import.meta.resolve(`swagger-ui-dist/${name}`)));
}
