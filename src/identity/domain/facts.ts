import {
  holdersOf,
  liveContacts,
  viewOf,
  type Contact,
  type Identifier,
  type Identity,
  type IdentityView,
} from './contact.js';
import type { IdentifierMap } from './identifier-map.js';

/** Facts that follow from the rows of an identity alone. */
export interface Facts {
  /** The live contacts, the oldest first. */
  readonly live: readonly Contact[];
  /** The contact that holds each identifier. */
  readonly holders: IdentifierMap<number>;
  readonly view: IdentityView;
  /** See {@link ruledOf}. */
  readonly ruled: readonly Identifier[];
}

const known = new WeakMap<Identity, Facts>();

/** The facts of an identity. They are computed once and kept with it: the cache keeps large identities between batches. */
export function factsOf(identity: Identity): Facts {
  const facts = known.get(identity) ?? workOut(identity);
  known.set(identity, facts);
  return facts;
}

function workOut(identity: Identity): Facts {
  const live = liveContacts(identity);
  return { live, holders: holdersOf(live), view: viewOf(live), ruled: ruledOf(identity) };
}

/** The identifiers of an identity that a rule may speak of. Deleted rows count: their claims may have passed to others. */
export function ruledOf({ rows }: Identity): Identifier[] {
  return rows.flatMap(({ isRuled, identifiers }) => (isRuled ? identifiers : []));
}
