import type { FastifyRequest } from 'fastify';

/** The template of a request's route. Never the path: callers choose its values, which may be personal data. */
export function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? 'none';
}

/** The id of the trace of a request, if it is recorded or its caller named it. */
export function traceIdOf({ span }: FastifyRequest): string | undefined {
  return span?.spanContext().traceId;
}
