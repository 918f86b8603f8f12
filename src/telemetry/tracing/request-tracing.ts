import { Injectable, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { routeOf } from '../request-facts.js';
import { startedTracing } from './tracing.js';

/** One span per request, if tracing was started; probes have none. */
@Injectable()
export class RequestTracing implements OnModuleInit, OnApplicationShutdown {
  constructor(private readonly host: HttpAdapterHost) {}

  onModuleInit(): void {
    const tracing = startedTracing();
    if (tracing === null) {
      return;
    }
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    fastify.decorateRequest('span', null);
    fastify.addHook('onRequest', (request, _reply, done) => {
      const route = routeOf(request);
      if (route.startsWith('/health')) {
        done();
        return;
      }
      const span = tracing.startRequest(request.method, route, request.headers);
      request.span = span;
      if (span === null) {
        done();
      } else {
        tracing.within(span, done);
      }
    });
    fastify.addHook('onResponse', (request, reply, done) => {
      if (request.span) {
        tracing.endRequest(request.span, reply.statusCode);
      }
      done();
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await startedTracing()?.stop();
  }
}

/** Traces requests, and exports the last spans at shutdown. */
@Module({ providers: [RequestTracing] })
export class TracingModule {}
