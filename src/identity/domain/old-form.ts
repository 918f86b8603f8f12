import type { Identifier, Identity, Ignored, Snapshot, Contact } from './contact.js';
import { factsOf } from './facts.js';
import { IdentifierMap } from './identifier-map.js';
import type { NewReview, Pair } from './reviews.js';
import type { Rule } from './rules.js';
import type { Merge, RenamedIdentifier } from './writes.js';

/** A stored value that has another normal form by now. */
export interface OldForm extends Identifier {
  /** Its normal form; never the value itself. */
  readonly to: string;
}

/** An old form that gets its normal form. */
export interface ChangedForm extends OldForm {
  /** Whether two identities become one by it. */
  readonly isMerge: boolean;
}

/** An old form that stays as it is, and why. */
export interface KeptForm extends OldForm {
  /** As for a sighting that would have linked both. `rule`: a rule about it can't be about its normal form. */
  readonly reason: Ignored['reason'] | 'rule';
}

/** What else the decision needs. */
export interface RenormalisationRules {
  /** The normal form of a value; null: it has none any more, so it stays as it is. */
  readonly formOf: (identifier: Identifier) => string | null;
  /** Whether a value links nobody. */
  readonly isBlocked: (identifier: Identifier) => boolean;
}

/** An identity while the decision changes it. */
export interface Person {
  readonly stored: Identity;
  /** The identity that it becomes one with. */
  partner: Person | null;
  /** It is merged, or has other rules from now on: it may not be merged any more. */
  isSettled: boolean;
  /** The normal forms that it gets, by the old ones. */
  readonly forms: IdentifierMap<string>;
}

/** What is known while old forms are decided on, one after the other. */
export interface Work extends RenormalisationRules {
  readonly snapshot: Snapshot;
  readonly persons: readonly Person[];
  /** Who has an identifier, and by which contact. */
  readonly holders: IdentifierMap<{ readonly person: Person; readonly contactId: number }>;
  readonly reserved: IdentifierMap<true>;
  /** By normal form that nobody has yet: who gets it. Null: nobody, it is reserved. */
  readonly takers: IdentifierMap<Person | null>;
  readonly renamed: RenamedIdentifier[];
  readonly reservations: Identifier[];
  readonly keptReservations: Identifier[];
  /** Contacts whose identifiers have a rule from now on. */
  readonly ruledIds: Set<number>;
  readonly unknownRules: IdentifierMap<Identifier>;
  readonly unknownReviews: Map<string, Pair>;
  readonly reviews: Map<string, NewReview>;
  readonly merges: Merge[];
  readonly changed: ChangedForm[];
  readonly kept: KeptForm[];
  readonly later: OldForm[];
}

/** The work before the first old form. */
export function start(snapshot: Snapshot, { formOf, isBlocked }: RenormalisationRules): Work {
  const persons = snapshot.identities.map((stored): Person => ({
    stored,
    partner: null,
    isSettled: false,
    forms: new IdentifierMap(),
  }));
  const holders: Work['holders'] = new IdentifierMap();
  for (const person of persons) {
    for (const { id, identifiers } of factsOf(person.stored).live.toReversed()) {
      identifiers.forEach((each) => holders.set(each, { person, contactId: id }));
    }
  }
  const reserved = new IdentifierMap<true>();
  snapshot.reserved.forEach((each) => reserved.set(each, true));
  return {
    snapshot,
    formOf,
    isBlocked,
    persons,
    holders,
    reserved,
    takers: new IdentifierMap(),
    renamed: [],
    reservations: [],
    keptReservations: [],
    ruledIds: new Set(),
    unknownRules: new IdentifierMap(),
    unknownReviews: new Map(),
    reviews: new Map(),
    merges: [],
    changed: [],
    kept: [],
    later: [],
  };
}

/** The rules about an identifier; empty if they were not read yet. */
export function rulesOf({ snapshot, unknownRules }: Work, { kind, value }: Identifier): readonly Rule[] {
  const identifier = { kind, value };
  const known = snapshot.rules.of(identifier);
  if (known === undefined) {
    unknownRules.set(identifier, identifier);
  }
  return known ?? [];
}

/** The oldest contact of an identity, as it is stored. */
export function primaryOf({ stored: { primaryId, rows } }: Person): Contact {
  return rows.find(({ id }) => id === primaryId)!;
}

/** The identifier that an old form becomes. */
export function normalOf({ kind, to }: OldForm): Identifier {
  return { kind, value: to };
}

/** The identifier as it is stored. */
export function identifierOf({ kind, value }: OldForm): Identifier {
  return { kind, value };
}
