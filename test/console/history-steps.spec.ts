import type { Evidence } from '../../clients/typescript/src/index.js';
import { stepsOfEvidence, stepsOfHistory } from '../../console/src/history-steps.js';

const at = (second: number): string => `2026-11-29T09:12:${String(second).padStart(2, '0')}.123456Z`;

test('each moment of a history is a step, from the one on at which the contact came', () => {
  const steps = stepsOfHistory(
    [
      { type: 'created', at: at(1), contactIds: [1] },
      { type: 'linked', at: at(2), contactIds: [2, 1] },
      { type: 'created', at: at(3), contactIds: [3] },
      { type: 'merged', at: at(4), contactIds: [1, 3], mergeId: 7 },
      { type: 'contact-deleted', at: at(4), contactIds: [2] },
    ],
    2,
  );
  expect(steps).toEqual([
    { at: at(2), text: 'Contact 2 attached to contact 1' },
    { at: at(3), text: 'Contact 3 was created' },
    { at: at(4), text: 'Contact 2 was deleted' },
  ]);
});

test('of a large identity, contacts that came, merges and deletions are the steps', () => {
  const contactOf = (id: number, deletedAt: string | null = null) => ({
    id,
    email: `contact${id}@hillvalley.edu`,
    phoneNumber: null,
    createdAt: at(id),
    deletedAt,
  });
  const evidence: Evidence = {
    contacts: [contactOf(1), contactOf(2, at(6)), contactOf(3)],
    edges: [
      { from: 1, to: 2, type: 'shared', identifiers: [], at: at(2) },
      { from: 2, to: 3, type: 'merge', mergeId: 7, cause: 'manual', identifiers: [], at: at(5) },
    ],
  };
  const texts = (contactId: number) => stepsOfEvidence(evidence, contactId).map(({ text }) => text);
  const all = ['Contact 2 attached to contact 1', 'Merge 7 joined contacts 2 and 3', 'Contact 2 was deleted'];
  expect(texts(1)).toEqual(all);
  expect(texts(2)).toEqual(all);
  // it was a person of its own before
  expect(texts(3)).toEqual(all.slice(1));
});
