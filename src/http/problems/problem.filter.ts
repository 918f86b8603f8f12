import {
  Catch,
  HttpException,
  Logger,
  Module,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { loggable } from '../../telemetry/logging/loggable.js';
import { traceIdOf } from '../../telemetry/request-facts.js';
import { describeProblem } from './describe-problem.js';
import { sendProblem } from './problem.js';

/** One cause is logged at most this often. */
const TROUBLE_PERIOD_MS = 1_000;

/** Turns every error into a problem document, and logs errors of the service itself. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger('Http');
  private readonly troubles = new TroubleLog();

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const description = describeProblem(error);
    const where = { requestId: request.id, traceId: traceIdOf(request), route: request.routeOptions.url };
    if (description.status === 503 && error instanceof Error && !(error instanceof HttpException)) {
      const { code } = (error.cause ?? {}) as { code?: unknown };
      this.troubles.warn(error.message, { code, ...where });
    } else if (description.status >= 500 && !(error instanceof HttpException)) {
      this.logger.error({ ...where, error: loggable(error) });
    }
    sendProblem(reply, request.id, description);
  }
}

/**
 * Logs a cause that affects many calls, such as a database that is down, once a second and not with each call.
 *
 * The next line says how many were left out.
 */
class TroubleLog {
  private readonly logger = new Logger('Http');
  private readonly leftOut = new Map<string, { since: number; count: number }>();

  warn(cause: string, details: Record<string, unknown>): void {
    const now = performance.now();
    const last = this.leftOut.get(cause);
    if (last !== undefined && now - last.since < TROUBLE_PERIOD_MS) {
      last.count++;
      return;
    }
    this.leftOut.set(cause, { since: now, count: 0 });
    this.logger.warn({
      cause,
      ...details,
      ...(last !== undefined && last.count > 0 && { leftOut: last.count }),
    });
  }
}

/** Every error leaves the service as an RFC 9457 problem document. */
@Module({ providers: [{ provide: APP_FILTER, useClass: ProblemFilter }] })
export class ProblemsModule {}
