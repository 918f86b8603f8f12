/** The import can't go on, or not begin; the message is for the one who started it. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
}

/** One row can't be taken; the message says why, and names no value. */
export class Rejection extends Error {
  override readonly name = 'Rejection';
}
