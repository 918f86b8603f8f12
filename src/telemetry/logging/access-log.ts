import { Injectable, Logger, Module, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { Settings } from '../../config/settings.js';
import { routeOf, traceIdOf } from '../request-facts.js';

/**
 * One line per request, at the level `debug`. Metrics and traces describe successful calls at a fraction of the cost, and
 * a failure is logged where it is noticed.
 *
 * It logs the route and not the path, and no address, because path and address may be personal data.
 */
@Injectable()
export class AccessLog implements OnModuleInit {
  private readonly logger = new Logger('Access');

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly settings: Settings,
  ) {}

  onModuleInit(): void {
    if (!['debug', 'trace'].includes(this.settings.logLevel)) {
      return;
    }
    this.host.httpAdapter.getInstance<FastifyInstance>().addHook('onResponse', (request, reply, done) => {
      this.logger.debug({
        requestId: request.id,
        traceId: traceIdOf(request),
        method: request.method,
        route: routeOf(request),
        status: reply.statusCode,
        durationMs: Math.round(reply.elapsedTime * 1000) / 1000,
      });
      done();
    });
  }
}

/** Logs successful requests. */
@Module({ providers: [AccessLog] })
export class LoggingModule {}
