import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiSecurity } from '@nestjs/swagger';
import type { Scope } from './scope.js';

export const ACCESS = 'access';

/** The names of the two ways to send a key, in the OpenAPI document. */
export const BEARER = 'bearer';
export const API_KEY_HEADER = 'apiKey';

/** A route that needs a key with this scope. */
export function RequiresScope(scope: Scope): MethodDecorator {
  return applyDecorators(SetMetadata(ACCESS, scope), ApiSecurity(BEARER), ApiSecurity(API_KEY_HEADER));
}

/** Routes that anybody may call. A route that says nothing is open to nobody. */
export function OpenToAll(): ClassDecorator & MethodDecorator {
  return SetMetadata(ACCESS, 'all');
}
