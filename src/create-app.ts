import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import type { Settings } from './config/settings.js';
import { DocsModule } from './docs/docs.module.js';
import { createFastifyAdapter } from './http/fastify.js';
import { shedLoad } from './http/load-shedding.js';
import { createLogger } from './telemetry/logging/logger.js';

/** Puts the application together, ready to listen. */
export async function createApp(settings: Settings): Promise<NestFastifyApplication> {
  const module = await AppModule.with(settings);
  const app = await NestFactory.create<NestFastifyApplication>(module, createFastifyAdapter(), {
    // The adapter brings its own parser; Nest's would add forms, which the API does not take.
    bodyParser: false,
    abortOnError: false,
    logger: createLogger(settings.logLevel),
  });
  app.useSecurityHeaders({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: "'self'",
        // Swagger UI writes styles into the page and has its icons as data
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        baseUri: "'none'",
        formAction: "'none'",
        frameAncestors: "'none'",
        objectSrc: "'none'",
      },
    },
    xFrameOptions: { action: 'deny' },
    // a promise for the whole domain, which only those who end TLS can make
    strictTransportSecurity: false,
  });
  await shedLoad(app, settings.maxEventLoopDelayMs);
  DocsModule.mount(app);
  return app;
}
