import underPressure from '@fastify/under-pressure';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { describeProblem } from './problems/describe-problem.js';
import { sendProblem } from './problems/problem.js';
import { OverloadedError } from './problems/problem.errors.js';

/** Probes must be answered under overload, or an overloaded replica would be restarted. */
const EXEMPT = /^\/health(\/|\?|$)/;

/** How long it counts what the process did before it listened: two measurements of a second. */
const START_MS = 2_000;

/**
 * Answers calls with 503 and Retry-After while the process is so far behind that they would only wait. How late it was while it
 * started is no reason.
 *
 * @param maxEventLoopDelayMs how late the event loop may be; 0: no call is refused
 */
export async function shedLoad(app: NestFastifyApplication, maxEventLoopDelayMs: number): Promise<void> {
  if (maxEventLoopDelayMs === 0) {
    return;
  }
  const problem = describeProblem(new OverloadedError('the service is behind with its work'));
  let startedAt = performance.now();
  const fastify = app.getHttpAdapter().getInstance();
  fastify.addHook('onListen', async () => {
    startedAt = performance.now();
  });
  await app.register(underPressure, {
    maxEventLoopDelay: maxEventLoopDelayMs,
    pressureHandler: (request, reply) => {
      if (!EXEMPT.test(request.url) && performance.now() - startedAt > START_MS) {
        sendProblem(reply, request.id, problem);
      }
    },
  });
}
