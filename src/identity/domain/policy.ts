import { Blocklist } from './blocklist.js';
import type { Identifier, Ignored, Sighting } from './contact.js';
import { STANDARD_KINDS, type Kinds } from './kinds.js';

/** What a tenant allows to link, and how far an identity may grow. */
export interface Policy {
  /** Counts the changes of limits and kinds; 0: the default policy. */
  readonly version: number;
  /** Live contacts that an identity may grow to; may be infinite. */
  readonly maxContacts: number;
  readonly kinds: Kinds;
  /** Values that link nobody. */
  readonly blocked: Blocklist;
}

/** A placeholder must not grow without end, and a large identity must not slow down the others. */
export const DEFAULT_MAX_CONTACTS = 1_000;

export const DEFAULT_POLICY: Policy = {
  version: 0,
  maxContacts: DEFAULT_MAX_CONTACTS,
  kinds: STANDARD_KINDS,
  blocked: new Blocklist([]),
};

/**
 * The sighting without its blocked identifiers, which are listed in `leftOut`. The result may have no identifiers: then nothing of
 * it may be used.
 */
export function admit({ blocked }: Policy, sighting: Sighting): Sighting {
  const isAllowed = (identifier: Identifier): boolean => !blocked.isBlocked(identifier);
  if (sighting.identifiers.every(isAllowed)) {
    return sighting;
  }
  const leftOut = sighting.identifiers
    .filter((identifier) => !isAllowed(identifier))
    .map(({ kind }): Ignored => ({ kind, reason: 'blocked' }));
  return { ...sighting, identifiers: sighting.identifiers.filter(isAllowed), leftOut };
}

/** How large an identity is. */
export interface Size {
  readonly contacts: number;
  /** How many different values of a kind its live contacts have. */
  readonly valuesOf: (kind: string) => number;
}

/**
 * The limit that some identities would exceed as one, together with a new contact: `contacts`, or the name of a kind; null if they
 * may become one. What exceeds a limit already, because it was lowered, may stay, but not grow.
 *
 * @param parts without identities in common, so without values in common
 * @param news identifiers of the new contact that none of them has; empty: there is no new contact
 */
export function exceededLimit(
  { maxContacts, kinds }: Policy,
  parts: readonly Size[],
  news: readonly Identifier[],
): 'contacts' | (string & {}) | null {
  const contacts = parts.map((part) => part.contacts);
  if (isAbove(maxContacts, contacts, news.length > 0 ? 1 : 0)) {
    return 'contacts';
  }
  const exceeded = kinds.limited.find(({ name, limit }) =>
    isAbove(
      limit,
      parts.map(({ valuesOf }) => valuesOf(name)),
      news.filter(({ kind }) => kind === name).length,
    ),
  );
  return exceeded?.name ?? null;
}

/** Whether parts of these counts, and what is added, are more than a limit and more than each part was. */
function isAbove(limit: number, counts: readonly number[], added: number): boolean {
  const after = counts.reduce((sum, count) => sum + count, added);
  return after > limit && after > Math.max(0, ...counts);
}
