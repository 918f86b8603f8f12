import type { Claim, Contact, Identifier, Identity, IdentityView } from './contact.js';
import type { IdentifierMap } from './identifier-map.js';
import type { KnownRules } from './rules.js';
import type { Merge } from './writes.js';

/** What became of a sighting: a new identity, a new contact of a known one, identities joined, or nothing new. */
export type Outcome = 'created' | 'linked' | 'merged' | 'unchanged';

/** An identity while the batch changes it. */
export interface Growing {
  readonly stored: Identity | null;
  /** Live contacts, the oldest first. */
  contacts: readonly Contact[];
  /** Set when it was merged away. */
  absorbedBy: Growing | null;
  isChanged: boolean;
  /** Identifiers that a rule may speak of, and others; empty: none does. */
  ruled: readonly Identifier[];
  /** Kept until the next change: most callers of a batch ask for the same few identities. */
  view: IdentityView | null;
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
}

export interface Batch {
  readonly identities: Growing[];
  /** Those whose identifiers are not in `holders`, because to put them there would take longer than the rest together. */
  readonly wide: Growing[];
  readonly holders: IdentifierMap<Holder>;
  readonly reserved: IdentifierMap<true>;
  readonly rules: KnownRules;
  /** Identifiers whose rules it needs and was not given; the decision does not hold before they are known. */
  readonly unknownRules: IdentifierMap<Identifier>;
  readonly newcomers: BatchNewcomer[];
  /** The claims that are new or pass to another contact. */
  readonly claims: IdentifierMap<Claim & { readonly isNews: boolean }>;
  readonly merges: Merge[];
  readonly outcomes: Outcome[];
  /** By id: the dates of contacts that turned out to be older than they were. */
  readonly dates: Map<number, number>;
}

/** The identity that this one has become part of, or itself. */
export function current(identity: Growing): Growing {
  let at = identity;
  while (at.absorbedBy !== null) {
    at = at.absorbedBy;
  }
  return at;
}

/** The oldest contact of an identity, as it is now. */
export function primaryOf(identity: Growing): Contact {
  const primary = identity.contacts[0];
  if (primary === undefined) {
    throw new Error('an identity without live contacts cannot take part');
  }
  return primary;
}
