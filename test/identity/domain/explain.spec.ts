import * as fc from 'fast-check';
import { carries, type Identifier } from '../../../src/identity/domain/contact.js';
import {
  edgesOf,
  pathBetween,
  undoneBetween,
  type EvidenceEdge,
  type RecordedMerge,
} from '../../../src/identity/domain/explain.js';
import type { RecordedContact } from '../../../src/identity/domain/past.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { remove } from '../../../src/identity/domain/remove.js';
import { evidenceFaults } from '../../support/evidence.js';
import { aHistory, announceSeed, pick, seed, type Step } from '../../support/sightings.js';
import { sightingOf } from '../../support/wire.js';
import { MemoryStore } from './memory-store.js';
import { contact, identifiers } from './fixtures.js';

announceSeed('explain');

const recorded = (
  id: number,
  email: string,
  phone: string,
  joinedId: number | null,
  rest: Partial<RecordedContact> = {},
): RecordedContact => ({
  ...contact(id, email, phone),
  linkedId: null,
  joinedId,
  recordedAt: id,
  deletedAt: null,
  isAssumed: false,
  ...rest,
});

const merged = (
  id: number,
  leftId: number,
  rightId: number,
  rest: Partial<RecordedMerge> = {},
): RecordedMerge => ({
  id,
  at: 100 + id,
  survivorId: leftId,
  mergedId: rightId,
  leftId,
  rightId,
  cause: 'sighting',
  identifiers: identifiers('a', '1'),
  isAssumed: false,
  changeId: null,
  undone: null,
  ...rest,
});

/** Lorraine has two contacts, George two, and a merge joined the younger of hers with the older of his. */
const PEOPLE = [
  recorded(1, 'a', '1', null),
  recorded(2, 'a', '2', 1),
  recorded(3, 'c', '3', null),
  recorded(4, 'd', '3', 3),
];
const MERGE = merged(7, 2, 3, { identifiers: identifiers('c', '2') });

test('edges name what both contacts carry, or the sighting that merged them, the oldest first', () => {
  const shared = { type: 'shared', merge: null, isAssumed: false } as const;
  expect(edgesOf(1, PEOPLE.toReversed(), [MERGE])).toEqual([
    { ...shared, fromId: 1, toId: 2, identifiers: identifiers('a', null), at: 2 },
    { ...shared, fromId: 3, toId: 4, identifiers: identifiers(null, '3'), at: 4 },
    {
      type: 'merge',
      fromId: 2,
      toId: 3,
      identifiers: identifiers('c', '2'),
      at: 107,
      merge: { id: 7, cause: 'sighting' },
      isAssumed: false,
    },
  ]);
});

test('a path leads from the one contact to the other, each edge in the direction of the walk', () => {
  const edges = edgesOf(1, PEOPLE, [MERGE]);
  const steps = (fromId: number, toId: number): unknown =>
    pathBetween(edges, fromId, toId)?.map((edge) => [edge.fromId, edge.toId, edge.type]);
  expect(steps(4, 1)).toEqual([
    [4, 3, 'shared'],
    [3, 2, 'merge'],
    [2, 1, 'shared'],
  ]);
  expect(steps(1, 2)).toEqual([[1, 2, 'shared']]);
  expect(steps(3, 3)).toEqual([]);
  expect(steps(1, 5)).toBeUndefined();
});

test('what nobody recorded is worked out, and marked', () => {
  const rows = [
    recorded(1, 'a', '1', null),
    recorded(2, 'a', '2', null),
    recorded(3, 'x', '2', 2, { isAssumed: true }),
    recorded(4, 'y', '4', null),
  ];
  const edges = edgesOf(1, rows, [merged(7, 3, 4, { isAssumed: true })]);
  expect(edges.map(({ fromId, toId, isAssumed }) => [fromId, toId, isAssumed])).toEqual([
    [1, 2, true],
    [2, 3, true],
    [3, 4, true],
  ]);
});

test('a merge that was undone is no edge, and is told as what once joined the two', () => {
  const undone = merged(7, 2, 3, { undone: { changeId: 5, at: 200 } });
  const [hers, his] = [PEOPLE.slice(0, 2), PEOPLE.slice(2)];
  expect(edgesOf(1, hers, [undone])).toHaveLength(1);
  expect(
    undoneBetween(hers, his, [merged(9, 2, 3, { undone: { changeId: 6, at: 1 } }), undone, MERGE]),
  ).toEqual([undone, merged(9, 2, 3, { undone: { changeId: 6, at: 1 } })]);
  expect(undoneBetween(his, hers, [undone])).toEqual([undone]);
  expect(undoneBetween(hers, [recorded(8, 'z', '8', null)], [undone])).toEqual([]);
});

test('in random histories the edges are a tree, and each step of each path names what both ends carry or a real merge', () => {
  const seen = { shared: 0, merge: 0, longest: 0 };
  fc.assert(
    fc.property(aHistory, fc.infiniteStream(fc.nat({ max: 999 })), (history, shares) => {
      const store = lived(history);
      const merges = store.merges.map((merge, i): RecordedMerge => ({
        ...merged(i + 1, merge.leftId, merge.rightId),
        ...merge,
      }));
      for (const [primaryId, rows] of Map.groupBy(store.rows, ({ id, linkedId }) => linkedId ?? id)) {
        const contacts = rows.map((row): RecordedContact => ({
          ...row,
          recordedAt: row.createdAt,
          deletedAt: row.isDeleted ? row.createdAt : null,
          isAssumed: false,
        }));
        const edges = edgesOf(primaryId, contacts, merges);
        expect(edges).toHaveLength(rows.length - 1);
        expect(
          evidenceFaults(
            rows,
            edges.map(({ fromId, toId }) => [fromId, toId] as const),
          ),
        ).toEqual([]);
        const [from, to] = [0, 0].map(() => pick(rows, shares.next().value / 1000)!);
        const path = pathBetween(edges, from!.id, to!.id)!;
        expect([from!.id, ...path.map(({ toId }) => toId)]).toEqual([
          ...path.map(({ fromId }) => fromId),
          to!.id,
        ]);
        for (const edge of path) {
          expect(isReal(edge, store)).toBe(true);
          seen[edge.type]++;
        }
        seen.longest = Math.max(seen.longest, path.length);
      }
    }),
    { seed, numRuns: 100 },
  );
  expect(seen.shared).toBeGreaterThan(50);
  expect(seen.merge).toBeGreaterThan(20);
  expect(seen.longest).toBeGreaterThan(3);
});

/** The store after a history. */
function lived(history: readonly Step[]): MemoryStore {
  let store = new MemoryStore();
  for (const [index, step] of history.entries()) {
    if ('batch' in step) {
      const batch = step.batch.map(sightingOf);
      const freshIds = batch.map((_, i) => store.rows.length + i + 1);
      store = store.apply(reconcile(store.load(batch), batch).writes, freshIds, index + 1);
    } else {
      const target = pick(
        store.rows.filter(({ isDeleted }) => !isDeleted),
        step.deleteAt,
      );
      store =
        target === undefined
          ? store
          : store.apply(remove(store.identityOf(target.id), target.id, store.rules), [], index + 1);
    }
  }
  return store;
}

/** Whether an edge is in the store as it says, looked up row by row. */
function isReal(
  { fromId, toId, type, identifiers: named, merge }: EvidenceEdge,
  store: MemoryStore,
): boolean {
  const [one, other] = [fromId, toId].map((id) => store.rows.find((row) => row.id === id)!);
  const bothCarry = (identifier: Identifier): boolean =>
    carries(one!, identifier) && carries(other!, identifier);
  if (type === 'shared') {
    const isAttached = one!.joinedId === toId || other!.joinedId === fromId;
    return isAttached && merge === null && named.length > 0 && named.every(bothCarry);
  }
  const { leftId, rightId, identifiers: sighted } = store.merges[merge!.id - 1]!;
  const isSame = (fromId === leftId && toId === rightId) || (fromId === rightId && toId === leftId);
  // each end holds one of the identifiers that were seen together
  return (
    isSame &&
    named === sighted &&
    [one!, other!].every((end) => named.some((identifier) => carries(end, identifier)))
  );
}
