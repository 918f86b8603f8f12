import { Module } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule } from '@nestjs/swagger';
import { createOpenApiDocument } from './openapi-document.js';

/** Swagger UI at `/docs`, and the OpenAPI document at `/openapi.json`. */
@Module({})
export class DocsModule {
  /** Swagger UI describes the whole application, so it is mounted after the application was put together. */
  static mount(app: NestFastifyApplication): void {
    SwaggerModule.setup('docs', app, () => createOpenApiDocument(app), {
      jsonDocumentUrl: 'openapi.json',
      yamlDocumentUrl: 'openapi.yaml',
      customSiteTitle: 'Identity reconciliation',
      swaggerOptions: { tryItOutEnabled: true, displayRequestDuration: true, validatorUrl: null },
    });
  }
}
