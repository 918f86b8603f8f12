import * as fc from 'fast-check';
import { missingEvidence, type EvidentContact } from '../../../src/identity/domain/evidence.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { evidenceFaults, type Edge } from '../../support/evidence.js';
import { announceSeed, cut, seed, someSightings } from '../../support/sightings.js';
import { sightingOf } from '../../support/wire.js';
import { MemoryStore } from './memory-store.js';
import { BIFF, GEORGE, LORRAINE, MCFLY, contact } from './fixtures.js';

announceSeed('missing evidence');

const evident = (joinedId: number | null, ...of: Parameters<typeof contact>): EvidentContact => ({
  ...contact(...of),
  joinedId,
});

describe('missing evidence', () => {
  it('is the oldest other row that shares a value', () => {
    const rows = [
      evident(null, 1, LORRAINE, '1'),
      evident(null, 2, MCFLY, '1'),
      evident(null, 3, MCFLY, '3'),
      evident(null, 4, LORRAINE, '3'),
    ];
    expect(missingEvidence(1, rows.toReversed(), [])).toEqual(
      new Map([
        [2, 1],
        [3, 2],
        [4, 1],
      ]),
    );
  });

  it('is the primary where no value is shared any more', () => {
    const rows = [evident(null, 1, LORRAINE, '1'), evident(null, 2, MCFLY, '2')];
    expect(missingEvidence(1, rows, [])).toEqual(new Map([[2, 1]]));
  });

  it('is not made up for a tree that a merge joins', () => {
    const rows = [
      evident(null, 1, LORRAINE, '1'),
      evident(null, 2, MCFLY, '2'),
      evident(null, 3, GEORGE, '2'),
    ];
    expect(missingEvidence(1, rows, [{ leftId: 1, rightId: 2 }])).toEqual(new Map([[3, 2]]));
  });

  it('leaves what is recorded as it is', () => {
    const rows = [evident(null, 1, LORRAINE, '1'), evident(1, 2, LORRAINE, '2'), evident(null, 3, BIFF, '2')];
    expect(missingEvidence(1, rows, [])).toEqual(new Map([[3, 2]]));
  });

  it('is found at once where thousands carry one number', () => {
    const count = 20_000;
    const lost = 7_777;
    // each attached to the one before it, or was merged with it
    const rows = Array.from({ length: count }, (_, i) =>
      evident(i % 5 === 0 || i === lost ? null : i, i + 1, `${i}@hillvalley.edu`, '1'),
    );
    const merges = rows
      .filter((_, i) => i % 5 === 0 && i > 0)
      .map(({ id }) => ({ leftId: id - 1, rightId: id }));
    expect(missingEvidence(1, rows, merges)).toEqual(new Map([[lost + 1, 1]]));
  });

  it('makes a tree of whatever part of the evidence of a random history is lost, and nothing is lost of a whole one', () => {
    let found = 0;
    fc.assert(
      fc.property(someSightings, fc.infiniteStream(fc.boolean()), (bodies, losses) => {
        let store = new MemoryStore();
        for (const batch of cut(bodies.map(sightingOf), [3])) {
          const { writes } = reconcile(store.load(batch), batch);
          store = store.apply(
            writes,
            batch.map((_, i) => store.rows.length + i + 1),
            store.rows.length,
          );
        }
        const edges = store.merges.map(({ leftId, rightId }): Edge => [leftId, rightId]);
        for (const isLossy of [false, true]) {
          const rows = store.rows.map((row) => ({
            ...row,
            joinedId: isLossy && losses.next().value ? null : row.joinedId,
          }));
          const filled = [...Map.groupBy(rows, ({ id, linkedId }) => linkedId ?? id)].flatMap(
            ([primaryId, members]) => [
              ...missingEvidence(
                primaryId,
                members,
                store.merges.filter(({ leftId }) => members.some(({ id }) => id === leftId)),
              ),
            ],
          );
          const kept = rows.flatMap(({ id, joinedId }): Edge[] =>
            joinedId === null ? [] : [[id, joinedId]],
          );
          expect(evidenceFaults(rows, [...edges, ...kept, ...filled])).toEqual([]);
          expect(isLossy || filled.length === 0).toBe(true);
          found += filled.length;
        }
      }),
      { seed, numRuns: 100 },
    );
    expect(found).toBeGreaterThan(50);
  });
});
