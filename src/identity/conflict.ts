import type { ConflictCause } from './identity.metrics.js';

/** Why a decision was not written: another writer was faster, or is at work on what it rests on. Nothing was changed. */
export class Conflict {
  /** @param rowIds contacts that the decision rests on and that another holds or has changed; empty: it is not known which */
  constructor(
    readonly cause: ConflictCause,
    readonly rowIds: readonly number[] = [],
  ) {}
}
