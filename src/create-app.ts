import { ConsoleLogger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import type { LogLevel, Settings } from './config/settings.js';
import { DocsModule } from './docs/docs.module.js';
import { createFastifyAdapter } from './http/fastify.js';

/** The names that Nest's logger has for the levels, the gravest first. */
const NEST_LEVELS = { fatal: 'fatal', error: 'error', warn: 'warn', info: 'log', debug: 'debug', trace: 'verbose' } as const;

/** Puts the application together, ready to listen. */
export async function createApp(settings: Settings): Promise<NestFastifyApplication> {
  const module = await AppModule.with(settings);
  const app = await NestFactory.create<NestFastifyApplication>(module, createFastifyAdapter(), {
    // The adapter brings its own parser; Nest's would add forms, which the API does not take.
    bodyParser: false,
    abortOnError: false,
    logger: new ConsoleLogger({ logLevels: levelsFrom(settings.logLevel), json: !process.stdout.isTTY }),
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
  });
  DocsModule.mount(app);
  return app;
}

function levelsFrom(level: LogLevel) {
  const names = Object.keys(NEST_LEVELS) as (keyof typeof NEST_LEVELS)[];
  return level === 'silent' ? [] : names.slice(0, names.indexOf(level) + 1).map((name) => NEST_LEVELS[name]);
}
