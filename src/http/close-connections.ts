import type { FastifyInstance, FastifyRequest } from 'fastify';

/** Longer than any request may take: whatever is still open then sends too slowly to be waited for. */
const GRACE_MS = 10_000;
const CHECK_MS = 25;

/**
 * Lets a shutdown end as soon as the calls under way are answered.
 *
 * Closing a server only stops it from accepting. Connections kept alive, and those that never sent a request, would
 * hold it open until their timeouts, which Node no longer watches by then.
 */
export function closeConnectionsOnShutdown(fastify: FastifyInstance): void {
  // A set and no count: what is refused before it is routed gets a response, but never passes the first hook.
  const underWay = new Set<FastifyRequest>();
  fastify.addHook('onRequest', (request, _reply, done) => {
    underWay.add(request);
    done();
  });
  // Runs also for a request whose client went away.
  fastify.addHook('onResponse', (request, _reply, done) => {
    underWay.delete(request);
    done();
  });
  fastify.addHook('preClose', (done) => {
    const deadline = performance.now() + GRACE_MS;
    const timer = setInterval(() => {
      fastify.server.closeIdleConnections();
      if (underWay.size === 0 || performance.now() > deadline) {
        fastify.server.closeAllConnections();
        clearInterval(timer);
      }
    }, CHECK_MS);
    done();
  });
}
