/** What an operator asked for can't be done; the message says why. */
export class AdministrationError extends Error {
  override readonly name = 'AdministrationError';
}
