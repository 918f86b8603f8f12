import { liveContacts, viewOf } from '../../../src/identity/domain/contact.js';
import type {
  Claim,
  Contact,
  Held,
  Identifier,
  Identity,
  IdentityView,
  Sighting,
  Snapshot,
} from '../../../src/identity/domain/contact.js';
import type { KnownEvidence } from '../../../src/identity/domain/explain.js';
import type { PastState, RecordedContact } from '../../../src/identity/domain/past.js';
import { eventsOf, type IdentityEvent } from '../../../src/identity/domain/events.js';
import { DEFAULT_POLICY, type Policy } from '../../../src/identity/domain/policy.js';
import { keyOf, KnownReviews, type Pair, type StoredReview } from '../../../src/identity/domain/reviews.js';
import { KnownRules, type Rule } from '../../../src/identity/domain/rules.js';
import { realId } from '../../../src/identity/domain/writes.js';
import type { Deletion, ErasedParts, Merge, Renaming, Writes } from '../../../src/identity/domain/writes.js';
import { Follower } from '../../support/follower.js';
import { evidenceFaults, type Edge } from '../../support/evidence.js';
import { deepFreeze } from './fixtures.js';

export interface StoredRow extends Contact {
  readonly linkedId: number | null;
  readonly joinedId: number | null;
}

export interface StoredMerge extends Merge {
  readonly id: number;
  readonly at: number;
  readonly isUndone: boolean;
}

/** What the database would answer to a write that rests on what has changed meanwhile. */
export class Conflict extends Error {}

/**
 * The three tables in memory, with the checks of the database and the invariants of the design.
 *
 * A write that breaks one throws and changes nothing.
 */
export class MemoryStore {
  private readonly byId: ReadonlyMap<number, StoredRow>;
  private readonly byPrimaryId: ReadonlyMap<number, readonly StoredRow[]>;
  private readonly byValue: ReadonlyMap<string, Claim>;

  constructor(
    readonly rows: readonly StoredRow[] = [],
    readonly claims: readonly Claim[] = [],
    readonly merges: readonly StoredMerge[] = [],
    readonly reserved: readonly Identifier[] = [],
    readonly ruled: readonly Rule[] = [],
    private readonly rulesMade = 0,
    readonly past: readonly PastState[] = [],
    readonly policy: Policy = DEFAULT_POLICY,
    /** The first has the id 1. */
    readonly reviews: readonly (Pick<StoredReview, 'decision'> & { readonly pair: Pair })[] = [],
  ) {
    this.byId = new Map(rows.map((row) => [row.id, row]));
    this.byPrimaryId = Map.groupBy(rows, ({ id, linkedId }) => linkedId ?? id);
    this.byValue = new Map(claims.map((claim) => [nameOf(claim), claim]));
  }

  /** Every identity that a claim leads to; youngest rows first, since the order means nothing. */
  load(given: readonly Sighting[]): Snapshot {
    const sightings = given.map((each) => ({
      ...each,
      identifiers: this.policy.kinds.withOtherForms(each.identifiers),
    }));
    const claimed = sightings.flatMap(namesOf).flatMap((name) => this.byValue.get(name) ?? []);
    const primaryIds = new Set(claimed.map(({ contactId }) => this.primaryIdOf(contactId)));
    const identities = [...primaryIds].toReversed().map((primaryId) => this.identity(primaryId));
    const asked = new Set(sightings.flatMap(namesOf));
    const reserved = this.reserved.filter((each) => asked.has(nameOf(each)));
    const free = sightings.flatMap(({ identifiers }) => identifiers);
    return {
      identities,
      reserved,
      rules: this.rules.with(new KnownRules(free, [])),
      reviews: this.reviewsOf(sightings),
      policy: this.policy,
    };
  }

  /** As the evidence of contacts is read, with the identities of some sightings. */
  loadEvidence(
    contactIds: readonly number[],
    sightings: readonly Sighting[],
  ): Snapshot & { evidence: KnownEvidence } {
    const primaryIds = new Set(contactIds.map((id) => this.primaryIdOf(id)));
    const identities = [...primaryIds].map((primaryId) => ({
      primaryId,
      contacts: this.byPrimaryId.get(primaryId)!.toReversed().map(recorded),
    }));
    const ids = new Set(identities.flatMap(({ contacts }) => contacts.map(({ id }) => id)));
    const named = this.load(sightings);
    return deepFreeze({
      ...named,
      identities: [
        ...identities.map(({ primaryId, contacts }) => ({ primaryId, rows: contacts })),
        ...named.identities.filter(({ primaryId }) => !primaryIds.has(primaryId)),
      ],
      evidence: {
        identities,
        merges: this.merges
          .filter(({ leftId, rightId }) => ids.has(leftId) || ids.has(rightId))
          .map((merge) => ({
            ...merge,
            isAssumed: false,
            changeId: null,
            undone: merge.isUndone ? { changeId: 1, at: 1 } : null,
          })),
        past: this.past.filter(({ contactId }) => ids.has(contactId)),
      },
    });
  }

  /** As the evidence of contacts is read for an erasure. */
  loadToErase(
    contactIds: readonly number[],
    sightings: readonly Sighting[],
  ): Snapshot & { evidence: KnownEvidence; held: readonly Held[] } {
    return deepFreeze({
      ...this.loadEvidence(contactIds, sightings),
      held: [...this.claims, ...this.reserved.map((each) => ({ ...each, contactId: null }))],
    });
  }

  /** All rules, asked for by every identifier that there is. */
  get rules(): KnownRules {
    const known = [...this.claims, ...this.reserved].map(({ kind, value }) => ({ kind, value }));
    return new KnownRules(this.policy.kinds.withOtherForms(known), this.ruled);
  }

  identityOf(contactId: number): Identity {
    return this.identity(this.primaryIdOf(contactId));
  }

  find(contactId: number): IdentityView | null {
    return this.row(contactId).isDeleted ? null : viewOf(liveContacts(this.identityOf(contactId)));
  }

  /** The identifiers that live together, by the claims: `email:…` and `phoneNumber:…`, sorted. */
  partition(): string[][] {
    const groups = Map.groupBy(this.claims, ({ contactId }) => this.primaryIdOf(contactId));
    return [...groups.values()]
      .map((claims) => claims.map(nameOf).toSorted())
      .toSorted((a, b) => ((a[0] ?? '') < (b[0] ?? '') ? -1 : 1));
  }

  /**
   * The store after a write.
   *
   * @param freshIds at least one a newcomer, ascending
   * @param clock may stand still or go back; newcomers get a later time if they must be younger
   */
  apply(writes: Writes, freshIds: readonly number[], clock: number): MemoryStore {
    const real = (id: number) => realId(id, freshIds);
    const now = Math.max(clock, writes.youngestTouched + 1);
    const inserted = writes.newcomers.map(
      ({ id, identifiers, linkedId, joinedId, isRuled, createdAt = now }) => ({
        id: real(id),
        identifiers,
        linkedId: linkedId === null ? null : real(linkedId),
        joinedId: joinedId === null ? null : real(joinedId),
        createdAt,
        version: 1,
        isDeleted: false,
        isRuled,
      }),
    );
    const movedClaims = writes.movedClaims.map((claim) => ({ ...claim, contactId: real(claim.contactId) }));
    const next = new MemoryStore(
      [
        ...this.deleted(writes.deletion, this.relinked(writes, real)).filter(
          ({ id }) => writes.erasure?.removedIds.includes(id) !== true,
        ),
        ...inserted,
      ],
      [
        ...this.keptClaims(movedClaims, writes).filter(
          (claim) => formOf(writes.renaming, claim) === undefined,
        ),
        ...[...writes.claims, ...writes.takenClaims].map((claim) => ({
          ...claim,
          contactId: real(claim.contactId),
        })),
      ],
      [
        ...mergesWithout(writes.erasure, this.merges).map((merge) =>
          writes.undoneMergeIds.includes(merge.id) ? undone(merge) : merge,
        ),
        ...writes.merges.map((merge, index) => ({
          ...merge,
          id: (this.merges.at(-1)?.id ?? 0) + index + 1,
          at: now,
          isUndone: false,
          survivorId: real(merge.survivorId),
          mergedId: real(merge.mergedId),
          leftId: real(merge.leftId),
          rightId: real(merge.rightId),
        })),
      ],
      this.reservedAfter(writes),
      this.rulesAfter(writes),
      this.rulesMade + writes.rules.length,
      pastWithout(writes.erasure, [...this.past, ...this.pastOf(writes, now)]),
      this.policy,
      this.reviewsAfter(writes),
    );
    next.check();
    checkEvents(this, next, writes, real);
    for (const newcomer of inserted.filter((_, index) => writes.newcomers[index]?.createdAt === undefined)) {
      const elders = next
        .identityOf(newcomer.id)
        .rows.filter(({ id }) => this.rows.some((row) => row.id === id));
      ensure(
        elders.every((elder) => elder.createdAt < newcomer.createdAt),
        `newcomer ${newcomer.id} is not junior to what it joins`,
      );
    }
    return next;
  }

  /** The store after merges and past states were searched for identifiers, which they lose. */
  withoutTraces(identifiers: readonly Identifier[]): MemoryStore {
    const erased = new Set(identifiers.map(nameOf));
    const strip = <T extends { readonly identifiers: readonly Identifier[] }>(row: T): T => ({
      ...row,
      identifiers: row.identifiers.filter((each) => !erased.has(nameOf(each))),
    });
    return new MemoryStore(
      this.rows,
      this.claims,
      this.merges.map(strip),
      this.reserved,
      this.ruled,
      this.rulesMade,
      this.past.map(strip),
    );
  }

  private rulesAfter({ rules, liftedRules, erasure, renaming }: Writes): Rule[] {
    const lifted = new Set(liftedRules.map(({ id }) => id));
    ensure(
      lifted.size === liftedRules.length && liftedRules.every((rule) => this.ruled.includes(rule)),
      'a rule that is not there is lifted',
    );
    renaming?.identifiers.forEach(({ kind, value, rules: known }) => {
      const about = this.ruled.filter(({ identifiers: pair }) =>
        pair.some((each) => nameOf(each) === nameOf({ kind, value })),
      );
      ensure(about.length === known.length, `the rules about ${kind} ${value} are not known`);
    });
    const ended = new Set(renaming?.endedRuleIds);
    return [
      ...this.ruled
        .filter(
          ({ id, identifiers }) => !lifted.has(id) && !identifiers.some((each) => isErased(erasure, each)),
        )
        .filter(({ id }) => !ended.has(id))
        .map((rule) => renamedRule(renaming, rule)),
      ...rules.map((identifiers, i) => ruleOf(this.rulesMade + i + 1, identifiers)),
    ];
  }

  /** The same with another policy. */
  withPolicy(policy: Policy): MemoryStore {
    const { rows, claims, merges, reserved, ruled, rulesMade, past, reviews } = this;
    return new MemoryStore(rows, claims, merges, reserved, ruled, rulesMade, past, policy, reviews);
  }

  /** The reviews of all pairs of the sightings. */
  private reviewsOf(sightings: readonly Sighting[]): KnownReviews {
    const pairs = sightings.flatMap(({ identifiers }) =>
      identifiers.flatMap((one, i) => identifiers.slice(i + 1).map((other): Pair => [one, other])),
    );
    const known = new Map(
      this.reviews.map(({ pair, decision }, i) => [keyOf(pair), { id: i + 1, decision }]),
    );
    return KnownReviews.of(
      pairs,
      pairs.map((pair) => known.get(keyOf(pair)) ?? null),
    );
  }

  /** A rule decides the open review of its pair. */
  private reviewsAfter({ reviews, decidedReview, rules }: Writes): MemoryStore['reviews'] {
    const opened = reviews.map(({ pair }) => ({ pair, decision: null }));
    const all = [...this.reviews, ...opened];
    if (new Set(all.map(({ pair }) => keyOf(pair))).size < all.length) {
      throw new Conflict('unique pair of a review');
    }
    const ruled = new Set(rules.map(keyOf));
    return all.map(({ pair, decision }, i) => {
      const isDecided = decidedReview?.id === i + 1;
      if (isDecided && decision !== null) {
        throw new Conflict(`review ${i + 1} was decided before`);
      }
      const byItself = ruled.has(keyOf(pair)) ? ('keep-apart' as const) : null;
      return { pair, decision: decision ?? (isDecided ? decidedReview.decision : byItself) };
    });
  }

  private reservedAfter({
    takenClaims,
    unheldForms,
    reservedForms,
    keptReservations,
    freedReservations,
    reservations,
    deletion,
    erasure,
    renaming,
  }: Writes): Identifier[] {
    const names = new Set(this.reserved.map(nameOf));
    for (const identifier of [
      ...takenClaims,
      ...reservedForms,
      ...keptReservations,
      ...freedReservations,
      ...(erasure?.keptReservations ?? []),
    ]) {
      if (!names.has(nameOf(identifier))) {
        throw new Conflict(`${nameOf(identifier)} is not reserved`);
      }
    }
    for (const identifier of [...unheldForms, ...(erasure?.reservations ?? [])]) {
      if (names.has(nameOf(identifier)) || this.byValue.has(nameOf(identifier))) {
        throw new Conflict(`${nameOf(identifier)} has a claim`);
      }
    }
    // What is erased is free at once here. What only a rule with it reserved is free too.
    const idle =
      erasure === null
        ? []
        : this.reserved.filter(
            (each) =>
              !this.ruled.some(
                ({ identifiers }) =>
                  identifiers.some((one) => nameOf(one) === nameOf(each)) &&
                  !identifiers.some((one) => isErased(erasure, one)),
              ),
          );
    const renamed = (renaming?.identifiers ?? []).filter(({ isReserved }) => isReserved);
    renamed.forEach((each) => ensure(names.has(nameOf(each)), `${nameOf(each)} is not reserved`));
    const left = new Set([...takenClaims, ...freedReservations, ...idle, ...renamed].map(nameOf));
    return [
      ...this.reserved.filter((each) => !left.has(nameOf(each))),
      ...reservations,
      ...(deletion?.reservedClaims ?? []),
    ];
  }

  private pastOf({ touched }: Writes, now: number): PastState[] {
    return touched
      .filter(({ leavesPast }) => leavesPast)
      .map(({ id }) => {
        const { linkedId, createdAt, identifiers } = this.row(id);
        return { contactId: id, until: now, linkedId, createdAt, identifiers };
      });
  }

  private identity(primaryId: number): Identity {
    const rows = this.byPrimaryId.get(primaryId) ?? [];
    return deepFreeze({ primaryId, rows: rows.toReversed().map(withoutLink) });
  }

  private primaryIdOf(contactId: number): number {
    return this.row(contactId).linkedId ?? contactId;
  }

  private row(id: number): StoredRow {
    const row = this.byId.get(id);
    if (row === undefined) {
      throw new Error(`foreign key: there is no contact ${id}`);
    }
    return row;
  }

  private relinked({ touched, ruledIds, undoneMergeIds }: Writes, real: (id: number) => number): StoredRow[] {
    ensure(new Set(touched.map(({ id }) => id)).size === touched.length, 'a row is touched twice');
    for (const { id, version } of touched) {
      if (this.row(id).version !== version) {
        throw new Conflict(`contact ${id} is no longer at version ${version}`);
      }
    }
    return this.rows.map((row) => {
      const touch = touched.find(({ id }) => id === row.id);
      if (touch === undefined) {
        return row;
      }
      const isRuled = row.isRuled || ruledIds.includes(row.id);
      const linkedId = touch.linkedId === null ? null : real(touch.linkedId);
      ensure(
        (touch.createdAt ?? 0) < row.createdAt || undoneMergeIds.length > 0,
        `contact ${row.id} is given a later date`,
      );
      const isOther =
        linkedId !== row.linkedId ||
        touch.createdAt !== undefined ||
        touch.identifiers !== undefined ||
        touch.joined !== undefined;
      ensure(
        touch.leavesPast === isOther || (touch.leavesPast && linkedId === null),
        `contact ${row.id} leaves a past if its link, date, identifiers or edge change; otherwise only a primary may`,
      );
      return {
        ...row,
        version: row.version + 1,
        linkedId,
        createdAt: touch.createdAt ?? row.createdAt,
        identifiers: touch.identifiers ?? row.identifiers,
        joinedId: touch.joined === undefined ? row.joinedId : touch.joined.toId,
        isRuled,
      };
    });
  }

  private deleted(deletion: Deletion | null, rows: readonly StoredRow[]): StoredRow[] {
    const ids = new Set(deletion?.contactIds);
    ids.forEach((id) => ensure(!this.row(id).isDeleted, `contact ${id} is deleted already`));
    return rows.map((row) => (ids.has(row.id) ? { ...row, isDeleted: true } : row));
  }

  private keptClaims(
    movedClaims: readonly Claim[],
    { deletion, erasure, touched, undoneMergeIds }: Writes,
  ): Claim[] {
    const stripped = new Set(
      touched.flatMap(({ id, identifiers }) => (identifiers === undefined ? [] : [id])),
    );
    const leaving = [
      ...movedClaims,
      ...(deletion?.freedClaims ?? []),
      ...(deletion?.reservedClaims ?? []),
      ...(erasure?.claims ?? []),
    ];
    for (const { kind, value } of leaving) {
      const claim = this.byValue.get(nameOf({ kind, value }));
      ensure(claim !== undefined, `${kind} ${value} is not claimed`);
      ensure(
        deletion === null ||
          undoneMergeIds.length > 0 ||
          deletion.contactIds.includes(claim!.contactId) ||
          stripped.has(claim!.contactId),
        `${kind} ${value} is not claimed by what is deleted or loses it`,
      );
    }
    const names = new Set(leaving.map(nameOf));
    const staying = this.claims.filter((claim) => !names.has(nameOf(claim)));
    return [...staying, ...movedClaims];
  }

  private check(): void {
    ensure(this.byId.size === this.rows.length, 'primary key of contacts');
    if (this.byValue.size !== this.claims.length) {
      throw new Conflict('primary key of identifiers');
    }
    for (const row of this.rows) {
      checkShape(row);
      ensure(
        row.linkedId === null || this.row(row.linkedId).linkedId === null,
        `contact ${row.id} links to a secondary`,
      );
    }
    const claimed = [...this.byPrimaryId].flatMap(([primaryId, rows]) => this.checkIdentity(primaryId, rows));
    ensure(claimed.length === this.claims.length, 'a claim on what no live contact carries');
    for (const { survivorId, mergedId, leftId, rightId } of this.merges) {
      ensure(survivorId !== mergedId, 'a contact merged with itself');
      ensure(this.row(leftId) !== this.row(rightId), 'a merge of one contact');
    }
    const edges: Edge[] = [
      ...this.rows.flatMap(({ id, joinedId }) => (joinedId === null ? [] : [[id, joinedId] as const])),
      ...this.merges
        .filter(({ isUndone }) => !isUndone)
        .map(({ leftId, rightId }) => [leftId, rightId] as const),
    ];
    const [fault] = evidenceFaults(this.rows, edges);
    ensure(fault === undefined, fault ?? '');
    this.checkRules();
  }

  /**
   * Checks that no identity holds both identifiers of a rule, that each of them is claimed or reserved, and that nothing else
   * is reserved.
   */
  private checkRules(): void {
    const reserved = new Set(this.reserved.map(nameOf));
    const idle = new Set(reserved);
    ensure(reserved.size === this.reserved.length, 'an identifier is reserved twice');
    for (const { identifiers: pair } of this.ruled) {
      const [one, other] = pair.map((identifier) => {
        const claim = this.byValue.get(nameOf(identifier));
        ensure(
          (claim === undefined) === reserved.has(nameOf(identifier)),
          `${nameOf(identifier)} of a rule is either claimed or reserved`,
        );
        return claim && this.primaryIdOf(claim.contactId);
      });
      ensure(one === undefined || one !== other, `${pair.map(nameOf).join(' and ')} lie in one identity`);
      pair.forEach((identifier) => idle.delete(nameOf(identifier)));
    }
    ensure(idle.size === 0, `${[...idle].join(' and ')} is reserved without a rule`);
    const pairs = new Set(this.ruled.map(({ identifiers }) => keyOf(identifiers)));
    ensure(pairs.size === this.ruled.length, 'primary key of rules');
  }

  /** Checks who is primary and that the oldest live carrier of each value claims it; returns the values. */
  private checkIdentity(primaryId: number, rows: readonly StoredRow[]): string[] {
    const live = rows
      .filter(({ isDeleted }) => !isDeleted)
      .toSorted((a, b) => a.createdAt - b.createdAt || a.id - b.id);
    ensure(
      (live[0]?.id ?? primaryId) === primaryId,
      `primary ${primaryId} is not the oldest of its identity`,
    );
    const carriers = Map.groupBy(
      live.flatMap((row) => namesOf(row).map((name) => ({ name, row }))),
      ({ name }) => name,
    );
    for (const [name, [oldest]] of carriers) {
      const holder = this.byValue.get(name)?.contactId;
      ensure(holder === oldest?.row.id, `${name} is claimed by ${holder}, not by its oldest live carrier`);
    }
    return [...carriers.keys()];
  }
}

/** The value that an identifier gets; undefined: it keeps its own. */
function formOf(renaming: Renaming | null, { kind, value }: Identifier): string | undefined {
  return renaming?.identifiers.find((each) => each.kind === kind && each.value === value)?.to;
}

function renamedRule(renaming: Renaming | null, rule: Rule): Rule {
  const [one, other] = rule.identifiers.map((each): Identifier => ({
    kind: each.kind,
    value: formOf(renaming, each) ?? each.value,
  }));
  return renaming === null ? rule : { ...rule, identifiers: [one!, other!] };
}

function isErased(erasure: ErasedParts | null, identifier: Identifier): boolean {
  return erasure?.identifiers.some((each) => nameOf(each) === nameOf(identifier)) === true;
}

function mergesWithout(erasure: ErasedParts | null, merges: readonly StoredMerge[]): StoredMerge[] {
  return merges
    .filter(({ id }) => erasure?.removedMergeIds.includes(id) !== true)
    .map((merge) =>
      erasure?.strippedMergeIds.includes(merge.id)
        ? { ...merge, identifiers: merge.identifiers.filter((each) => !isErased(erasure, each)) }
        : merge,
    );
}

function pastWithout(erasure: ErasedParts | null, past: readonly PastState[]): PastState[] {
  return past
    .filter(({ contactId }) => erasure?.removedIds.includes(contactId) !== true)
    .map((state) =>
      erasure?.strippedPastIds.includes(state.contactId)
        ? { ...state, identifiers: state.identifiers.filter((each) => !isErased(erasure, each)) }
        : state,
    );
}

/** Whoever follows the events knows who is one, and every identity that shows something else was told of, with its version. */
function checkEvents(
  before: MemoryStore,
  after: MemoryStore,
  writes: Writes,
  real: (id: number) => number,
): void {
  const touched = new Set(writes.touched.map(({ id }) => id));
  const events = eventsOf(
    before.rows.filter(({ id }) => touched.has(id)),
    writes,
    {
      real,
      mergeIds: writes.merges.map((_, i) => before.merges.length + i + 1),
      reviewIds: writes.reviews.map((_, i) => before.reviews.length + i + 1),
      changeId: null,
      decidedByRules: [],
    },
  );
  const follower = new Follower(livePrimaries(before));
  events.forEach((event) => follower.follow(event));
  const known = JSON.stringify(follower.partition);
  ensure(
    known === JSON.stringify(livePrimaries(after)),
    `the events ${JSON.stringify(events)} lead from ${JSON.stringify(livePrimaries(before))} to ${known}, not to ${JSON.stringify(livePrimaries(after))}`,
  );
  const told = new Map<number, number | undefined>();
  for (const { data } of events as { data: IdentityEvent }[]) {
    told.set(data.primaryContactId ?? 0, data.version);
    told.set(data.partedPrimaryContactId ?? 0, data.partedVersion);
  }
  for (const { id, version } of after.rows.filter(
    ({ linkedId, isDeleted }) => linkedId === null && !isDeleted,
  )) {
    const isNews = viewText(before, id) !== viewText(after, id);
    ensure(!isNews || told.has(id), `identity ${id} shows something else, and nobody is told`);
    ensure(
      !told.has(id) || told.get(id) === version,
      `version ${version} of identity ${id} is told as ${told.get(id)}`,
    );
  }
}

function livePrimaries({ rows }: MemoryStore): [contactId: number, primaryId: number][] {
  return rows
    .filter(({ isDeleted }) => !isDeleted)
    .map(({ id, linkedId }): [number, number] => [id, linkedId ?? id])
    .toSorted(([a], [b]) => a - b);
}

function viewText(store: MemoryStore, id: number): string {
  const view = store.rows.some((row) => row.id === id) ? store.find(id) : null;
  return JSON.stringify(view, (_, value: unknown) =>
    value instanceof Map ? [...(value as Map<string, unknown>)] : value,
  );
}

/** A rule as the store makes it. */
export function ruleOf(id: number, identifiers: readonly [Identifier, Identifier]): Rule {
  return { id, identifiers, createdAt: id, actor: 'marty', reason: 'They are two' };
}

function checkShape({ id, identifiers, linkedId }: StoredRow): void {
  ensure(identifiers.length > 0, `contact ${id} has no identifier`);
  ensure(linkedId !== id, `contact ${id} links to itself`);
}

function ensure(holds: boolean, problem: string): void {
  if (!holds) {
    throw new Error(problem);
  }
}

function withoutLink({ id, identifiers, createdAt, version, isDeleted, isRuled }: StoredRow): Contact {
  return { id, identifiers, createdAt, version, isDeleted, isRuled };
}

function recorded(row: StoredRow): RecordedContact {
  return { ...row, recordedAt: 0, deletedAt: row.isDeleted ? 1 : null, isAssumed: false };
}

function undone(merge: StoredMerge): StoredMerge {
  ensure(!merge.isUndone, `merge ${merge.id} is undone twice`);
  return { ...merge, isUndone: true };
}

function nameOf({ kind, value }: Identifier): string {
  return `${kind}:${value}`;
}

function namesOf({ identifiers }: Sighting): string[] {
  return identifiers.map(nameOf);
}
