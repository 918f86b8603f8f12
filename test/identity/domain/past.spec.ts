import * as fc from 'fast-check';
import { identityAt } from '../../../src/identity/domain/past.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { remove } from '../../../src/identity/domain/remove.js';
import { aHistoryOf, announceSeed, aSighting, pick, seed } from '../../support/sightings.js';
import { shown, sightingOf, type ShownIdentity } from '../../support/wire.js';
import { Chronicle } from './chronicle.js';
import { MemoryStore } from './memory-store.js';

announceSeed('identity at a moment');

/** Sightings of now and out of the past, which change dates and primaries. */
const aSightingOfAnyDate = fc
  .tuple(aSighting, fc.option(fc.integer({ min: 1, max: 50 }), { freq: 2 }))
  .map(([body, createdAt]) => (createdAt === null ? body : { ...body, createdAt }));

test('the identity of a contact at a moment is what was answered then, whatever happened since', () => {
  const seen = { merges: 0, deletions: 0, pastStates: 0 };
  fc.assert(
    fc.property(aHistoryOf(aSightingOfAnyDate), (history) => {
      const chronicle = new Chronicle();
      const answers: { at: number; views: Map<number, ShownIdentity | null> }[] = [];
      let store = new MemoryStore();
      // one moment for each step, and some between, when nothing happens
      for (const [index, step] of history.entries()) {
        const now = 1_000 + 10 * index;
        const before = store;
        if ('batch' in step) {
          const batch = step.batch.map(sightingOf);
          const freshIds = batch.map((_, i) => store.rows.length + i + 1);
          store = store.apply(reconcile(store.load(batch), batch).writes, freshIds, now);
        } else {
          const target = pick(
            store.rows.filter(({ isDeleted }) => !isDeleted),
            step.deleteAt,
          );
          if (target !== undefined) {
            store = store.apply(remove(store.identityOf(target.id), target.id, store.rules), [], now);
            seen.deletions++;
          }
        }
        chronicle.note(before.rows, store.rows, now);
        const { rows } = store;
        answers.push({ at: now, views: new Map(rows.map(({ id }) => [id, shownBy(store, id)])) });
      }
      const contacts = chronicle.contacts(store.rows).toReversed();
      // a comparison of each answer alone would take most of the time
      const told = answers.flatMap(({ at, views }) =>
        store.rows.flatMap(({ id }) => [at, at + 9].map((moment) => [id, moment, views.get(id) ?? null])),
      );
      const found = told.map(([id, moment]) => {
        const view = identityAt(id as number, contacts, chronicle.past.toReversed(), moment as number);
        return [id, moment, view && shown(view)];
      });
      expect(JSON.stringify(found)).toBe(JSON.stringify(told));
      seen.merges += store.merges.length;
      seen.pastStates += chronicle.past.length;
    }),
    { seed, numRuns: 100 },
  );
  expect(seen.merges).toBeGreaterThan(100);
  expect(seen.deletions).toBeGreaterThan(50);
  expect(seen.pastStates).toBeGreaterThan(seen.merges);
});

function shownBy(store: MemoryStore, id: number): ShownIdentity | null {
  const view = store.find(id);
  return view && shown(view);
}
