import { InvalidRequestError, RETRY_IN_A_SECOND } from '../http/problems/problem.errors.js';
import type { ProblemDescription, ProblemError } from '../http/problems/problem.js';
import { RuleDto } from './api/dto/rule.dto.js';
import type { Ignored } from './domain/contact.js';
import type { Unusable } from './domain/decide-review.js';
import type { Rule } from './domain/rules.js';
import type { ConflictCause } from './identity.metrics.js';

/** A call names a kind of identifier that its tenant has not declared, or has retired, as far as this process knows. */
export class UndeclaredKindError extends InvalidRequestError {
  override readonly name = 'UndeclaredKindError';
}

/** There is no live contact with this id. Does not reveal whether there ever was one. */
export class ContactNotFoundError extends Error implements ProblemError {
  override readonly name = 'ContactNotFoundError';

  constructor(readonly contactId: number) {
    super(`There is no contact ${contactId}.`);
  }

  get problem(): ProblemDescription {
    return { slug: 'contact-not-found', title: 'Contact not found', status: 404, detail: this.message };
  }
}

/** There is no rule with this id. Does not reveal whether there ever was one. */
export class RuleNotFoundError extends Error implements ProblemError {
  override readonly name = 'RuleNotFoundError';

  constructor(readonly ruleId: number) {
    super(`There is no rule ${ruleId}.`);
  }

  get problem(): ProblemDescription {
    return { slug: 'rule-not-found', title: 'Rule not found', status: 404, detail: this.message };
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

/** There is no erasure with this id. */
export class ErasureNotFoundError extends Error implements ProblemError {
  override readonly name = 'ErasureNotFoundError';

  constructor(readonly erasureId: number) {
    super(`There is no erasure ${erasureId}.`);
  }

  get problem(): ProblemDescription {
    return { slug: 'erasure-not-found', title: 'Erasure not found', status: 404, detail: this.message };
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

/** There is no blocked value with this id. Does not reveal whether there ever was one. */
export class BlockedValueNotFoundError extends Error implements ProblemError {
  override readonly name = 'BlockedValueNotFoundError';

  constructor(id: number) {
    super(`There is no blocked value ${id}.`);
  }

  get problem(): ProblemDescription {
    return {
      slug: 'blocked-value-not-found',
      title: 'Blocked value not found',
      status: 404,
      detail: this.message,
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

/** There is no merge with this id. */
export class MergeNotFoundError extends Error implements ProblemError {
  override readonly name = 'MergeNotFoundError';

  constructor(mergeId: number) {
    super(`There is no merge ${mergeId}.`);
  }

  get problem(): ProblemDescription {
    return { slug: 'merge-not-found', title: 'Merge not found', status: 404, detail: this.message };
  }
}

/** There is no review with this id. */
export class ReviewNotFoundError extends Error implements ProblemError {
  override readonly name = 'ReviewNotFoundError';

  constructor(reviewId: number) {
    super(`There is no review ${reviewId}.`);
  }

  get problem(): ProblemDescription {
    return { slug: 'review-not-found', title: 'Review not found', status: 404, detail: this.message };
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

  constructor(private readonly ignored: readonly Pick<Ignored, 'kind'>[]) {
    super('all identifiers are blocked');
  }

  get problem(): ProblemDescription {
    return {
      slug: 'identifiers-blocked',
      title: 'Identifiers blocked',
      status: 422,
      detail: 'None of the identifiers may link anybody; nothing was written. Send another one with them.',
      errors: this.ignored.map(({ kind }) => ({ field: kind, message: `${kind} is blocked` })),
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

/** A deletion takes longer than its caller may wait: every contact of a large identity gets another primary. */
export class DeletionUnderWayError extends Error implements ProblemError {
  override readonly name = 'DeletionUnderWayError';

  get problem(): ProblemDescription {
    return {
      slug: 'deletion-under-way',
      title: 'Deletion under way',
      status: 503,
      detail:
        'The deletion is still running. Send the call again; 404 then means that the contact is deleted.',
      headers: { 'retry-after': '5' },
    };
  }
}

/** A change by hand takes longer than its caller may wait: it moves every contact of a large identity. It goes on. */
export class ChangeUnderWayError extends Error implements ProblemError {
  override readonly name = 'ChangeUnderWayError';

  get problem(): ProblemDescription {
    return {
      slug: 'change-under-way',
      title: 'Change under way',
      status: 503,
      detail:
        'The change is still running. If the call has an Idempotency-Key, send it again: no second change is made, and the answer tells the first one. Otherwise look at what is stored before you repeat it.',
      headers: { 'retry-after': '5' },
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

/** What a change rests on is no longer what `If-Match` names. Nothing was written. */
export class PreconditionFailedError extends Error implements ProblemError {
  override readonly name = 'PreconditionFailedError';

  /** @param of what `If-Match` must name */
  constructor(private readonly of: 'dry-run' | 'policy' = 'dry-run') {
    super('what the change rests on has moved since the caller saw it');
  }

  get problem(): ProblemDescription {
    const remedy = this.of === 'policy' ? 'Read the policy, and change that one.' : 'Make the dry run again.';
    return {
      slug: 'precondition-failed',
      title: 'Precondition failed',
      status: 412,
      detail: `If-Match does not name what is stored now; nothing was changed. ${remedy}`,
    };
  }
}

/** The change of a policy without `If-Match`: it might undo what somebody else changed meanwhile. Nothing was written. */
export class PreconditionRequiredError extends Error implements ProblemError {
  override readonly name = 'PreconditionRequiredError';

  constructor() {
    super('the call has no If-Match');
  }

  get problem(): ProblemDescription {
    return {
      slug: 'precondition-required',
      title: 'Precondition required',
      status: 428,
      detail: 'Send the ETag of the policy that you have read as If-Match; nothing was changed.',
    };
  }
}

/** A call with the same idempotency key is under way. */
export class IdempotencyKeyInFlightError extends Error implements ProblemError {
  override readonly name = 'IdempotencyKeyInFlightError';

  constructor() {
    super('a call with the same idempotency key is under way');
  }

  get problem(): ProblemDescription {
    return {
      slug: 'idempotency-key-in-flight',
      title: 'Idempotency key in flight',
      status: 409,
      detail: 'A call with the same Idempotency-Key is under way. Repeat this one when that is answered.',
      headers: RETRY_IN_A_SECOND,
    };
  }
}

/** The idempotency key stands for another call. Nothing was written. */
export class IdempotencyKeyReusedError extends Error implements ProblemError {
  override readonly name = 'IdempotencyKeyReusedError';

  constructor() {
    super('the idempotency key was used for another call');
  }

  get problem(): ProblemDescription {
    return {
      slug: 'idempotency-key-reused',
      title: 'Idempotency key reused',
      status: 422,
      detail:
        'In the last 24 hours the Idempotency-Key was used for another route or body; nothing was changed.',
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
