import { RETRY_IN_A_SECOND } from '../http/problems/problem.errors.js';
import type { ProblemDescription, ProblemError } from '../http/problems/problem.js';
import type { ConflictCause } from './identity.metrics.js';

/** There is no live contact with this id. Says nothing of whether there ever was one. */
export class ContactNotFoundError extends Error implements ProblemError {
  override readonly name = 'ContactNotFoundError';

  constructor(readonly contactId: number) {
    super(`There is no contact ${contactId}.`);
  }

  get problem(): ProblemDescription {
    return { slug: 'contact-not-found', title: 'Contact not found', status: 404, detail: this.message };
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
        'The deletion is not finished, and goes on. Send the call again: 404 then says that the contact is deleted.',
      headers: { 'retry-after': '5' },
    };
  }
}

/** The same identities were changed by others at every attempt. Nothing was written; the call may be repeated. */
export class ContentionError extends Error implements ProblemError {
  override readonly name = 'ContentionError';

  constructor() {
    super('the identity is being changed by too many calls at once');
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
 * Why a decision was not written: another writer was faster, or is at work on what it rests on. Nothing was changed.
 * `overtaken`: it was another write of this process, which the database was not asked about.
 */
export class Conflict<C extends ConflictCause | 'overtaken' = ConflictCause> {
  /** @param rowIds contacts that the decision rests on and that another holds or has changed; empty: it is not known which */
  constructor(
    readonly cause: C,
    readonly rowIds: readonly number[] = [],
  ) {}
}
