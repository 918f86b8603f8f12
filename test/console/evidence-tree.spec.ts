import type { Contact, Edge, Evidence } from '../../clients/typescript/src/index.js';
import { branchesOf, pictureOf } from '../../console/src/evidence-tree.js';

/** Contacts that each attached to the one that is named, or to nobody; those in `deleted` are. */
function evidenceOf(parents: readonly (number | null)[], deleted: readonly number[] = []): Evidence {
  const at = '2026-11-29T09:12:44.123456Z';
  const contacts = parents.map((_, i): Contact => ({
    id: i + 1,
    email: `contact${i + 1}@hillvalley.edu`,
    phoneNumber: null,
    createdAt: at,
    deletedAt: deleted.includes(i + 1) ? at : null,
  }));
  const edges = parents.flatMap((parent, i): Edge[] =>
    parent === null ? [] : [{ from: i + 1, to: parent, type: 'shared', identifiers: [], at }],
  );
  return { contacts, edges };
}

const idsOf = (evidence: Evidence, hasDeleted = false): number[] =>
  branchesOf(evidence, hasDeleted).map(({ contact }) => contact.id);

test('each contact but the first has the edge by which it came, and counts those that came by it', () => {
  const branches = branchesOf(evidenceOf([null, 1, 2, 1]), false);
  expect(branches.map(({ contact, edge, size }) => [contact.id, edge?.to ?? null, size])).toEqual([
    [1, null, 4],
    [2, 1, 2],
    [4, 1, 1],
    [3, 2, 1],
  ]);
});

test('deleted contacts are left out, unless they join others or are asked for', () => {
  const evidence = evidenceOf([null, 1, 2, 3, 1], [2, 4, 5]);
  expect(idsOf(evidence)).toEqual([1, 2, 3]);
  expect(idsOf(evidence, true)).toEqual([1, 2, 5, 3, 4]);
  expect(idsOf(evidenceOf([null, 1, 2], [1]))).toEqual([2, 3]);
  expect(idsOf(evidenceOf([null, 1], [1, 2]))).toEqual([]);
});

test('two hundred contacts have a box each, with a line to the one that they attached to, and none covers another', () => {
  const { boxes, lines } = pictureOf(
    branchesOf(evidenceOf(Array.from({ length: 200 }, (_, i) => (i === 0 ? null : Math.ceil(i / 3)))), false),
  );
  expect(boxes.filter(({ contact }) => contact !== null)).toHaveLength(200);
  expect(lines).toHaveLength(199);
  expect(new Set(boxes.map(({ x, y }) => `${x} ${y}`)).size).toBe(200);
  const columns = Map.groupBy(boxes, ({ x }) => x);
  for (const column of columns.values()) {
    const tops = column.map(({ y }) => y).toSorted((a, b) => a - b);
    expect(Math.min(...tops.slice(1).map((y, i) => y - tops[i]!), Infinity)).toBeGreaterThan(
      boxes[0]!.height,
    );
  }
});

test.each([
  ['one after the other', (i: number) => i],
  ['all to the first', () => 1],
  ['three to each', (i: number) => Math.ceil(i / 3)],
])('of 20,000 contacts, %s, few boxes are drawn, and all contacts are in one of them', (_name, parentOf) => {
  const parents = Array.from({ length: 20_000 }, (_, i) => (i === 0 ? null : parentOf(i)));
  const { boxes, lines } = pictureOf(branchesOf(evidenceOf(parents), false));
  const counted = boxes.map(({ contact, title }) => (contact === null ? Number.parseInt(title, 10) : 1));
  expect(counted.reduce((sum, count) => sum + count)).toBe(20_000);
  expect(boxes.length).toBeLessThanOrEqual(200);
  expect(lines).toHaveLength(boxes.length - 1);
});
