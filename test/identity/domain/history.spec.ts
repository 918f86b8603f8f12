import type { RecordedMerge } from '../../../src/identity/domain/explain.js';
import { eventsAfter, historyOf, type MadeChange } from '../../../src/identity/domain/history.js';
import type { RecordedContact } from '../../../src/identity/domain/past.js';
import { contact, identifiers } from './fixtures.js';

const recorded = (
  id: number,
  joinedId: number | null,
  rest: Partial<RecordedContact> = {},
): RecordedContact => ({
  ...contact(id, `${id}@hillvalley.edu`, '1'),
  linkedId: null,
  joinedId,
  recordedAt: 10 * id,
  deletedAt: null,
  isAssumed: false,
  ...rest,
});

const merged = (
  id: number,
  survivorId: number,
  mergedId: number,
  rest: Partial<RecordedMerge> = {},
): RecordedMerge => ({
  id,
  at: 100 + id,
  survivorId,
  mergedId,
  leftId: survivorId,
  rightId: mergedId,
  cause: 'sighting',
  identifiers: identifiers('a', '1'),
  isAssumed: false,
  changeId: null,
  undone: null,
  ...rest,
});

const made = (
  id: number,
  kind: string,
  at: number,
  contactIds: number[],
  reason: string | null = 'why',
): MadeChange => ({
  id,
  kind,
  at,
  actor: 'doc',
  reason,
  contactIds,
});

const PLAIN = { mergeId: null, change: null, isAssumed: false };

test('arrivals, merges and deletions are told in the order in which they happened', () => {
  const contacts = [recorded(1, null), recorded(2, 1), recorded(3, null, { deletedAt: 200 })];
  expect(historyOf(1, contacts.toReversed(), [merged(7, 1, 3)], [])).toEqual([
    { ...PLAIN, type: 'created', at: 10, id: 1, contactIds: [1] },
    { ...PLAIN, type: 'linked', at: 20, id: 2, contactIds: [2, 1] },
    { ...PLAIN, type: 'created', at: 30, id: 3, contactIds: [3] },
    { ...PLAIN, type: 'merged', at: 107, id: 7, contactIds: [1, 3], mergeId: 7 },
    { ...PLAIN, type: 'contact-deleted', at: 200, id: 3, contactIds: [3] },
  ]);
});

test('an imported contact arrived when it was recorded, whatever its date', () => {
  expect(historyOf(1, [recorded(1, null, { createdAt: 1, recordedAt: 500 })], [], [])).toEqual([
    { ...PLAIN, type: 'created', at: 500, id: 1, contactIds: [1] },
  ]);
});

test('what was done by hand names its change: a merge, its undoing, a deletion, a split', () => {
  const merge = made(1, 'merge', 107, [1, 2]);
  const undo = made(2, 'undo', 300, [1, 2]);
  const deletion = made(3, 'identity-delete', 400, [1], null);
  const split = made(4, 'split', 350, [1, 9]);
  const events = historyOf(
    1,
    [recorded(1, null, { deletedAt: 400 })],
    [merged(7, 1, 2, { cause: 'manual', changeId: 1, undone: { changeId: 2, at: 300 } })],
    // another deletion at the same moment is not the reason for this one
    [made(5, 'identity-delete', 400, [8]), merge, undo, deletion, split],
  );
  expect(events.slice(1)).toEqual([
    { ...PLAIN, type: 'merged', at: 107, id: 7, contactIds: [1, 2], mergeId: 7, change: merge },
    { ...PLAIN, type: 'merge-undone', at: 300, id: 7, contactIds: [1, 2], mergeId: 7, change: undo },
    { ...PLAIN, type: 'split', at: 350, id: 4, contactIds: [1, 9], change: split },
    { ...PLAIN, type: 'contact-deleted', at: 400, id: 1, contactIds: [1], change: deletion },
  ]);
});

test('an edge that a split kept is no event', () => {
  expect(
    historyOf(1, [recorded(1, null), recorded(2, null)], [merged(7, 1, 2, { cause: 'kept' })], []),
  ).toEqual([
    { ...PLAIN, type: 'created', at: 10, id: 1, contactIds: [1] },
    { ...PLAIN, type: 'created', at: 20, id: 2, contactIds: [2] },
  ]);
});

test('what nobody recorded is worked out, and marked', () => {
  const events = historyOf(
    1,
    [recorded(1, null), recorded(2, null)],
    [merged(7, 1, 9, { isAssumed: true })],
    [],
  );
  expect(events.map(({ type, contactIds, isAssumed }) => [type, contactIds, isAssumed])).toEqual([
    ['created', [1], false],
    ['linked', [2, 1], true],
    ['merged', [1, 9], true],
  ]);
});

test('pages put together are the whole history, also of events at the same moment', () => {
  const contacts = Array.from({ length: 23 }, (_, i) =>
    recorded(i + 1, i === 0 ? null : 1, { recordedAt: 5, deletedAt: i % 3 === 0 ? 5 : 6 }),
  );
  const whole = historyOf(1, contacts, [merged(1, 1, 50), merged(2, 1, 51, { at: 5 })], []);
  const told = [];
  for (let after = null, isLast = false; !isLast; after = told.at(-1)!) {
    const page = eventsAfter(whole, after, 7);
    told.push(...page.items);
    isLast = page.isLast;
    expect(page.items.length).toBe(isLast ? whole.length % 7 || 7 : 7);
  }
  expect(told).toEqual(whole);
  expect(eventsAfter(whole, { at: 999, type: 'erased', id: 1 }, 7)).toEqual({ items: [], isLast: true });
});
