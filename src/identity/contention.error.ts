/** The same identities were changed by others at every attempt. Nothing was written; the call may be repeated. */
export class ContentionError extends Error {
  override readonly name = 'ContentionError';

  constructor() {
    super('the identity is being changed by too many calls at once');
  }
}
