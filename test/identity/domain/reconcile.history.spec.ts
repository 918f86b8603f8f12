import * as fc from 'fast-check';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { remove } from '../../../src/identity/domain/remove.js';
import { NO_WRITES, isNothing } from '../../../src/identity/domain/writes.js';
import type { Writes } from '../../../src/identity/domain/writes.js';
import {
  aHistory,
  aShare,
  aStep,
  announceSeed,
  cut,
  pick,
  seed,
  someSightings,
} from '../../support/sightings.js';
import type { Step } from '../../support/sightings.js';
import { sightingOf, type IdentifyBody } from '../../support/wire.js';
import { CoreAndOracle, emptyTally } from './core-and-oracle.js';
import { Conflict, MemoryStore } from './memory-store.js';

announceSeed('random histories of the core');

const someLengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });

describe('a random history of sightings and deletions, cut into random batches', () => {
  /** Clocks that stand still and go back, and ids from three ranges in turn: age is neither. */
  const someCircumstances = fc.infiniteStream(
    fc.record({ clock: fc.integer({ min: 0, max: 20 }), node: fc.integer({ min: 0, max: 2 }) }),
  );
  const RUNS = 250;

  it('leaves what the oracle leaves, and every answer on the way is that of the oracle', () => {
    const tally = emptyTally();

    fc.assert(
      fc.property(aHistory, someCircumstances, (history, circumstances) => {
        const both = new CoreAndOracle(tally);
        for (const step of history) {
          const { core, oracle } = both.take(step, circumstances.next().value);
          expect(core).toEqual(oracle);
        }
      }),
      { seed, numRuns: RUNS },
    );

    expect(Object.entries(tally).filter(([, times]) => times < RUNS / 20)).toEqual([]);
    expect(tally.merges).toBeGreaterThan(RUNS);
  });
});

describe('a random list of sightings', () => {
  it('leaves the same contacts, claims and merges however it is cut into batches', () => {
    let merges = 0;

    fc.assert(
      fc.property(someSightings, someLengths, (sightings, lengths) => {
        const oneByOne = written(cut(sightings, [1]));

        expect(contentsOf(written(cut(sightings, lengths)))).toEqual(contentsOf(oneByOne));
        expect(contentsOf(written([sightings]))).toEqual(contentsOf(oneByOne));
        merges += oneByOne.merges.length;
      }),
      { seed, numRuns: 150 },
    );

    expect(merges).toBeGreaterThan(150);
  });

  it('is free to replay: in any cut, nothing is written and the answers are those stored', () => {
    fc.assert(
      fc.property(someSightings, someLengths, fc.infiniteStream(aShare), (sightings, lengths, shares) => {
        const store = written(cut(sightings, lengths));
        const replay = sightings.map(() => sightingOf(pick(sightings, shares.next().value)!));

        const { answers, writes } = reconcile(store.load(replay), replay);

        expect(writes).toEqual(NO_WRITES);
        expect(answers).toEqual(
          answers.map(({ view }) => ({ view: store.find(view!.primaryContactId), awaitsWrite: false })),
        );
      }),
      { seed, numRuns: 150 },
    );
  });
});

describe('a decision on what another process has changed meanwhile', () => {
  it('is refused by a version or a claim, or what it leaves is what a later decision would have left', () => {
    let conflicts = 0;
    let landings = 0;

    fc.assert(
      fc.property(someSightings, aStep, aStep, (past, first, second) => {
        const store = written(cut(past, [5]));
        const [decideFirst, decideSecond] = [decisionOf(first, store), decisionOf(second, store)];
        const [writes, lateWrites] = [decideFirst(store), decideSecond(store)];
        fc.pre(!isNothing(writes) && !isNothing(lateWrites));
        const meanwhile = applied(store, writes);
        try {
          const late = applied(meanwhile, lateWrites);
          landings += 1;
          if ('batch' in first) {
            expect(contentsOf(late)).toEqual(contentsOf(applied(meanwhile, decideSecond(meanwhile))));
          }
        } catch (error) {
          if (!(error instanceof Conflict)) {
            throw error;
          }
          conflicts += 1;
        }
      }),
      { seed, numRuns: 300 },
    );

    expect(conflicts).toBeGreaterThan(30);
    expect(landings).toBeGreaterThan(30);
  });
});

/** Every batch decided and applied; the clock runs with the number of contacts. */
function written(batches: readonly (readonly IdentifyBody[])[]): MemoryStore {
  return batches.reduce(
    (store, batch) => applied(store, decisionOf({ batch }, store)(store)),
    new MemoryStore(),
  );
}

/** The step as a decision that can be made now or later; what it deletes is settled now. */
function decisionOf(step: Step, now: MemoryStore): (store: MemoryStore) => Writes {
  if ('batch' in step) {
    const batch = step.batch.map(sightingOf);
    return (store) => reconcile(store.load(batch), batch).writes;
  }
  const { id } = pick(now.rows, step.deleteAt)!;
  return (store) => remove(store.identityOf(id), id, store.rules);
}

function applied(store: MemoryStore, writes: Writes): MemoryStore {
  const freshIds = writes.newcomers.map((_, index) => store.rows.length + index + 1);
  return store.apply(writes, freshIds, store.rows.length);
}

/** Without times and versions, which tell how the writes were cut. */
function contentsOf({ rows, claims, merges }: MemoryStore): object {
  return {
    contacts: rows.map(({ id, identifiers, linkedId, joinedId, isDeleted }) => ({
      id,
      identifiers,
      linkedId,
      joinedId,
      isDeleted,
    })),
    claims: new Set(claims),
    merges: merges.map((merge) => ({ ...merge, at: null })),
  };
}
