/** The caller did not show a key that is valid; the message says no more than that. */
export class UnauthorizedError extends Error {
  override readonly name = 'UnauthorizedError';

  /** @param isMissing no key was sent at all */
  constructor(readonly isMissing: boolean) {
    super(
      isMissing
        ? 'Send an API key, as Authorization: Bearer … or as X-API-Key.'
        : 'The API key is not valid.',
    );
  }
}
