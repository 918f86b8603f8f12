import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

/** Who makes a call. */
export interface Caller {
  readonly tenantId: number;
  /** null if callers do not authenticate. */
  readonly keyId: string | null;
  /** Calls per minute that the key may make; null: the limit of the service. */
  readonly callsPerMinute: number | null;
  /** Why the key may not make this call; null: it may. The call is counted before it is refused. */
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
    throw new Error('a route of a tenant was reached without a caller');
  }
  return caller.tenantId;
});
