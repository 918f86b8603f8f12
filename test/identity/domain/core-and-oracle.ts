import { shown, sightingOf, type IdentifyBody, type ShownIdentity } from '../../support/wire.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { remove } from '../../../src/identity/domain/remove.js';
import { withRealIds } from '../../../src/identity/domain/writes.js';
import type { Writes } from '../../../src/identity/domain/writes.js';
import { valueOf } from '../../../src/identity/store/identifier-columns.js';
import { Oracle, type OracleMerge } from '../../support/oracle.js';
import { pick } from '../../support/sightings.js';
import type { Step } from '../../support/sightings.js';
import { MemoryStore } from './memory-store.js';
import type { StoredRow } from './memory-store.js';
import { deepFreeze } from './fixtures.js';

/** The time of a step, and the node whose range its ids come from: neither need follow the order of steps. */
export interface Circumstances {
  readonly clock: number;
  readonly node: number;
}

/** How often what the tests are about really happened. */
export type Tally = Record<
  | 'merges'
  | 'mergesOfTies'
  | 'mergesOfSecondaries'
  | 'mergesOfDeleted'
  | 'mergesOfNewcomers'
  | 'primariesDeleted'
  | 'lastContactsDeleted'
  | 'claimsMoved'
  | 'claimsFreed',
  number
>;

export function emptyTally(): Tally {
  return {
    merges: 0,
    mergesOfTies: 0,
    mergesOfSecondaries: 0,
    mergesOfDeleted: 0,
    mergesOfNewcomers: 0,
    primariesDeleted: 0,
    lastContactsDeleted: 0,
    claimsMoved: 0,
    claimsFreed: 0,
  };
}

/** All that one side shows after a step. */
export interface Shown {
  /** One a sighting of the step. */
  readonly answers: readonly ShownIdentity[];
  readonly awaitsWrite: readonly boolean[];
  /** One a contact, deleted ones included; by arrival, as are the views. */
  readonly links: readonly Pick<StoredRow, 'id' | 'linkedId' | 'createdAt'>[];
  readonly views: readonly (ShownIdentity | null)[];
  readonly merges: readonly OracleMerge[];
  readonly partition: readonly (readonly string[])[];
}

/** The core with its store on one side, the oracle on the other, fed alike. */
export class CoreAndOracle {
  private store = new MemoryStore();
  /** When the contacts of the last batch were made, unless they brought a date. */
  private now = 0;
  /** Takes ids and times from the store, where every step is made first. */
  private readonly oracle = new Oracle((nth) => {
    const row = this.store.rows[nth - 1];
    if (row === undefined) {
      throw new Error('the oracle adds a contact that the core did not add');
    }
    return { id: row.id, createdAt: this.now };
  });

  constructor(private readonly tally: Tally) {}

  take(step: Step, circumstances: Circumstances): { core: Shown; oracle: Shown } {
    if ('batch' in step) {
      return this.identify(step.batch, circumstances);
    }
    const live = this.store.rows.filter(({ isDeleted }) => !isDeleted);
    this.delete(pick(live, step.deleteAt));
    return this.sides();
  }

  private identify(
    batch: readonly IdentifyBody[],
    { clock, node }: Circumstances,
  ): { core: Shown; oracle: Shown } {
    const before = this.store;
    const sightings = deepFreeze(batch.map(sightingOf));
    const { answers, writes } = reconcile(before.load(sightings), sightings);
    this.countMerges(writes);
    const freshIds = batch.map((_, index) => node * 10_000 + before.rows.length + index + 1);
    this.store = before.apply(writes, freshIds, clock);
    this.now = Math.max(clock, writes.youngestTouched + 1);

    const told = answers.map(({ view }) => shown(withRealIds(view!, freshIds)));
    const expected = batch.map((sighting) => this.oracle.identify(sighting));
    const { core, oracle } = this.sides();
    const stored = new Set(before.rows.map(({ id }) => JSON.stringify(shownOf(before, id))));
    return {
      core: { ...core, answers: told, awaitsWrite: answers.map(({ awaitsWrite }) => awaitsWrite) },
      oracle: {
        ...oracle,
        answers: expected,
        awaitsWrite: expected.map((view) => !stored.has(JSON.stringify(view))),
      },
    };
  }

  private delete(row: StoredRow | undefined): void {
    if (row === undefined || !this.oracle.delete(row.id)) {
      return;
    }
    const identity = this.store.identityOf(row.id);
    const writes = remove(identity, row.id, this.store.rules);
    this.tally.primariesDeleted += row.linkedId === null ? 1 : 0;
    this.tally.lastContactsDeleted +=
      identity.rows.filter(({ isDeleted }) => !isDeleted).length === 1 ? 1 : 0;
    this.tally.claimsMoved += writes.movedClaims.length;
    this.tally.claimsFreed += writes.deletion?.freedClaims.length ?? 0;
    this.store = this.store.apply(writes, [], 0);
  }

  private sides(): { core: Shown; oracle: Shown } {
    const { store, oracle } = this;
    return {
      core: {
        answers: [],
        awaitsWrite: [],
        links: store.rows.map(({ id, linkedId, createdAt }) => ({ id, linkedId, createdAt })),
        views: store.rows.map(({ id }) => shownOf(store, id)),
        merges: store.merges.map(({ survivorId, mergedId, identifiers }) => ({
          survivorId,
          mergedId,
          email: valueOf(identifiers, 'email'),
          phoneNumber: valueOf(identifiers, 'phoneNumber'),
        })),
        partition: store.partition(),
      },
      oracle: {
        answers: [],
        awaitsWrite: [],
        links: oracle.contacts.map(({ id, linkedId, createdAt }) => ({ id, linkedId, createdAt })),
        views: oracle.contacts.map(({ id }) => oracle.find(id)),
        merges: oracle.merges,
        partition: oracle.components(),
      },
    };
  }

  private countMerges({ merges }: Writes): void {
    this.tally.merges += merges.length;
    for (const { survivorId, mergedId } of merges) {
      const [survivor, merged] = [survivorId, mergedId].map((id) =>
        this.store.rows.find((row) => row.id === id),
      );
      const others = this.store.rows.filter(({ linkedId }) => linkedId === mergedId);
      this.tally.mergesOfNewcomers += merged === undefined ? 1 : 0;
      this.tally.mergesOfTies += merged !== undefined && survivor?.createdAt === merged.createdAt ? 1 : 0;
      this.tally.mergesOfSecondaries += others.some(({ isDeleted }) => !isDeleted) ? 1 : 0;
      this.tally.mergesOfDeleted += others.some(({ isDeleted }) => isDeleted) ? 1 : 0;
    }
  }
}

function shownOf(store: MemoryStore, contactId: number): ShownIdentity | null {
  const view = store.find(contactId);
  return view && shown(view);
}
