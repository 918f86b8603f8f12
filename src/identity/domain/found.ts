import { current, holderOf, type Batch, type Holder } from './batch.js';
import type { Identifier, Sighting } from './contact.js';
import type { Pair } from './reviews.js';
import { isSame, otherOf, type Rule } from './rules.js';

/** The known identifiers of a sighting, as one holder for each identity, the strongest first; and the new identifiers. */
export interface Found {
  readonly holders: readonly Holder[];
  readonly news: readonly Identifier[];
  /** Known by their other form only: they bring no contact, but a contact that is added claims them. */
  readonly unclaimed: readonly Identifier[];
  /** Whether the other form of an identifier that somebody has is somebody else's, and that is among the holders. */
  readonly isWidened: boolean;
}

/** Nobody, and nothing new. */
export const NOTHING_FOUND: Found = { holders: [], news: [], unclaimed: [], isWidened: false };

/**
 * Whom the identifiers of a sighting name.
 *
 * @param byBothForms whether the other form of an identifier that somebody has counts
 */
export function find(batch: Batch, { identifiers }: Sighting, byBothForms = true): Found {
  let holders: readonly Holder[] = [];
  let news: readonly Identifier[] = [];
  let unclaimed: readonly Identifier[] = [];
  let isWidened = false;
  for (const identifier of identifiers) {
    const holder = holderOf(batch, identifier);
    const byForm = holder === null || byBothForms ? holderOfForm(batch, identifier) : null;
    if (holder === null && byForm === null) {
      news = withItem(news, identifier);
      continue;
    }
    if (holder === null) {
      unclaimed = withItem(unclaimed, identifier);
    } else {
      holders = withHolder(holders, holder);
    }
    if (byForm !== null) {
      isWidened ||= holder !== null && current(holder.identity) !== current(byForm.identity);
      holders = withHolder(holders, byForm);
    }
  }
  return { holders, news, unclaimed, isWidened };
}

function withHolder(holders: readonly Holder[], holder: Holder): readonly Holder[] {
  return holders.some(({ identity }) => current(identity) === current(holder.identity))
    ? holders
    : withItem(holders, holder);
}

/** The other form of an identifier, which counts as the same unless a rule keeps them apart; null: there is none. */
export function formOf(batch: Batch, identifier: Identifier): Identifier | null {
  const form = batch.policy.kinds.otherForm(identifier);
  return form === null || isRuledPair(batch, [form, identifier]) ? null : form;
}

/** Who holds an identifier by its other form; null: nobody. */
export function holderOfForm(batch: Batch, identifier: Identifier): Holder | null {
  const form = formOf(batch, identifier);
  return form === null ? null : holderOf(batch, form);
}

/** Who holds an identifier, by itself or else by its other form; null: nobody. */
export function holderByForms(batch: Batch, identifier: Identifier): Holder | null {
  return holderOf(batch, identifier) ?? holderOfForm(batch, identifier);
}

/** Most lists have one item. A list that is pushed to reserves memory for 16 more. */
function withItem<T>(list: readonly T[], item: T): readonly T[] {
  return list.length === 0 ? [item] : [...list, item];
}

/** Whether a rule speaks of just these two: nobody needs to be asked. */
export function isRuledPair(batch: Batch, [one, other]: Pair): boolean {
  // Whoever has one of them may be no part of the batch, but a rule is known from either side.
  const ruled = [other, one].find((each) => mayHaveRules(batch, each));
  if (ruled === undefined) {
    return false;
  }
  const opposite = ruled === other ? one : other;
  return rulesOf(batch, ruled).some((rule) => isSame(otherOf(rule, ruled), opposite));
}

function mayHaveRules(batch: Batch, identifier: Identifier): boolean {
  const holder = holderOf(batch, identifier);
  return holder === null
    ? batch.reserved.has(identifier)
    : current(holder.identity).ruled.some((each) => isSame(each, identifier));
}

/** The rules about an identifier; empty if they were not read yet. */
export function rulesOf({ rules, unknownRules }: Batch, identifier: Identifier): readonly Rule[] {
  const known = rules.of(identifier);
  if (known === undefined) {
    unknownRules.set(identifier, identifier);
  }
  return known ?? [];
}

/** Whether an identifier is reserved, or its other form. */
export function isReserved(batch: Batch, identifier: Identifier): boolean {
  const form = batch.policy.kinds.otherForm(identifier);
  return batch.reserved.has(identifier) || (form !== null && batch.reserved.has(form));
}
