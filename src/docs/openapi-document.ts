import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { API_KEY_HEADER, BEARER } from '../access/access.js';
import { Settings } from '../config/settings.js';
import { VERSION } from '../config/version.js';

const DESCRIPTION = `Links the emails and phone numbers that a customer gives at different times to one identity.

Every error is a problem document (RFC 9457) with the media type \`application/problem+json\`. Every answer carries the
id of its request in \`X-Request-Id\`; a caller may send its own.`;

/** The OpenAPI 3.1 document of the application. */
export function createOpenApiDocument(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Identity reconciliation')
    .setDescription(DESCRIPTION)
    .setVersion(VERSION)
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addServer('/')
    .addTag('identity', 'Linking identifiers to identities')
    .addTag('contacts', 'Looking up and deleting contacts')
    .addTag('health', 'Probes for Kubernetes and load balancers')
    .addBearerAuth({ type: 'http', description: 'An API key' }, BEARER)
    .addApiKey({ type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'An API key' }, API_KEY_HEADER)
    .build();
  const document = SwaggerModule.createDocument(app, config);
  return app.get(Settings).authMode === 'none' ? withoutKeys(document) : document;
}

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;

/** Answers that only exist if callers use keys. */
const STATUSES_OF_KEYS = ['401', '403', '429'];

/** The document of a service without API keys. */
function withoutKeys(document: OpenAPIObject): OpenAPIObject {
  delete document.components?.securitySchemes;
  for (const operation of Object.values(document.paths).flatMap(
    (path) => Object.values(path) as Operation[],
  )) {
    delete operation.security;
    STATUSES_OF_KEYS.forEach((status) => delete operation.responses[status]);
  }
  return document;
}
