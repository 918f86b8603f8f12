/** A page of a list. */
export interface Page {
  /** Where the next page begins; null: this page is the last. */
  readonly next: string | null;
}

/**
 * All pages of a list, each read when it is asked for.
 *
 * @param read reads the page that begins at a place; undefined: the first page
 * @throws {ProblemError} what reading a page throws; a page is read once more only if `read` does so
 * @example
 * for await (const { identities } of pagesOf((after) => client.listIdentities({ query: { after } }))) { … }
 */
export async function* pagesOf<P extends Page>(
  read: (after: string | undefined) => Promise<{ readonly data: P }>,
): AsyncGenerator<P, void, undefined> {
  let after: string | undefined;
  do {
    const { data } = await read(after);
    yield data;
    after = data.next ?? undefined;
  } while (after !== undefined);
}
