import { holdersOf, liveContacts, type Identifier, type Snapshot } from './contact.js';
import { IdentifierMap } from './identifier-map.js';
import { NO_WRITES, type Writes } from './writes.js';

/** Two identifiers that must never be in one identity, whoever holds them. */
export interface Rule {
  readonly id: number;
  readonly identifiers: readonly [Identifier, Identifier];
}

/** The rules about some identifiers. For other identifiers the rules were not read. */
export class KnownRules {
  private readonly byIdentifier = new IdentifierMap<Rule[]>();

  /**
   * @param askedFor the identifiers whose rules were read
   * @param rules all rules about one of them
   */
  constructor(
    readonly askedFor: readonly Identifier[] = [],
    readonly rules: readonly Rule[] = [],
  ) {
    askedFor.forEach((identifier) => this.byIdentifier.set(identifier, []));
    for (const rule of rules) {
      rule.identifiers.forEach((identifier) => this.byIdentifier.get(identifier)?.push(rule));
    }
  }

  /** The rules about an identifier; undefined: they were not read. */
  of(identifier: Identifier): readonly Rule[] | undefined {
    return this.byIdentifier.get(identifier);
  }

  /** These and more. */
  with({ askedFor, rules }: KnownRules): KnownRules {
    const known = new Map([...this.rules, ...rules].map((rule) => [rule.id, rule]));
    return new KnownRules([...this.askedFor, ...askedFor], [...known.values()]);
  }
}

/** What was read, and rules that were read since. */
export function withRules(snapshot: Snapshot, rules: KnownRules): Snapshot {
  return { ...snapshot, rules: snapshot.rules.with(rules) };
}

/** The other identifier of a rule. */
export function otherOf({ identifiers: [one, other] }: Rule, { kind, value }: Identifier): Identifier {
  return one.kind === kind && one.value === value ? other : one;
}

/** The result of making a rule. */
export type RuleOutcome = 'made' | 'there-already' | 'already-linked';

/**
 * Decides on a rule between two identifiers, whether anybody holds them or not.
 *
 * The identities that hold them count as changed, and an identifier that nobody holds is reserved. So a decision about either
 * of them at the same time is made again with the rule.
 *
 * @param snapshot what is known of both identifiers, with their rules
 */
export function makeRule(
  { identities, reserved, rules }: Snapshot,
  identifiers: readonly [Identifier, Identifier],
): { readonly outcome: RuleOutcome; readonly writes: Writes } {
  const [one, other] = identifiers;
  if (rules.of(one)?.some((rule) => isSame(otherOf(rule, one), other)) === true) {
    return { outcome: 'there-already', writes: NO_WRITES };
  }
  const holders = identifiers.map((identifier) => holderIn(identities, identifier));
  if (holders[0] !== null && holders[0]!.primaryId === holders[1]?.primaryId) {
    return { outcome: 'already-linked', writes: NO_WRITES };
  }
  const isReserved = (identifier: Identifier): boolean => reserved.some((each) => isSame(each, identifier));
  const unheld = identifiers.filter((_, i) => holders[i] === null);
  const held = holders.filter((holder) => holder !== null);
  return {
    outcome: 'made',
    writes: {
      ...NO_WRITES,
      touched: held.flatMap(({ touched }) => touched),
      ruledIds: held.map(({ contactId }) => contactId),
      reservations: unheld.filter((identifier) => !isReserved(identifier)),
      keptReservations: unheld.filter(isReserved),
      rules: [identifiers],
    },
  };
}

/** The holder of an identifier, and the rows that a rule about it touches: the primary of the identity and the holder. */
function holderIn(
  identities: Snapshot['identities'],
  identifier: Identifier,
): { primaryId: number; contactId: number; touched: Writes['touched'] } | null {
  for (const identity of identities) {
    const contactId = holdersOf(liveContacts(identity)).get(identifier);
    if (contactId !== undefined) {
      const { primaryId, rows } = identity;
      const touched = rows
        .filter(({ id }) => id === primaryId || id === contactId)
        .map(({ id, version }) => ({
          id,
          version,
          linkedId: id === primaryId ? null : primaryId,
          leavesPast: false,
        }));
      return { primaryId, contactId, touched };
    }
  }
  return null;
}

/** Whether two identifiers are one. */
export function isSame(one: Identifier, other: Identifier): boolean {
  return one.kind === other.kind && one.value === other.value;
}
