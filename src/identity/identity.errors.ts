import { InvalidRequestError, RETRY_IN_A_SECOND } from '../http/problems/problem.errors.js';
import type { FieldError, ProblemDescription, ProblemError } from '../http/problems/problem.js';
import { RuleDto } from './api/dto/rule.dto.js';
import type { Ignored } from './domain/contact.js';
import type { Unusable } from './domain/decide-review.js';
import type { Rule } from './domain/rules.js';
import type { ConflictCause } from './identity.metrics.js';

/** A call names a kind of identifier that its tenant has not declared, or has retired, as far as this process knows. */
export class UndeclaredKindError extends InvalidRequestError {
  override readonly name = 'UndeclaredKindError';
}

const NOT_FOUND = {
  contact: { slug: 'contact-not-found', title: 'Contact not found' },
  rule: { slug: 'rule-not-found', title: 'Rule not found' },
  merge: { slug: 'merge-not-found', title: 'Merge not found' },
  review: { slug: 'review-not-found', title: 'Review not found' },
  'blocked value': { slug: 'blocked-value-not-found', title: 'Blocked value not found' },
  erasure: { slug: 'erasure-not-found', title: 'Erasure not found' },
} as const;

/** What a call names by its id is not there. Does not reveal whether it ever was. */
export class NotFoundError extends Error implements ProblemError {
  override readonly name = 'NotFoundError';

  constructor(
    readonly what: keyof typeof NOT_FOUND,
    readonly id: number,
  ) {
    super(`There is no ${what} ${id}.`);
  }

  get problem(): ProblemDescription {
    return { ...NOT_FOUND[this.what], status: 404, detail: this.message };
  }
}

/** No contact has this identifier. */
export class IdentifierNotFoundError extends Error implements ProblemError {
  override readonly name = 'IdentifierNotFoundError';

  constructor() {
    super('no contact has this identifier');
  }

  get problem(): ProblemDescription {
    return {
      slug: 'contact-not-found',
      title: 'Contact not found',
      status: 404,
      detail:
        'No live contact has this identifier; nothing was changed. With the scope identifier it is erased wherever it is left.',
    };
  }
}

/** There is no key for the hashes of what is erased. */
export class ErasureNotConfiguredError extends Error implements ProblemError {
  override readonly name = 'ErasureNotConfiguredError';

  constructor() {
    super('ERASURE_KEY is not set');
  }

  get problem(): ProblemDescription {
    return {
      slug: 'erasure-not-configured',
      title: 'Erasure not configured',
      status: 503,
      detail:
        'ERASURE_KEY is not set, so nothing can be erased; nothing was changed. Set it to a secret of at least 32 bytes on every replica.',
    };
  }
}

/** Another call blocked the same pattern first. Nothing was written. */
export class BlockedMeanwhileError extends Error {
  override readonly name = 'BlockedMeanwhileError';
}

/** What was erased was hashed with another key, so nobody can tell what it was. */
export class ErasureKeyMismatchError extends Error implements ProblemError {
  override readonly name = 'ErasureKeyMismatchError';

  constructor() {
    super('ERASURE_KEY is not the key that earlier erasures were made with');
  }

  get problem(): ProblemDescription {
    return {
      slug: 'erasure-key-mismatch',
      title: 'Another erasure key',
      status: 503,
      detail: `${this.message}; nothing was changed. Set it to that key on every replica.`,
    };
  }
}

/** What was named can't leave the identity. Nothing was changed. */
export class NothingToSplitError extends Error implements ProblemError {
  override readonly name = 'NothingToSplitError';

  /** @param reason why, as a sentence without values */
  constructor(private readonly reason: string) {
    super('nothing to split');
  }

  get problem(): ProblemDescription {
    return {
      slug: 'nothing-to-split',
      title: 'Nothing to split',
      status: 422,
      detail: `${this.reason} Nothing was changed.`,
    };
  }
}

/** Rules forbid that the identities become one. Nothing was written. */
export class DoNotLinkError extends Error implements ProblemError {
  override readonly name = 'DoNotLinkError';

  constructor(readonly rules: readonly Rule[]) {
    super('rules keep the identities apart');
  }

  get problem(): ProblemDescription {
    return {
      slug: 'do-not-link',
      title: 'Kept apart by rules',
      status: 409,
      detail:
        'These rules keep the identities apart; nothing was changed. With "force": true they are deleted.',
      rules: this.rules.map((rule) => new RuleDto(rule)),
    };
  }
}

/** None of the identifiers of a sighting may be used: they are blocked. Nothing was written. */
export class IdentifiersBlockedError extends Error implements ProblemError {
  override readonly name = 'IdentifiersBlockedError';

  /** @param mistakes what is wrong with the others, if fields that are not valid were left out */
  constructor(
    private readonly ignored: readonly Pick<Ignored, 'kind'>[],
    private readonly mistakes: readonly FieldError[] = [],
  ) {
    super('all identifiers are blocked');
  }

  get problem(): ProblemDescription {
    return {
      slug: 'identifiers-blocked',
      title: 'Identifiers blocked',
      status: 422,
      detail: 'None of the identifiers may link anybody; nothing was written. Send another one with them.',
      errors: [
        ...this.mistakes,
        ...this.ignored.map(({ kind }) => ({ field: kind, message: `${kind} is blocked` })),
      ],
    };
  }
}

/** The link that a review is about can't be made: an identifier of its pair may link nobody any more. Nothing was written. */
export class ReviewBlockedError extends Error implements ProblemError {
  override readonly name = 'ReviewBlockedError';

  constructor(private readonly unusable: readonly Unusable[]) {
    super('an identifier of the review may link nobody');
  }

  get problem(): ProblemDescription {
    return {
      slug: 'identifiers-blocked',
      title: 'Identifiers blocked',
      status: 422,
      detail: 'An identifier of the review may link nobody; nothing was changed. It can only be kept apart.',
      errors: this.unusable.map(({ kind, because }) => ({
        field: kind,
        message: because === 'blocked' ? `${kind} is blocked` : `the kind ${kind} is retired`,
      })),
    };
  }
}

/** The identity would grow beyond a limit of the policy. Nothing was written. */
export class IdentityLimitError extends Error implements ProblemError {
  override readonly name = 'IdentityLimitError';

  /** @param limit `contacts`, or the name of a kind */
  constructor(private readonly limit: string) {
    super('the identity would exceed a limit');
  }

  get problem(): ProblemDescription {
    const what = this.limit === 'contacts' ? 'contacts' : `values of ${this.limit}`;
    return {
      slug: 'identity-limit',
      title: 'Identity limit',
      status: 409,
      detail: `The identity would have more ${what} than the policy allows; nothing was changed. With "force": true it may.`,
    };
  }
}

/** What a rule is to keep apart is in one identity. Nothing was written. */
export class AlreadyLinkedError extends Error implements ProblemError {
  override readonly name = 'AlreadyLinkedError';

  constructor() {
    super('both identifiers are in one identity');
  }

  get problem(): ProblemDescription {
    return {
      slug: 'already-linked',
      title: 'Already linked',
      status: 409,
      detail: 'Both identifiers are in one identity, so a rule can’t keep them apart; nothing was changed.',
    };
  }
}

/** Other writers changed the same identities at every attempt. Nothing was written; the call may be repeated. */
export class ContentionError extends Error implements ProblemError {
  override readonly name = 'ContentionError';

  constructor() {
    super('too many calls are changing the identity at once');
  }

  get problem(): ProblemDescription {
    return {
      slug: 'contention',
      title: 'Too much contention',
      status: 503,
      detail: 'Too many calls are changing the same identity at once; nothing was written. Try again.',
      headers: RETRY_IN_A_SECOND,
    };
  }
}

/**
 * A decision was not written, because another writer was faster or is changing the same rows. Nothing was changed.
 * `overtaken`: the other writer is in this process, and the database was not asked.
 */
export class Conflict<C extends ConflictCause | 'overtaken' = ConflictCause> {
  /** @param rowIds contacts of the decision that another writer holds or has changed; empty: it is not known which */
  constructor(
    readonly cause: C,
    readonly rowIds: readonly number[] = [],
  ) {}
}
