import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { Counter, Histogram, Registry } from 'prom-client';
import { Settings } from '../../config/settings.js';
import { routeOf } from '../request-facts.js';
import { addGauge } from './registry.js';

/** The usual status for a caller who disconnected before the answer was written. */
const CLIENT_CLOSED = 499;

/** By the code of the parser's error; every other code is `malformed`. */
const REASONS: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'timeout',
  HPE_HEADER_OVERFLOW: 'too_large',
  ECONNRESET: 'reset',
};

/** Rate, errors and duration of requests by the template of their route. */
@Injectable()
export class HttpMetrics implements OnModuleInit {
  private readonly durations: Histogram<'method' | 'route' | 'status'>;
  private readonly unparsed: Counter<'reason'>;

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly settings: Settings,
    registry: Registry,
  ) {
    const registers = [registry];
    this.durations = new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time from the headers of a request to the end of its answer; status 499: the caller disconnected',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    });
    this.unparsed = new Counter({
      name: 'http_unparsed_requests_total',
      help: 'Requests that could not be parsed, by reason: malformed, timeout, too_large, reset',
      labelNames: ['reason'],
      registers,
    });
    ['malformed', ...Object.values(REASONS)].forEach((reason) => this.unparsed.inc({ reason }, 0));
    addGauge(registry, 'http_connections', 'Open connections of callers', () => this.openConnections());
  }

  onModuleInit(): void {
    if (this.settings.metricsPort === null) {
      return;
    }
    const fastify = this.fastify();
    fastify.addHook('onResponse', (request, reply, done) => {
      this.durations.observe(
        { method: request.method, route: routeOf(request), status: statusOf(reply) },
        reply.elapsedTime / 1000,
      );
      done();
    });
    fastify.server.on('clientError', ({ code }: NodeJS.ErrnoException) =>
      this.unparsed.inc({ reason: REASONS[code ?? ''] ?? 'malformed' }),
    );
  }

  private fastify(): FastifyInstance {
    return this.host.httpAdapter.getInstance<FastifyInstance>();
  }

  private openConnections(): Promise<number> {
    return new Promise((resolve) => {
      this.fastify().server.getConnections((error, count) => resolve(error === null ? count : 0));
    });
  }
}

function statusOf(reply: FastifyReply): number {
  return reply.raw.writableFinished ? reply.statusCode : CLIENT_CLOSED;
}
