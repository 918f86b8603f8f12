import { RETRY_IN_A_SECOND } from '../http/problems/problem.errors.js';
import type { ProblemDescription, ProblemError } from '../http/problems/problem.js';

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
