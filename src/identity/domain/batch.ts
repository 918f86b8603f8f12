import {
  liveContacts,
  type Claim,
  type Contact,
  type Identifier,
  type Identity,
  type IdentityView,
  type Snapshot,
} from './contact.js';
import { factsOf, isWide, ruledOf } from './facts.js';
import type { GrowingView } from './growing-view.js';
import { IdentifierMap } from './identifier-map.js';
import type { KnownRules } from './rules.js';
import type { Policy } from './policy.js';
import type { KnownReviews, NewReview, Pair, ReviewReason } from './reviews.js';
import type { Merge } from './writes.js';

/**
 * The effect of a sighting: a new identity, a new contact of a known one, a merge, an earlier date of a known contact (imports only), or
 * nothing new; `blocked`: none of its identifiers may be used.
 */
export type Outcome = 'created' | 'linked' | 'merged' | 'dated' | 'unchanged' | 'blocked';

/**
 * What became of a sighting that names somebody it is the same as: `joined`, its identity was merged with that person's; `one`, it was
 * that person's already; otherwise why the two stay apart: `gone`, nobody has the named identifier any more.
 */
export type Joining = 'joined' | 'one' | 'gone' | ReviewReason;

/** An identity while the batch changes it. */
export interface Growing {
  readonly stored: Identity | null;
  /** Live contacts, the oldest first. The list is the batch's own. */
  contacts: Contact[];
  /** Set once it was merged into another. */
  absorbedBy: Growing | null;
  isChanged: boolean;
  /** Identifiers that may have rules, and others; empty: none has a rule. */
  ruled: readonly Identifier[];
  /** Kept until the next change, because most callers of a batch ask for the same few identities. */
  view: IdentityView | null;
  /** The view since contacts were added to it; null: no view was known before. */
  growing: GrowingView | null;
  /** By kind, how many different values there are, of those that were counted; both forms of one are one. Null: none was counted. */
  valueCounts: Map<string, number> | null;
}

/** The contact that holds an identifier: the oldest live one that carries it. */
export interface Holder {
  readonly identity: Growing;
  readonly contactId: number;
}

/** A contact of a batch that is to be inserted. */
export interface BatchNewcomer {
  readonly contact: Contact;
  readonly identity: Growing;
  readonly joinedId: number | null;
  /** The call that brought it; absent: none. */
  readonly requestId: string | undefined;
}

/** What is known while a batch is decided, sighting after sighting. */
export interface Batch {
  readonly identities: Growing[];
  /** Identities whose identifiers are not in `holders`, because adding them would take longer than everything else. */
  readonly wide: Growing[];
  readonly holders: IdentifierMap<Holder>;
  readonly reserved: IdentifierMap<true>;
  readonly rules: KnownRules;
  /** Identifiers whose rules are needed and unknown. The decision must not be written before they are known. */
  readonly unknownRules: IdentifierMap<Identifier>;
  readonly policy: Policy;
  readonly knownReviews: KnownReviews;
  /** As `unknownRules`: pairs whose reviews are needed and unknown, by their key. */
  readonly unknownReviews: Map<string, Pair>;
  /** New reviews, by the key of their pair. */
  readonly reviews: Map<string, NewReview>;
  readonly newcomers: BatchNewcomer[];
  /** New claims, and claims that move to another contact. */
  readonly claims: IdentifierMap<Claim & { readonly isNews: boolean }>;
  readonly merges: Merge[];
  readonly outcomes: Outcome[];
  /** By place of the sighting; null: none names somebody it is the same as. */
  joinings: Map<number, Joining> | null;
  /** By id: the earlier dates that contacts get. */
  readonly dates: Map<number, number>;
}

/** The batch before its first sighting. */
export function startBatch({ identities, reserved, rules, reviews, policy }: Snapshot): Batch {
  const batch: Batch = {
    identities: identities.map(startIdentity),
    wide: [],
    holders: new IdentifierMap(),
    reserved: new IdentifierMap(),
    rules,
    unknownRules: new IdentifierMap(),
    policy,
    knownReviews: reviews,
    unknownReviews: new Map(),
    reviews: new Map(),
    newcomers: [],
    claims: new IdentifierMap(),
    merges: [],
    outcomes: [],
    joinings: null,
    dates: new Map(),
  };
  reserved.forEach((identifier) => batch.reserved.set(identifier, true));
  for (const identity of batch.identities) {
    if (identity.stored !== null && isWide(identity.stored)) {
      batch.wide.push(identity);
      continue;
    }
    // the youngest first, so that the oldest carrier of an identifier holds it in the end
    for (let i = identity.contacts.length - 1; i >= 0; i--) {
      const { id, identifiers } = identity.contacts[i]!;
      const holder = { identity, contactId: id };
      for (const identifier of identifiers) {
        batch.holders.set(identifier, holder);
      }
    }
  }
  return batch;
}

function startIdentity(stored: Identity): Growing {
  const facts = isWide(stored) ? factsOf(stored) : null;
  return {
    stored,
    contacts: facts === null ? liveContacts(stored) : [...facts.live],
    absorbedBy: null,
    isChanged: false,
    ruled: facts?.ruled ?? ruledOf(stored),
    view: facts?.view ?? null,
    growing: null,
    valueCounts: null,
  };
}

/** The identity into which this one was merged, or itself. */
export function current(identity: Growing): Growing {
  let at = identity;
  while (at.absorbedBy !== null) {
    at = at.absorbedBy;
  }
  return at;
}

/** The oldest contact of an identity at this moment. */
export function primaryOf(identity: Growing): Contact {
  const primary = identity.contacts[0];
  if (primary === undefined) {
    throw new Error('an identity without live contacts cannot take part');
  }
  return primary;
}

/** Who holds an identifier; null: nobody. Its other form is another identifier. */
export function holderOf({ holders, wide }: Batch, identifier: Identifier): Holder | null {
  const holder = holders.get(identifier);
  if (holder !== undefined) {
    return holder;
  }
  for (const identity of wide) {
    const contactId = factsOf(identity.stored!).holders.get(identifier);
    if (contactId !== undefined) {
      return { identity, contactId };
    }
  }
  return null;
}
