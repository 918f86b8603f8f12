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
  /** Values that were erased and that live calls must not bring back yet; absent: none. */
  readonly erased?: ErasedValues;
}

/** Values that were erased. Only whoever has the key of their hashes can tell which. */
export interface ErasedValues {
  /** Whether a live call must do without the identifier now. */
  isBlocked(identifier: Identifier): boolean;
}

/** A placeholder must not grow without end, and a large identity must not slow down the others. */
export const DEFAULT_MAX_CONTACTS = 1_000;

/** The policy of a tenant that has changed nothing. */
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
export function admit(policy: Policy, sighting: Sighting): Sighting {
  return policy.blocked.isEmpty && policy.erased === undefined
    ? sighting
    : leaveOut(sighting, (identifier) => isRefused(policy, identifier));
}

/** Whether an identifier, or its other form, is blocked, or was erased and must not come back yet. */
function isRefused({ kinds, blocked, erased }: Policy, identifier: Identifier): boolean {
  return kinds
    .withOtherForms([identifier])
    .some((each) => blocked.isBlocked(each) || erased?.isBlocked(each) === true);
}

/**
 * A record of the past without what was erased since. Without a date, nobody knows when it was: it is refused for good, as if it
 * were from before. One with a date is refused if it took place before the erasure, or while calls were refused.
 *
 * @param refusedUntil until when an identifier is refused, in µs since 1970; undefined: it was not erased
 */
export function admitRecord(
  sighting: Sighting,
  refusedUntil: (identifier: Identifier) => number | undefined,
): Sighting {
  const { createdAt } = sighting;
  return leaveOut(sighting, (identifier) => {
    const until = refusedUntil(identifier);
    return until !== undefined && (createdAt === undefined || createdAt <= until);
  });
}

/** The sighting without some identifiers, which are added to `leftOut`. */
export function leaveOut(sighting: Sighting, isLeftOut: (identifier: Identifier) => boolean): Sighting {
  const { identifiers } = sighting;
  if (!identifiers.some(isLeftOut)) {
    return sighting;
  }
  const leftOut = identifiers
    .filter((identifier) => isLeftOut(identifier))
    .map(({ kind }): Ignored => ({ kind, reason: 'blocked' }));
  return {
    ...sighting,
    identifiers: identifiers.filter((identifier) => !isLeftOut(identifier)),
    leftOut: [...(sighting.leftOut ?? []), ...leftOut],
  };
}

/** By kind, how many values count although others are the same. */
export type Doubled = (kind: string) => number;

const NOTHING_DOUBLED: Doubled = () => 0;

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
 * @param doubled values of the parts that will be one with another
 */
export function exceededLimit(
  { maxContacts, kinds }: Policy,
  parts: readonly Size[],
  news: readonly Identifier[],
  doubled = NOTHING_DOUBLED,
): 'contacts' | (string & {}) | null {
  const contacts = parts.map((part) => part.contacts);
  if (isAbove(maxContacts, contacts, news.length > 0 ? 1 : 0)) {
    return 'contacts';
  }
  const exceeded = kinds.limited.find(({ name, limit }) =>
    isAbove(
      limit,
      parts.map(({ valuesOf }) => valuesOf(name)),
      news.filter(({ kind }) => kind === name).length - doubled(name),
    ),
  );
  return exceeded?.name ?? null;
}

/** Whether parts of these counts, and what is added, are more than a limit and more than each part was. */
function isAbove(limit: number, counts: readonly number[], added: number): boolean {
  const after = counts.reduce((sum, count) => sum + count, added);
  return after > limit && after > Math.max(0, ...counts);
}
