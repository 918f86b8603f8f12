/**
 * The database could not serve a call, for a reason that passes or that an operator can mend.
 *
 * The message says why in a few words that name no host, user or statement, so it may be shown to anyone.
 */
export class DatabaseUnavailableError extends Error {
  override readonly name = 'DatabaseUnavailableError';
}
