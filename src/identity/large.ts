/** Contacts from which on an identity counts as large: it is worked on in a lane of its own. */
export const LARGE_CONTACTS = 1_000;
