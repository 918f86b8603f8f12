import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { VERSION } from '../version.js';

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
    .build();
  return SwaggerModule.createDocument(app, config);
}
