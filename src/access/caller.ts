import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

/** Who makes a call, as far as the service knows. */
export interface Caller {
  readonly tenantId: number;
  /** null where callers don't authenticate. */
  readonly keyId: string | null;
  /** Calls a minute that the key may make, if other than the service's own limit. */
  readonly callsPerMinute: number | null;
  /** Why the key may not make this call, which is counted before it is refused; null: it may. */
  readonly refusal: Error | null;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the guard; absent on a route that is open to all. */
    caller?: Caller;
  }
}

/** The tenant that a call belongs to, as a parameter of a route. */
export const TenantId = createParamDecorator((_: unknown, context: ExecutionContext): number => {
  const { caller } = context.switchToHttp().getRequest<FastifyRequest>();
  if (caller === undefined) {
    throw new Error('a route that belongs to a tenant was reached without a caller');
  }
  return caller.tenantId;
});
