import { byAge, type Contact, type Identifier, type Snapshot } from './contact.js';
import { factsOf } from './facts.js';
import {
  identifierOf,
  normalOf,
  primaryOf,
  rulesOf,
  start,
  type ChangedForm,
  type KeptForm,
  type OldForm,
  type Person,
  type RenormalisationRules,
  type Work,
} from './old-form.js';
import { exceededLimit, type Size } from './policy.js';
import { writesOf } from './renormalise-writes.js';
import { keyOf, type NewReview, type Pair } from './reviews.js';
import { isSame, otherOf, rulesBetween, type Rule } from './rules.js';
import type { Writes } from './writes.js';

/** What giving old forms their normal form changes. */
export interface Renormalisation {
  readonly writes: Writes;
  /** Those that get their normal form. */
  readonly changed: readonly ChangedForm[];
  readonly kept: readonly KeptForm[];
  /** Those that must be decided on again when this is written, because it changes what they rest on. */
  readonly later: readonly OldForm[];
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
  if (
    (taker !== undefined && taker !== person) ||
    formsOf(work, oldForm).some((each) => work.takers.get(each) === null)
  ) {
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
  const reserved = formsOf(work, oldForm).filter((each) => work.reserved.has(each));
  if (reserved.length > 0) {
    if (person.isSettled) {
      work.later.push(oldForm);
      return;
    }
    const crossed = reserved.flatMap((form) =>
      rulesOf(work, form).filter((rule) => hasOrGets(work, person, otherOf(rule, form))),
    );
    if (reserved.some((each) => work.snapshot.rules.erasureOf(each) !== null)) {
      work.kept.push({ ...oldForm, reason: 'blocked' });
      return;
    }
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

/** A normal form, and its other form, unless a rule tells that from the normal form or the old one. */
function formsOf(work: Work, oldForm: OldForm): Identifier[] {
  const normal = normalOf(oldForm);
  const form = work.snapshot.policy.kinds.otherForm(normal);
  if (form === null) {
    return [normal];
  }
  const own = [normal, identifierOf(oldForm)];
  const areTwo =
    mayHaveRules(work, form) &&
    rulesOf(work, form).some((rule) => own.some((each) => isSame(otherOf(rule, form), each)));
  return areTwo ? [normal] : [normal, form];
}

function hasOrGets({ holders, takers, snapshot }: Work, person: Person, identifier: Identifier): boolean {
  return snapshot.policy.kinds
    .withOtherForms([identifier])
    .some((each) => holders.get(each)?.person === person || takers.get(each) === person);
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
  const { kinds } = policy;
  const sizes = [one, other].map(({ stored }): Size => {
    const { live, view } = factsOf(stored);
    return { contacts: live.length, valuesOf: (kind) => kinds.count(kind, view.values.get(kind) ?? []) };
  });
  const formAfter = (kind: string, value: string): string => {
    const to = formOf({ kind, value });
    const holder = to === null ? undefined : holders.get({ kind, value: to })?.person;
    return to !== null && (holder === one || holder === other) ? to : value;
  };
  const doubled = (kind: string): number => {
    const values = [one, other].flatMap(({ stored }) => factsOf(stored).view.values.get(kind) ?? []);
    const after = [...new Set(values.map((value) => formAfter(kind, value)))];
    return sizes.reduce((sum, size) => sum + size.valuesOf(kind), 0) - kinds.count(kind, after);
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
  const { snapshot } = work;
  if (snapshot.rules.erasureOf(old) !== null || rules.length === 0) {
    return;
  }
  const forms = formsOf(work, oldForm);
  const holders = forms.flatMap((each) => work.holders.get(each) ?? []);
  if (forms.some((each) => work.takers.has(each)) || holders.some(({ person }) => person.isSettled)) {
    work.later.push(oldForm);
    return;
  }
  if (
    isPointless(rules, old, normal, (other) => holders.some(({ person }) => hasOrGets(work, person, other)))
  ) {
    work.kept.push({ ...oldForm, reason: 'rule' });
    return;
  }
  if (snapshot.rules.erasureOf(normal) !== null) {
    work.kept.push({ ...oldForm, reason: 'blocked' });
    return;
  }
  for (const { person, contactId } of holders) {
    person.isSettled = true;
    work.ruledIds.add(contactId);
  }
  if (!work.holders.has(normal)) {
    (work.reserved.has(normal) ? work.keptReservations : work.reservations).push(normal);
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
  if (mayHaveRules(work, normal)) {
    rulesOf(work, normal);
  }
}

function mayHaveRules({ holders, reserved }: Work, identifier: Identifier): boolean {
  const holder = holders.get(identifier);
  return holder === undefined
    ? reserved.has(identifier)
    : factsOf(holder.person.stored).ruled.some((each) => isSame(each, identifier));
}
