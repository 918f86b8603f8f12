import { byAge, holdersOf, liveContacts, type Claim, type Contact, type Identifier } from './contact.js';
import { youngestOf } from './facts.js';
import { IdentifierMap } from './identifier-map.js';
import { primaryOf, type Person, type Work } from './old-form.js';
import { keyOf } from './reviews.js';
import { NO_WRITES, type TouchedRow, type Writes } from './writes.js';

/** The writes of a decision, once all old forms were decided on. */
export function writesOf(work: Work): Writes {
  const groups = groupsOf(work.persons);
  const claims = groups.map((group) => claimsOf(work, group));
  const [fresh, taken] = [claims.flatMap((each) => each.fresh), claims.flatMap((each) => each.taken)];
  const { unheldForms, reservedForms, ruledIds } = otherForms(work, [...fresh, ...taken]);
  return {
    ...NO_WRITES,
    touched: groups.flatMap((group) => touchedRows(work, group)),
    claims: fresh,
    takenClaims: taken,
    takenRuleIds: [...taken, ...reservedForms]
      .flatMap((each) => work.snapshot.rules.of(each) ?? [])
      .map(({ id }) => id),
    unheldForms,
    reservedForms,
    movedClaims: claims.flatMap((each) => each.moved),
    merges: work.merges,
    ruledIds: [...new Set([...work.ruledIds, ...taken.map(({ contactId }) => contactId), ...ruledIds])],
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

/** The other forms of new claims, if nobody has or gets these, and the contacts that a rule about one of them is about too. */
function otherForms(
  { holders, reserved, snapshot }: Work,
  news: readonly Claim[],
): Pick<Writes, 'unheldForms' | 'reservedForms' | 'ruledIds'> {
  const claimed = new IdentifierMap<true>();
  news.forEach((each) => claimed.set(each, true));
  const forms = news.flatMap(({ kind, value, contactId }) => {
    const form = snapshot.policy.kinds.otherForm({ kind, value });
    return form === null || holders.has(form) || claimed.has(form) ? [] : [{ form, contactId }];
  });
  const unheld = forms.filter(({ form }) => !reserved.has(form));
  const kept = forms.filter(({ form }) => reserved.has(form));
  return {
    unheldForms: unheld.map(({ form }) => form),
    reservedForms: kept.map(({ form }) => form),
    ruledIds: kept.map(({ contactId }) => contactId),
  };
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
