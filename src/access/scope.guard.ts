import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

/** Refuses a call that a valid key may not make. A separate guard, so that such a call is counted first. */
@Injectable()
export class ScopeGuard implements CanActivate {
  /** @throws {ForbiddenError} if the key lacks the scope */
  canActivate(context: ExecutionContext): true {
    const { caller } = context.switchToHttp().getRequest<FastifyRequest>();
    if (caller !== undefined && caller.refusal !== null) {
      throw caller.refusal;
    }
    return true;
  }
}
