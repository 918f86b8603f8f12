import { liveContacts, viewOf, type Contact, type Identity, type IdentityView } from './contact.js';

/** What follows from the rows of an identity alone. */
export interface Facts {
  /** The live contacts, the oldest first. */
  readonly live: readonly Contact[];
  readonly emails: ReadonlySet<string>;
  readonly phoneNumbers: ReadonlySet<string>;
  readonly view: IdentityView;
}

const known = new WeakMap<Identity, Facts>();

/** The facts of an identity, worked out once for as long as somebody keeps it: a large one is kept between batches. */
export function factsOf(identity: Identity): Facts {
  const facts = known.get(identity) ?? workOut(identity);
  known.set(identity, facts);
  return facts;
}

function workOut(identity: Identity): Facts {
  const live = liveContacts(identity);
  const view = viewOf(live);
  return { live, emails: new Set(view.emails), phoneNumbers: new Set(view.phoneNumbers), view };
}
