import { applyDecorators, SetMetadata, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiSecurity } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { ApiProblems } from '../http/problems/api-problem.decorator.js';
import { ForbiddenError, UnauthorizedError } from './access.errors.js';
import { TooManyCallsError } from './allowance.js';
import type { Scope } from './scope.js';

export const ACCESS = 'access';

/** The names of the two ways to send a key, in the OpenAPI document. */
export const BEARER = 'bearer';
export const API_KEY_HEADER = 'apiKey';

/** A route that needs a key with this scope. */
export function RequiresScope(scope: Scope): MethodDecorator {
  return applyDecorators(
    SetMetadata(ACCESS, scope),
    ApiSecurity(BEARER),
    ApiSecurity(API_KEY_HEADER),
    ApiProblems(
      {
        401: 'The API key is missing or not valid.',
        403: `The API key lacks the scope ${scope}.`,
        429: 'The API key has used its calls of this minute. Wait for Retry-After seconds.',
      },
      new UnauthorizedError(false),
      new ForbiddenError(scope),
      new TooManyCallsError(6000, 17),
    ),
  );
}

/** A route that every key may call, whatever its scopes. */
export function OpenToEveryKey(): ClassDecorator & MethodDecorator {
  return SetMetadata(ACCESS, 'any-key');
}

/** Routes that anybody may call. A route without a scope and without this is closed. */
export function OpenToAll(): ClassDecorator & MethodDecorator {
  return SetMetadata(ACCESS, 'all');
}

/** Who makes a call. */
export interface Caller {
  readonly tenantId: number;
  /** null if callers do not authenticate. */
  readonly keyId: string | null;
  /** Who is recorded as the author of a change: the id and the name of the key. */
  readonly actor: string;
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

/** @throws {Error} on a route that is open to all */
export function callerOf({ caller }: FastifyRequest): Caller {
  if (caller === undefined) {
    throw new Error('a route of a tenant was reached without a caller');
  }
  return caller;
}

/** The tenant that a call belongs to, as a parameter of a route. */
export const TenantId = createParamDecorator(
  (_: unknown, context: ExecutionContext): number =>
    callerOf(context.switchToHttp().getRequest<FastifyRequest>()).tenantId,
);
