import type { FastifyRequest } from 'fastify';

/** The template of a request's route. Never the path: that has as many values as callers like, also personal ones. */
export function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? 'none';
}
