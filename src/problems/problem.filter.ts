import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { describeProblem } from './describe-problem.js';
import { loggable } from './loggable.js';
import { sendProblem } from './send-problem.js';

/** Turns whatever was thrown into a problem document, and logs what is the service's own fault. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger('Http');

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const description = describeProblem(error);
    if (description.status >= 500 && !(error instanceof HttpException)) {
      const line = { requestId: request.id, route: request.routeOptions.url, error: loggable(error) };
      if (description.status === 500) {
        this.logger.error(line);
      } else {
        this.logger.warn(line);
      }
    }
    sendProblem(reply, request.id, description);
  }
}
