/** An identity with this many contacts or more is large: calls about it have lanes of their own. */
export const LARGE_CONTACTS = 1_000;
