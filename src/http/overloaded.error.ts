/** The service has more to do than it can in time, and has not begun with this call. */
export class OverloadedError extends Error {
  override readonly name = 'OverloadedError';
}
