import type { ProblemDescription, ProblemError } from '../http/problems/problem.js';

/** The tenant has no key with this id. Does not reveal whether another one has. */
export class KeyNotFoundError extends Error implements ProblemError {
  override readonly name = 'KeyNotFoundError';

  constructor(id: string) {
    super(`There is no key ${id}.`);
  }

  get problem(): ProblemDescription {
    return { slug: 'key-not-found', title: 'Key not found', status: 404, detail: this.message };
  }
}

/** The key that is to be rotated was revoked, or has expired. */
export class KeyEndedError extends Error implements ProblemError {
  override readonly name = 'KeyEndedError';

  constructor(id: string) {
    super(`The key ${id} no longer works. Create a new one.`);
  }

  get problem(): ProblemDescription {
    return { slug: 'key-ended', title: 'Key ended', status: 409, detail: this.message };
  }
}

/** A key would revoke itself. Whoever may revoke only others leaves at least one key that administers: the own one. */
export class OwnKeyError extends Error implements ProblemError {
  override readonly name = 'OwnKeyError';

  constructor() {
    super('a key can’t revoke itself');
  }

  get problem(): ProblemDescription {
    return {
      slug: 'own-key',
      title: 'Own key',
      status: 409,
      detail:
        'A key can’t revoke itself, so that nobody is locked out; nothing was changed. Rotate it, or revoke it with another key that has the scope admin, or on the command line.',
    };
  }
}

/** A tenant has as many keys that work as it may make over HTTP. */
export class KeyLimitError extends Error implements ProblemError {
  override readonly name = 'KeyLimitError';

  constructor(max: number) {
    super(`There are ${max} keys that work, and there can't be more; revoke one.`);
  }

  get problem(): ProblemDescription {
    return { slug: 'key-limit', title: 'Too many keys', status: 409, detail: this.message };
  }
}

/** The call was answered before: its key was made then, and nobody can show it again. */
export class KeyShownBeforeError extends Error implements ProblemError {
  override readonly name = 'KeyShownBeforeError';

  /** @param id of the key that the first call made */
  constructor(id: string) {
    super(`the call has made the key ${id} before`);
  }

  get problem(): ProblemDescription {
    return {
      slug: 'key-shown-before',
      title: 'Key shown before',
      status: 409,
      detail: `With this Idempotency-Key, ${this.message}, which is shown only once. If that answer was lost, revoke the key and make another one.`,
    };
  }
}
