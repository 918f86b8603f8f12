import type { IdentityView, Sighting } from '../../../src/identity/domain/contact.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import type { Answer } from '../../../src/identity/domain/reconcile.js';
import { remove } from '../../../src/identity/domain/remove.js';
import { NO_WRITES, withRealIds } from '../../../src/identity/domain/writes.js';
import type { Writes } from '../../../src/identity/domain/writes.js';
import { Oracle } from '../../support/oracle.js';
import type { Step } from '../../support/sightings.js';
import { MemoryStore } from './memory-store.js';
import { deepFreeze } from './people.js';

/** The time of a step, and the node whose range its ids come from: neither need follow the order of steps. */
export interface Circumstances {
  readonly clock: number;
  readonly node: number;
}

/** How often what the tests are about really happened, over all runs. */
export interface Tally {
  merges: number;
  mergesWithSecondaries: number;
  mergesWithDeleted: number;
  mergesWithinBatch: number;
  ties: number;
  primariesDeleted: number;
  claimsMoved: number;
  claimsFreed: number;
}

export function emptyTally(): Tally {
  return {
    merges: 0,
    mergesWithSecondaries: 0,
    mergesWithDeleted: 0,
    mergesWithinBatch: 0,
    ties: 0,
    primariesDeleted: 0,
    claimsMoved: 0,
    claimsFreed: 0,
  };
}

/** The core with its store on one side, the oracle on the other, fed alike. */
export class Duel {
  store = new MemoryStore();
  /** Takes ids and times from the store, where every step is made first. */
  readonly oracle = new Oracle((nth) => {
    const row = this.store.rows[nth - 1];
    if (row === undefined) {
      throw new Error('the oracle adds a contact that the core did not add');
    }
    return row;
  });

  constructor(private readonly tally: Tally = emptyTally()) {}

  take(step: Step, circumstances: Circumstances): void {
    if ('batch' in step) {
      this.identify(step.batch, circumstances);
    } else {
      this.delete(Math.trunc(step.deleteAt * this.store.rows.length));
    }
  }

  /** Answers a batch on both sides and compares them one by one. */
  identify(batch: readonly Sighting[], { clock, node }: Circumstances): void {
    const { answers, writes } = reconcile(deepFreeze(this.store.load(batch)), deepFreeze(batch));
    this.countMerges(writes);
    for (const answer of answers) {
      expect(answer.awaitsWrite).toBe(!this.isStored(answer));
    }
    const freshIds = batch.map((_, index) => node * 10_000 + this.store.rows.length + index + 1);
    this.store = this.store.apply(writes, freshIds, clock);

    const told = answers.map((answer) => withRealIds(answer.view, freshIds));
    expect(told).toEqual(batch.map((sighting) => this.oracle.identify(sighting)));
  }

  delete(nth: number): void {
    const row = this.store.rows[nth];
    if (row !== undefined && !row.isDeleted) {
      const writes = remove(this.store.identityOf(row.id), row.id);
      this.tally.primariesDeleted += row.linkedId === null ? 1 : 0;
      this.tally.claimsMoved += writes.deletion?.movedClaims.length ?? 0;
      this.tally.claimsFreed += writes.deletion?.freedClaims.length ?? 0;
      this.store = this.store.apply(writes, [], 0);
    }
    expect(row !== undefined && this.oracle.delete(row.id)).toBe(row !== undefined && !this.oracleHadDeleted(row.id));
  }

  /** Compares all that both sides hold. */
  compare(): void {
    expect(this.store.rows.map(({ id, linkedId }) => [id, linkedId])).toEqual(
      this.oracle.contacts.map(({ id, linkedId }) => [id, linkedId]),
    );
    expect(this.store.rows.map(({ id }) => this.store.find(id))).toEqual(
      this.oracle.contacts.map(({ id }) => this.oracle.find(id)),
    );
    expect(this.store.merges).toEqual(this.oracle.merges);
    expect(this.store.partition()).toEqual(this.oracle.components());
    expect(this.oracle.partition()).toEqual(this.oracle.components());
  }
}
