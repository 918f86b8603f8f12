import { liveContacts, type Identifier, type Identity, type Snapshot } from './contact.js';
import { IdentifierMap } from './identifier-map.js';
import { isSame, otherOf } from './rules.js';
import type { TouchedRow, Writes } from './writes.js';

/** Where an identifier is held. */
interface Held {
  readonly identity: Identity;
  readonly contactId: number;
}

/**
 * Makes a rule of each pair of identifiers, whether anybody holds them or not; but none of a pair that lies in one identity,
 * and none of one that has a rule.
 *
 * The identities that hold them count as changed, and an identifier that nobody holds is reserved. So a decision about either
 * of them at the same time is made again with the rules.
 *
 * @param snapshot what is known of the identifiers, with their rules; if more are needed, the writes say so
 */
export function layRules(
  { identities, reserved, rules }: Snapshot,
  pairs: readonly (readonly [Identifier, Identifier])[],
): Pick<Writes, 'rules' | 'touched' | 'ruledIds' | 'reservations' | 'keptReservations' | 'unknownRules'> {
  if (pairs.length === 0) {
    return {
      rules: [],
      touched: [],
      ruledIds: [],
      reservations: [],
      keptReservations: [],
      unknownRules: [],
    };
  }
  const held = new IdentifierMap<Held>();
  for (const identity of identities) {
    for (const contact of liveContacts(identity)) {
      for (const each of contact.identifiers) {
        if (!held.has(each)) {
          held.set(each, { identity, contactId: contact.id });
        }
      }
    }
  }
  const unknown = new IdentifierMap<Identifier>();
  const made = pairs.filter(([one, other]) => {
    const identity = held.get(one)?.identity;
    if (identity !== undefined && identity === held.get(other)?.identity) {
      return false;
    }
    const known = rules.of(one);
    if (known === undefined) {
      unknown.set(one, one);
    }
    return known?.some((rule) => isSame(otherOf(rule, one), other)) !== true;
  });
  const named = new IdentifierMap<Identifier>();
  made.flat().forEach((identifier) => named.set(identifier, identifier));
  const identifiers = [...named.items()];
  const unheld = identifiers.filter((identifier) => !held.has(identifier));
  const isReserved = (identifier: Identifier): boolean => reserved.some((each) => isSame(each, identifier));
  const holders = identifiers.flatMap((identifier) => held.get(identifier) ?? []);
  const ruledIds = [...new Set(holders.map(({ contactId }) => contactId))];
  return {
    rules: made,
    touched: touchedRows(holders),
    ruledIds,
    reservations: unheld.filter((identifier) => !isReserved(identifier)),
    keptReservations: unheld.filter(isReserved),
    unknownRules: [...unknown.items()],
  };
}

/** The holders, and the primaries of their identities, each once. */
function touchedRows(holders: readonly Held[]): TouchedRow[] {
  return [...Map.groupBy(holders, ({ identity }) => identity)].flatMap(
    ([{ primaryId, rows }, ofIdentity]) => {
      const ids = new Set([primaryId, ...ofIdentity.map(({ contactId }) => contactId)]);
      return rows
        .filter(({ id }) => ids.has(id))
        .map(({ id, version }) => ({
          id,
          version,
          linkedId: id === primaryId ? null : primaryId,
          leavesPast: false,
        }));
    },
  );
}
