/** There is no live contact with this id. Says nothing of whether there ever was one. */
export class ContactNotFoundError extends Error {
  override readonly name = 'ContactNotFoundError';

  constructor(readonly contactId: number) {
    super(`There is no contact ${contactId}.`);
  }
}
