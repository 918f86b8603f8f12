import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { traceIdOf } from '../../telemetry/tracing/tracing.js';
import { describeProblem } from './describe-problem.js';
import { loggable } from './loggable.js';
import { sendProblem } from './send-problem.js';
import { TroubleLog } from './trouble-log.js';

/** Turns whatever was thrown into a problem document, and logs what is the service's own fault. */
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
