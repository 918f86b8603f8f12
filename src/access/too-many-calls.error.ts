/** A key has made all the calls that it may make for now. */
export class TooManyCallsError extends Error {
  override readonly name = 'TooManyCallsError';

  /**
   * @param callsPerMinute what the key may make
   * @param retryAfterSeconds until it may go on
   */
  constructor(
    readonly callsPerMinute: number,
    readonly retryAfterSeconds: number,
  ) {
    super(`The API key may make ${callsPerMinute} calls a minute, and has made them.`);
  }
}
