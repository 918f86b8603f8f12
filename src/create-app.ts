import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import type { Settings } from './config/settings.js';
import { serveConsole } from './console/serve-console.js';
import { serveDocs } from './docs/serve-docs.js';
import { createFastifyAdapter } from './http/fastify.js';
import { shedLoad } from './http/load-shedding.js';
import { createLogger } from './telemetry/logging/logger.js';

/** Creates the application, ready to listen. */
export async function createApp(settings: Settings): Promise<NestFastifyApplication> {
  const module = await AppModule.with(settings);
  const app = await NestFactory.create<NestFastifyApplication>(module, createFastifyAdapter(), {
    // The adapter has its own parser. Nest's would add forms, which the API does not accept.
    bodyParser: false,
    abortOnError: false,
    logger: createLogger(settings.logLevel),
  });
  await shedLoad(app, settings.maxEventLoopDelayMs);
  const hasConsole = settings.hasConsole && serveConsole(app);
  if (settings.hasDocs) {
    serveDocs(app, { isRoot: !hasConsole });
  }
  return app;
}
