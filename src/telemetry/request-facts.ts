import type { FastifyRequest } from 'fastify';

/** The template of a request's route. Never the path: that has as many values as callers like, also personal ones. */
export function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? 'none';
}

/** The id of the trace that a request belongs to, if it is recorded or its caller named it. */
export function traceIdOf({ span }: FastifyRequest): string | undefined {
  return span?.spanContext().traceId;
}
