import type { ProblemDescription, ProblemError } from '../http/problems/problem.js';
import type { Scope } from './scope.js';

/** The caller showed no valid key. The message says no more than that. */
export class UnauthorizedError extends Error implements ProblemError {
  override readonly name = 'UnauthorizedError';

  /** @param isMissing no key was sent at all */
  constructor(readonly isMissing: boolean) {
    super(
      isMissing
        ? 'Send an API key, as Authorization: Bearer … or as X-API-Key.'
        : 'The API key is not valid.',
    );
  }

  get problem(): ProblemDescription {
    const challenge = 'Bearer realm="identity-reconciliation"';
    return {
      slug: 'unauthorized',
      title: 'Unauthorized',
      status: 401,
      detail: this.message,
      headers: { 'www-authenticate': this.isMissing ? challenge : `${challenge}, error="invalid_token"` },
    };
  }
}

/** The session of the console has ended, or its key no longer works. */
export class SessionEndedError extends Error implements ProblemError {
  override readonly name = 'SessionEndedError';

  constructor() {
    super('The session of the console has ended. Sign in again.');
  }

  get problem(): ProblemDescription {
    return { slug: 'session-ended', title: 'Session ended', status: 401, detail: this.message };
  }
}

/** A page of another origin wants to change something with the cookie of the console. */
export class CrossOriginError extends Error implements ProblemError {
  override readonly name = 'CrossOriginError';

  constructor() {
    super('A session of the console counts only for calls of its own pages. Send an API key instead.');
  }

  get problem(): ProblemDescription {
    return { slug: 'cross-origin', title: 'Cross-origin call', status: 403, detail: this.message };
  }
}

/** The key is valid, but may not do this. */
export class ForbiddenError extends Error implements ProblemError {
  override readonly name = 'ForbiddenError';

  /** @param scope what the key lacks; null: the route is closed to every key */
  constructor(readonly scope: Scope | null) {
    super(scope === null ? 'The route is not open to callers.' : `The API key lacks the scope ${scope}.`);
  }

  get problem(): ProblemDescription {
    return { slug: 'forbidden', title: 'Forbidden', status: 403, detail: this.message };
  }
}

/** What an operator asked for can't be done; the message says why. */
export class AdministrationError extends Error {
  override readonly name = 'AdministrationError';
}
