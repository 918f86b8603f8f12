import {
  holdersOf,
  liveContacts,
  viewOf,
  type Contact,
  type Identifier,
  type Identity,
  type IdentityView,
} from './contact.js';
import { GrowingView } from './growing-view.js';
import { IdentifierMap } from './identifier-map.js';

/** An identity with this many rows or more is not indexed in each batch, but searched with {@link factsOf}. */
const WIDE_ROWS = 64;

/** Whether an identity is searched, and not indexed in each batch. */
export function isWide({ rows }: Identity): boolean {
  return rows.length >= WIDE_ROWS;
}

/** Facts that follow from the rows of an identity alone. */
export interface Facts {
  /** The live contacts, the oldest first. */
  readonly live: readonly Contact[];
  /** The contact that holds each identifier. */
  readonly holders: IdentifierMap<number>;
  /** How many live contacts carry an identifier beside its holder; absent: none. */
  readonly sharers: IdentifierMap<number>;
  readonly view: IdentityView;
  /** See {@link ruledOf}. */
  readonly ruled: readonly Identifier[];
  /** See {@link youngestOf}. */
  readonly youngest: number;
}

const known = new WeakMap<Identity, Facts>();

/** The facts of an identity. They are computed once and kept with it: the cache keeps large identities between batches. */
export function factsOf(identity: Identity): Facts {
  let facts = known.get(identity);
  if (facts === undefined) {
    facts = workOut(identity);
    known.set(identity, facts);
  }
  return facts;
}

function workOut(identity: Identity): Facts {
  const live = liveContacts(identity);
  const holders = holdersOf(live);
  const sharers = new IdentifierMap<number>();
  for (const { id, identifiers } of live) {
    for (const identifier of identifiers) {
      if (holders.get(identifier) !== id) {
        addSharer(sharers, identifier);
      }
    }
  }
  return {
    live,
    holders,
    sharers,
    view: viewOf(live),
    ruled: ruledOf(identity),
    youngest: youngestOf(identity),
  };
}

function addSharer(sharers: IdentifierMap<number>, identifier: Identifier): void {
  sharers.set(identifier, (sharers.get(identifier) ?? 0) + 1);
}

/**
 * The identity after contacts were added to it.
 *
 * If they are younger than all others, the result takes over the facts of the identity, because working them out again takes
 * long for a large one. The identity itself loses them.
 *
 * @param primary its primary as it is now
 */
export function withAdded(identity: Identity, primary: Contact, added: readonly Contact[]): Identity {
  const { primaryId, rows } = identity;
  const at = rows.findIndex(({ id }) => id === primaryId);
  const grown = { primaryId, rows: [...rows.with(at, primary), ...added] };
  const facts = known.get(identity);
  if (facts === undefined || added.some(({ createdAt }) => createdAt <= facts.youngest)) {
    return grown;
  }
  known.delete(identity);
  const { live, holders, sharers, ruled } = facts;
  const view = new GrowingView(facts.view);
  for (const { id, identifiers } of added) {
    const news = identifiers.filter((identifier) => !holders.has(identifier));
    identifiers.filter((each) => holders.has(each)).forEach((each) => addSharer(sharers, each));
    news.forEach((identifier) => holders.set(identifier, id));
    view.add(id, news);
  }
  known.set(grown, {
    live: [...live.with(0, primary), ...added],
    holders,
    sharers,
    view: view.moment()(),
    ruled: [...ruled, ...ruledOf({ primaryId, rows: added })],
    youngest: youngestOf({ primaryId, rows: added }),
  });
  return grown;
}

/** The identifiers of an identity that a rule may speak of. Deleted rows count: their claims may have passed to others. */
export function ruledOf({ rows }: Identity): Identifier[] {
  return rows.flatMap(({ isRuled, identifiers }) => (isRuled ? identifiers : []));
}

/** The date of the youngest row. Deleted rows count: if one is restored or promoted, it must stay older than a newcomer. */
export function youngestOf({ rows }: Identity): number {
  return rows.reduce((latest, { createdAt }) => Math.max(latest, createdAt), 0);
}
