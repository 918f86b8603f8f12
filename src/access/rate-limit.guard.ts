import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Settings } from '../config/settings.js';
import { allowanceHeaders, type Allowance } from './allowance.js';
import { RateLimiter } from './rate-limiter.js';

/** Counts the calls of each key, and tells the caller how many are left. */
@Injectable()
export class RateLimitGuard implements CanActivate {
  constructor(
    private readonly settings: Settings,
    private readonly limiter: RateLimiter,
  ) {}

  /** @throws {TooManyCallsError} if the key has used its calls of this minute */
  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const http = context.switchToHttp();
    const { caller } = http.getRequest<FastifyRequest>();
    return !this.settings.isRateLimited || caller === undefined || caller.keyId === null
      ? true
      : this.count(
          http.getResponse<FastifyReply>(),
          caller.keyId,
          caller.callsPerMinute ?? this.settings.callsPerMinute,
        );
  }

  private count(reply: FastifyReply, keyId: string, callsPerMinute: number): boolean | Promise<boolean> {
    const allowance = this.limiter.take(keyId, callsPerMinute);
    return allowance instanceof Promise
      ? allowance.then((taken) => tell(reply, taken))
      : tell(reply, allowance);
  }
}

function tell(reply: FastifyReply, allowance: Allowance): true {
  reply.headers(allowanceHeaders(allowance));
  return true;
}
