import type { Scope } from './scope.js';

/** The key is valid, and may not do this. */
export class ForbiddenError extends Error {
  override readonly name = 'ForbiddenError';

  /** @param scope what the key lacks; null: the route is open to no key */
  constructor(readonly scope: Scope | null) {
    super(scope === null ? 'The route is not open to callers.' : `The API key lacks the scope ${scope}.`);
  }
}
