import {
  liveContacts,
  type Identifier,
  type Identity,
  type PendingErasure,
  type Snapshot,
} from './contact.js';
import { factsOf } from './facts.js';
import { IdentifierMap } from './identifier-map.js';
import type { Kinds } from './kinds.js';
import { keyOf } from './reviews.js';
import { NO_WRITES, type TouchedRow, type Writes } from './writes.js';

/** Two identifiers that must never be in one identity, whoever holds them. */
export interface Rule {
  readonly id: number;
  /** In the order in which they were named. */
  readonly identifiers: readonly [Identifier, Identifier];
  /** In µs since 1970. */
  readonly createdAt: number;
  /** Who made it, and why. */
  readonly actor: string;
  readonly reason: string | null;
}

/** The rules about some identifiers. For other identifiers the rules were not read. */
export class KnownRules {
  private readonly byIdentifier = new IdentifierMap<Rule[]>();

  /**
   * @param askedFor the identifiers whose rules were read
   * @param rules all rules about one of them
   * @param erasures those of them that are reserved by an erasure
   */
  constructor(
    readonly askedFor: readonly Identifier[] = [],
    readonly rules: readonly Rule[] = [],
    readonly erasures: readonly PendingErasure[] = [],
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
  with({ askedFor, rules, erasures }: KnownRules): KnownRules {
    const known = new Map([...this.rules, ...rules].map((rule) => [rule.id, rule]));
    return new KnownRules(
      [...this.askedFor, ...askedFor],
      [...known.values()],
      [...this.erasures, ...erasures],
    );
  }

  /** The erasure that reserves an identifier; null: none does. */
  erasureOf(identifier: Identifier): PendingErasure | null {
    return this.erasures.find((each) => isSame(each, identifier)) ?? null;
  }
}

/** The other identifier of a rule. */
export function otherOf({ identifiers: [one, other] }: Rule, { kind, value }: Identifier): Identifier {
  return one.kind === kind && one.value === value ? other : one;
}

/** The result of making a rule. */
export type RuleOutcome = 'made' | 'there-already' | 'already-linked';

/** What making or lifting a rule decides. */
export interface RuleDecision {
  /** The contacts that hold its identifiers. */
  readonly contactIds: readonly number[];
  readonly writes: Writes;
}

/**
 * Decides on a rule between two identifiers, whether anybody holds them or not. If only the other form of one is known, the rule
 * is about that one, and holds for both.
 *
 * The identities that hold them count as changed, and an identifier that nobody holds is reserved. So a decision about either
 * of them at the same time is made again with the rule.
 *
 * Pure: nothing passed in is modified.
 *
 * @param snapshot what is known of both identifiers; if their rules are not, the writes ask for them
 * @returns `existing`: the rule that is there already
 */
export function makeRule(
  snapshot: Snapshot,
  given: readonly [Identifier, Identifier],
): RuleDecision & { readonly outcome: RuleOutcome; readonly existing: Rule | null } {
  const identifiers = asKnown(snapshot, given);
  const { identities, rules } = snapshot;
  const { held } = holdersIn(identities, identifiers);
  const contactIds = held.map(({ contactId }) => contactId);
  const nothing = { contactIds, existing: null, writes: NO_WRITES };
  if (held.length === 2 && held[0]!.identity === held[1]!.identity) {
    return { ...nothing, outcome: 'already-linked' };
  }
  const [ones, others] = identifiers.map((each) => knownForms(snapshot, each)) as [
    Identifier[],
    Identifier[],
  ];
  const unknownRules = [...ones, ...others].filter((identifier) => rules.of(identifier) === undefined);
  const isOther = (identifier: Identifier): boolean => others.some((each) => isSame(each, identifier));
  const existing = ones.flatMap(
    (each) => rules.of(each)?.find((rule) => isOther(otherOf(rule, each))) ?? [],
  )[0];
  if (existing !== undefined) {
    return { ...nothing, outcome: 'there-already', existing, writes: { ...NO_WRITES, unknownRules } };
  }
  const writes = { ...NO_WRITES, ...layRules(snapshot, [identifiers]), unknownRules };
  return { outcome: 'made', contactIds, existing: null, writes };
}

/** An identifier, and its other form if that is held or reserved, because otherwise it has no rules. */
function knownForms(
  { identities, reserved, policy: { kinds } }: Snapshot,
  identifier: Identifier,
): Identifier[] {
  const form = kinds.otherForm(identifier);
  const isKnown =
    form !== null && (holderIn(identities, form) !== null || reserved.some((each) => isSame(each, form)));
  return isKnown ? [identifier, form] : [identifier];
}

/**
 * Two identifiers as they are known: if only the other form of one is held, or reserved, it is that. Not if they are two forms of
 * one number, because then the rule is to tell these apart.
 */
export function asKnown(
  { identities, reserved, policy: { kinds } }: Snapshot,
  pair: readonly [Identifier, Identifier],
): readonly [Identifier, Identifier] {
  return inKnownForm(kinds, pair, (identifier) => holderIn(identities, identifier) !== null, reserved);
}

function inKnownForm(
  kinds: Kinds,
  [one, other]: readonly [Identifier, Identifier],
  isHeld: (identifier: Identifier) => boolean,
  reserved: readonly Identifier[],
): readonly [Identifier, Identifier] {
  const isKept = (identifier: Identifier): boolean => reserved.some((each) => isSame(each, identifier));
  const known = (identifier: Identifier): Identifier => {
    const forms = kinds.withOtherForms([identifier]);
    return forms.find(isHeld) ?? forms.find(isKept) ?? identifier;
  };
  const form = kinds.otherForm(one);
  return form !== null && isSame(form, other) ? [one, other] : [known(one), known(other)];
}

/**
 * Makes a rule of each pair of identifiers, whether anybody holds them or not; but none of a pair that lies in one identity,
 * and none of one that has a rule. If only the other form of one is known, the rule is about that one; see {@link asKnown}.
 *
 * The identities that hold them count as changed, and an identifier that nobody holds is reserved. So a decision about either
 * of them at the same time is made again with the rules.
 *
 * @param snapshot what is known of the identifiers, with their rules; if more are needed, the writes say so
 */
export function layRules(
  { identities, reserved, rules, policy: { kinds } }: Snapshot,
  given: readonly (readonly [Identifier, Identifier])[],
): Pick<Writes, 'rules' | 'touched' | 'ruledIds' | 'reservations' | 'keptReservations' | 'unknownRules'> {
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
  const isHeld = (identifier: Identifier): boolean => held.has(identifier);
  const pairs = new Map(
    given.map((pair) => inKnownForm(kinds, pair, isHeld, reserved)).map((pair) => [keyOf(pair), pair]),
  );
  const unknown = new IdentifierMap<Identifier>();
  const made = [...pairs.values()].filter(([one, other]) => {
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

/**
 * Decides what lifting a rule changes.
 *
 * The identities that hold its identifiers count as changed. An identifier that nobody holds is free again, unless another
 * rule speaks of it.
 *
 * Pure: nothing passed in is modified.
 *
 * @param snapshot what is known of both identifiers; if their rules are not, the writes ask for them
 * @param identifiers of the rule
 * @returns `isFound`: whether the rule is there, once all rules are known
 */
export function liftRule(
  { identities, rules }: Snapshot,
  id: number,
  identifiers: readonly [Identifier, Identifier],
): RuleDecision & { readonly isFound: boolean } {
  const { held, unheld } = holdersIn(identities, identifiers);
  const contactIds = held.map(({ contactId }) => contactId);
  const unknownRules = identifiers.filter((identifier) => rules.of(identifier) === undefined);
  const rule = rules.of(identifiers[0])?.find((each) => each.id === id);
  if (rule === undefined || unknownRules.length > 0) {
    return { isFound: rule !== undefined, contactIds, writes: { ...NO_WRITES, unknownRules } };
  }
  const isLast = (identifier: Identifier): boolean => rules.of(identifier)!.every((each) => each.id === id);
  return {
    isFound: true,
    contactIds,
    writes: {
      ...NO_WRITES,
      touched: touchedRows(held),
      liftedRules: [rule],
      keptReservations: unheld.filter((identifier) => !isLast(identifier)),
      freedReservations: unheld.filter(isLast),
    },
  };
}

/**
 * The rules that keep identities apart: those that name an identifier of one and an identifier of another.
 *
 * @returns `unknownRules`: identifiers whose rules must be read first, if any
 */
export function rulesBetween(
  identities: readonly Identity[],
  rules: KnownRules,
  kinds: Kinds,
): { readonly crossed: readonly Rule[]; readonly unknownRules: readonly Identifier[] } {
  const crossed = new Map<number, Rule>();
  const unknownRules: Identifier[] = [];
  // A rule that crosses has an end outside of any one identity, so the rules of one need not be read: of the one with the most.
  const asked = identities.toSorted((a, b) => factsOf(a).ruled.length - factsOf(b).ruled.length).slice(0, -1);
  for (const identity of asked) {
    const { ruled, holders } = factsOf(identity);
    const held = ruled.filter((each) => holders.has(each));
    for (const identifier of kinds.withOtherForms(held)) {
      const known = rules.of(identifier);
      if (known === undefined) {
        unknownRules.push(identifier);
      }
      for (const rule of known ?? []) {
        const others = kinds.withOtherForms([otherOf(rule, identifier)]);
        const isHeld = (each: Identity): boolean => others.some((other) => factsOf(each).holders.has(other));
        if (identities.some((each) => each !== identity && isHeld(each))) {
          crossed.set(rule.id, rule);
        }
      }
    }
  }
  return { crossed: [...crossed.values()], unknownRules };
}

/** Where an identifier is held. */
export interface Held {
  readonly identity: Identity;
  readonly contactId: number;
}

/** Who holds two identifiers, in order, and which of them nobody holds. */
export function holdersIn(
  identities: readonly Identity[],
  identifiers: readonly [Identifier, Identifier],
): { readonly held: readonly Held[]; readonly unheld: readonly Identifier[] } {
  const holders = identifiers.map((identifier) => holderIn(identities, identifier));
  return {
    held: holders.filter((holder) => holder !== null),
    unheld: identifiers.filter((_, i) => holders[i] === null),
  };
}

function holderIn(identities: readonly Identity[], identifier: Identifier): Held | null {
  for (const identity of identities) {
    const contactId = factsOf(identity).holders.get(identifier);
    if (contactId !== undefined) {
      return { identity, contactId };
    }
  }
  return null;
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

/** Whether two identifiers are one. */
export function isSame(one: Identifier, other: Identifier): boolean {
  return one.kind === other.kind && one.value === other.value;
}
