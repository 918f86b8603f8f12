import {
  byAge,
  holdersOf,
  liveContacts,
  type Claim,
  type Contact,
  type Identifier,
  type Identity,
  type Ignored,
  type Snapshot,
} from './contact.js';
import { factsOf, youngestOf } from './facts.js';
import { IdentifierMap } from './identifier-map.js';
import { exceededLimit, type Size } from './policy.js';
import { keyOf, type NewReview, type Pair } from './reviews.js';
import { isSame, otherOf, rulesBetween, type Rule } from './rules.js';
import { NO_WRITES, type Merge, type RenamedIdentifier, type TouchedRow, type Writes } from './writes.js';

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

/** What giving old forms their normal form changes. */
export interface Renormalisation {
  readonly writes: Writes;
  /** Those that get their normal form. */
  readonly changed: readonly ChangedForm[];
  readonly kept: readonly KeptForm[];
  /** Those that must be decided on again when this is written, because it changes what they rest on. */
  readonly later: readonly OldForm[];
}

/** What else the decision needs. */
export interface RenormalisationRules {
  /** The normal form of a value; null: it has none any more, so it stays as it is. */
  readonly formOf: (identifier: Identifier) => string | null;
  /** Whether a value links nobody. */
  readonly isBlocked: (identifier: Identifier) => boolean;
}

/**
 * Decides what giving values their normal form changes.
 *
 * Every contact of an identity that carries an old form, deleted ones too, carries the normal form afterwards, and what it carried
 * is kept as its past. If another identity has the normal form, both were always one person: they are merged as a sighting of both
 * values would, with the oldest contact as the primary. What policy would withhold from such a sighting stays as it is, and people
 * are asked to review it, as they would be. The rules about an old form become rules about its normal form.
 *
 * An identity is merged at most once in a decision; what comes after that is for the next decision.
 *
 * Pure: nothing passed in is modified.
 *
 * @param snapshot every identity that has an old form or its normal form, and which of these are reserved; rules and reviews that
 *   are needed and not known are asked for
 * @param oldForms each once; those that nobody has any more are left out
 */
export function renormalise(
  snapshot: Snapshot,
  oldForms: readonly OldForm[],
  rules: RenormalisationRules,
): Renormalisation {
  const work = start(snapshot, rules);
  oldForms.forEach((oldForm) => take(work, oldForm));
  const { changed, kept, later } = work;
  return { writes: writesOf(work), changed, kept, later };
}

/** An identity while the decision changes it. */
interface Person {
  readonly stored: Identity;
  /** The identity that it becomes one with. */
  partner: Person | null;
  /** It is merged, or has other rules from now on: it may not be merged any more. */
  isSettled: boolean;
  /** The normal forms that it gets, by the old ones. */
  readonly forms: IdentifierMap<string>;
}

interface Work extends RenormalisationRules {
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

function start(snapshot: Snapshot, { formOf, isBlocked }: RenormalisationRules): Work {
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

function take(work: Work, oldForm: OldForm): void {
  const holder = work.holders.get(oldForm);
  if (holder !== undefined) {
    takeHeld(work, oldForm, holder);
  } else if (work.reserved.has(oldForm)) {
    takeReserved(work, oldForm);
  }
}

function takeHeld(
  work: Work,
  oldForm: OldForm,
  { person, contactId }: { readonly person: Person; readonly contactId: number },
): void {
  const normal = normalOf(oldForm);
  const target = work.holders.get(normal);
  const taker = work.takers.get(normal);
  if (taker !== undefined && taker !== person) {
    work.later.push(oldForm);
  } else if (target === undefined && taker === undefined) {
    claim(work, oldForm, person);
  } else if (target === undefined || target.person === person) {
    accept(work, oldForm, person);
  } else {
    join(work, oldForm, { person, contactId }, target);
  }
}

/** A person gets a normal form that nobody has. */
function claim(work: Work, oldForm: OldForm, person: Person): void {
  const normal = normalOf(oldForm);
  if (work.reserved.has(normal)) {
    if (person.isSettled) {
      work.later.push(oldForm);
      return;
    }
    const rules = rulesOf(work, normal);
    if (work.snapshot.rules.erasureOf(normal) !== null) {
      work.kept.push({ ...oldForm, reason: 'blocked' });
      return;
    }
    const crossed = rules.filter((rule) => hasOrGets(work, person, otherOf(rule, normal)));
    if (crossed.length > 0) {
      work.kept.push({ ...oldForm, reason: 'do-not-link' });
      askFor(work, [normal, identifierOf(oldForm)], 'do-not-link', crossed);
      return;
    }
    person.isSettled = true;
  }
  work.takers.set(normal, person);
  accept(work, oldForm, person);
}

function hasOrGets({ holders, takers }: Work, person: Person, identifier: Identifier): boolean {
  return holders.get(identifier)?.person === person || takers.get(identifier) === person;
}

/** Another person has the normal form: both are one, if policy accepts it. */
function join(
  work: Work,
  oldForm: OldForm,
  own: { readonly person: Person; readonly contactId: number },
  target: { readonly person: Person; readonly contactId: number },
): void {
  const normal = normalOf(oldForm);
  const [one, other] = [own.person, target.person];
  if (work.isBlocked(oldForm) || work.isBlocked(normal)) {
    work.kept.push({ ...oldForm, reason: 'blocked' });
    return;
  }
  if (one.isSettled || other.isSettled) {
    work.later.push(oldForm);
    return;
  }
  const { crossed, unknownRules } = rulesBetween(
    [one.stored, other.stored],
    work.snapshot.rules,
    work.snapshot.policy.kinds,
  );
  unknownRules.forEach((each) => work.unknownRules.set(each, each));
  const reason = crossed.length > 0 ? 'do-not-link' : exceedsLimit(work, one, other) ? 'limit' : null;
  if (reason !== null) {
    work.kept.push({ ...oldForm, reason });
    askFor(work, [normal, identifierOf(oldForm)], reason, crossed);
    return;
  }
  const [older, younger] = [one, other].map(primaryOf).toSorted(byAge) as [Contact, Contact];
  work.merges.push({
    survivorId: older.id,
    mergedId: younger.id,
    leftId: target.contactId,
    rightId: own.contactId,
    cause: 'renormalised',
    identifiers: [normal],
  });
  one.partner = other;
  other.partner = one;
  one.isSettled = true;
  other.isSettled = true;
  accept(work, oldForm, one, true);
}

/**
 * Whether both would be too large as one. Values with one normal form count once if one of both has it; what others have, or nobody
 * yet, is decided on first.
 */
function exceedsLimit({ snapshot: { policy }, holders, formOf }: Work, one: Person, other: Person): boolean {
  const sizes = [one, other].map(({ stored }): Size => {
    const { live, view } = factsOf(stored);
    return { contacts: live.length, valuesOf: (kind) => view.values.get(kind)?.length ?? 0 };
  });
  const formAfter = (kind: string, value: string): string => {
    const to = formOf({ kind, value });
    const holder = to === null ? undefined : holders.get({ kind, value: to })?.person;
    return to !== null && (holder === one || holder === other) ? to : value;
  };
  const doubled = (kind: string): number => {
    const values = [one, other].flatMap(({ stored }) => factsOf(stored).view.values.get(kind) ?? []);
    return values.length - new Set(values.map((value) => formAfter(kind, value))).size;
  };
  return exceededLimit(policy, sizes, [], doubled) !== null;
}

/** Opens the review of a link that was withheld, unless there is one, or a rule about just this pair is the answer. */
function askFor(work: Work, pair: Pair, reason: NewReview['reason'], crossed: readonly Rule[]): void {
  const [normal, old] = pair;
  if (
    crossed.some(
      (rule) => rule.identifiers.some((each) => isSame(each, old)) && isSame(otherOf(rule, old), normal),
    )
  ) {
    return;
  }
  const known = work.snapshot.reviews.get(pair);
  if (known === undefined) {
    work.unknownReviews.set(keyOf(pair), pair);
  } else if (known === null) {
    work.reviews.set(keyOf(pair), { id: -(work.reviews.size + 1), pair, reason });
  }
}

/** A person's old form becomes a normal form that it has or gets. */
function accept(work: Work, oldForm: OldForm, person: Person, isMerge = false): void {
  const old = identifierOf(oldForm);
  const isRuled = factsOf(person.stored).ruled.some((each) => isSame(each, old));
  const rules = isRuled ? rulesOf(work, old) : [];
  if (rules.length > 0) {
    // the same rule may be there already
    rulesAboutTarget(work, normalOf(oldForm));
  }
  person.forms.set(old, oldForm.to);
  work.renamed.push({ ...old, to: oldForm.to, isReserved: false, rules });
  work.changed.push({ ...oldForm, isMerge });
}

/** Nobody has the old form: rules speak of it. They speak of the normal form from now on. */
function takeReserved(work: Work, oldForm: OldForm): void {
  const [old, normal] = [identifierOf(oldForm), normalOf(oldForm)];
  const rules = rulesOf(work, old);
  const target = work.holders.get(normal);
  if (work.snapshot.rules.erasureOf(old) !== null || rules.length === 0) {
    return;
  }
  if (work.takers.has(normal) || target?.person.isSettled === true) {
    work.later.push(oldForm);
    return;
  }
  if (
    isPointless(rules, old, normal, (other) => target !== undefined && hasOrGets(work, target.person, other))
  ) {
    work.kept.push({ ...oldForm, reason: 'rule' });
    return;
  }
  if (target !== undefined) {
    target.person.isSettled = true;
    work.ruledIds.add(target.contactId);
  } else if (work.reserved.has(normal)) {
    if (work.snapshot.rules.erasureOf(normal) !== null) {
      work.kept.push({ ...oldForm, reason: 'blocked' });
      return;
    }
    work.keptReservations.push(normal);
    work.takers.set(normal, null);
  } else {
    work.reservations.push(normal);
    work.takers.set(normal, null);
  }
  rulesAboutTarget(work, normal);
  work.renamed.push({ ...old, to: oldForm.to, isReserved: true, rules });
  work.changed.push({ ...oldForm, isMerge: false });
}

/** Whether a rule would be about one identifier, or about two that one person has. */
function isPointless(
  rules: readonly Rule[],
  old: Identifier,
  normal: Identifier,
  isOfTarget: (identifier: Identifier) => boolean,
): boolean {
  return rules.some((rule) => {
    const other = otherOf(rule, old);
    return isSame(other, normal) || isOfTarget(other);
  });
}

/** Asks for the rules about a normal form, if it may have any. */
function rulesAboutTarget(work: Work, normal: Identifier): void {
  const holder = work.holders.get(normal);
  const mayHaveRules =
    holder === undefined
      ? work.reserved.has(normal)
      : factsOf(holder.person.stored).ruled.some((each) => isSame(each, normal));
  if (mayHaveRules) {
    rulesOf(work, normal);
  }
}

/** The rules about an identifier; empty if they were not read yet. */
function rulesOf({ snapshot, unknownRules }: Work, { kind, value }: Identifier): readonly Rule[] {
  const identifier = { kind, value };
  const known = snapshot.rules.of(identifier);
  if (known === undefined) {
    unknownRules.set(identifier, identifier);
  }
  return known ?? [];
}

function writesOf(work: Work): Writes {
  const groups = groupsOf(work.persons);
  const claims = groups.map((group) => claimsOf(work, group));
  const taken = claims.flatMap((each) => each.taken);
  return {
    ...NO_WRITES,
    touched: groups.flatMap((group) => touchedRows(work, group)),
    claims: claims.flatMap((each) => each.fresh),
    takenClaims: taken,
    takenRuleIds: taken.flatMap((each) => work.snapshot.rules.of(each) ?? []).map(({ id }) => id),
    movedClaims: claims.flatMap((each) => each.moved),
    merges: work.merges,
    ruledIds: [...work.ruledIds, ...taken.map(({ contactId }) => contactId)],
    reservations: work.reservations,
    keptReservations: work.keptReservations,
    renaming:
      work.renamed.length === 0 ? null : { identifiers: work.renamed, endedRuleIds: doubledRules(work) },
    reviews: [...work.reviews.values()],
    unknownRules: [...work.unknownRules.items()],
    unknownReviews: [...work.unknownReviews.values()],
    youngestTouched: Math.max(0, ...groups.map(({ rows }) => youngestOf({ primaryId: 0, rows }))),
  };
}

/** What is one identity afterwards. */
interface Group {
  readonly persons: readonly Person[];
  readonly primaryId: number;
  /** As they are afterwards. */
  readonly rows: readonly Contact[];
  /** Those that carry something else than before. */
  readonly changedIds: ReadonlySet<number>;
}

function groupsOf(persons: readonly Person[]): Group[] {
  const groups: Group[] = [];
  const grouped = new Set<Person>();
  for (const person of persons) {
    const members = person.partner === null ? [person] : [person, person.partner];
    const isChanged = person.isSettled || !person.forms.isEmpty;
    if (!isChanged || members.some((each) => grouped.has(each))) {
      continue;
    }
    members.forEach((each) => grouped.add(each));
    const changedIds = new Set<number>();
    const rows = members.flatMap(({ stored, forms }) =>
      stored.rows.map((row) => renamed(row, forms, changedIds)),
    );
    const [primary] = members.map(primaryOf).toSorted(byAge);
    groups.push({ persons: members, primaryId: primary!.id, rows, changedIds });
  }
  return groups;
}

function renamed(row: Contact, forms: IdentifierMap<string>, changedIds: Set<number>): Contact {
  if (!row.identifiers.some((each) => forms.has(each))) {
    return row;
  }
  changedIds.add(row.id);
  const identifiers = row.identifiers.map((each) => ({
    kind: each.kind,
    value: forms.get(each) ?? each.value,
  }));
  return { ...row, identifiers };
}

/** Of an identity that keeps its primary: the primary, and what changes. Of one that is merged into the other: every row. */
function touchedRows({ ruledIds }: Work, { persons, primaryId, rows, changedIds }: Group): TouchedRow[] {
  const absorbed = new Set(
    persons
      .filter(({ stored }) => stored.primaryId !== primaryId)
      .flatMap(({ stored }) => stored.rows.map(({ id }) => id)),
  );
  return rows
    .filter(({ id }) => id === primaryId || absorbed.has(id) || changedIds.has(id) || ruledIds.has(id))
    .map(({ id, version, identifiers }) => ({
      id,
      version,
      linkedId: id === primaryId ? null : primaryId,
      ...(changedIds.has(id) && { identifiers }),
      leavesPast: absorbed.has(id) || changedIds.has(id),
    }));
}

/** Who has the normal forms afterwards: the oldest contact that carries each. */
function claimsOf(
  { holders, reserved }: Work,
  { persons, primaryId, rows }: Group,
): { readonly fresh: Claim[]; readonly taken: Claim[]; readonly moved: Claim[] } {
  const after = holdersOf(liveContacts({ primaryId, rows }));
  const claims = { fresh: [] as Claim[], taken: [] as Claim[], moved: [] as Claim[] };
  const normals = new IdentifierMap<Identifier>();
  for (const { stored, forms } of persons) {
    for (const { kind, value } of stored.rows.flatMap(({ identifiers }) => identifiers)) {
      const to = forms.get({ kind, value });
      if (to !== undefined) {
        normals.set({ kind, value: to }, { kind, value: to });
      }
    }
  }
  for (const { kind, value } of normals.items()) {
    const made = { kind, value, contactId: after.get({ kind, value })! };
    const before = holders.get(made);
    if (before !== undefined) {
      claims.moved.push(...(before.contactId === made.contactId ? [] : [made]));
    } else {
      (reserved.has(made) ? claims.taken : claims.fresh).push(made);
    }
  }
  return claims;
}

/** The rules that would be there twice, but for the oldest of each. */
function doubledRules({ renamed: identifiers, snapshot }: Work): number[] {
  const forms = new IdentifierMap<string>();
  identifiers.forEach((each) => forms.set(each, each.to));
  const moving = identifiers.flatMap(({ rules }) => rules);
  const staying = identifiers.flatMap(({ kind, to }) => snapshot.rules.of({ kind, value: to }) ?? []);
  const byId = new Map([...moving, ...staying].map((rule) => [rule.id, rule]));
  const seen = new Set<string>();
  return [...byId.values()]
    .toSorted((a, b) => a.id - b.id)
    .filter(({ identifiers: pair }) => {
      const [one, other] = pair.map((each) => ({ kind: each.kind, value: forms.get(each) ?? each.value }));
      const key = keyOf([one!, other!]);
      return seen.has(key) || !seen.add(key);
    })
    .map(({ id }) => id);
}

function primaryOf({ stored: { primaryId, rows } }: Person): Contact {
  return rows.find(({ id }) => id === primaryId)!;
}

function normalOf({ kind, to }: OldForm): Identifier {
  return { kind, value: to };
}

function identifierOf({ kind, value }: OldForm): Identifier {
  return { kind, value };
}
