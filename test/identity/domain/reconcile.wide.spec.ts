import * as fc from 'fast-check';
import { reconcile, reconcileRecords } from '../../../src/identity/domain/reconcile.js';
import { withRealIds } from '../../../src/identity/domain/writes.js';
import { Oracle } from '../../support/oracle.js';
import { announceSeed, aSighting, cut, EMAILS, seed } from '../../support/sightings.js';
import { shown, sightingOf, type IdentifyBody } from '../../support/wire.js';
import { MemoryStore } from './memory-store.js';

announceSeed('wide identities');

/** Two identities so large that they are asked what they carry in place of being indexed. */
const WIDE: IdentifyBody[] = [EMAILS[0]!, EMAILS[1]!].flatMap((email, which) =>
  Array.from({ length: 70 }, (_, i) => ({ email, phoneNumber: `${which}${1000 + i}` })),
);
const aWidePhone = fc
  .record({ which: fc.nat({ max: 1 }), nth: fc.nat({ max: 80 }) })
  .map(({ which, nth }) => `${which}${1000 + nth}`);
const aWideSighting: fc.Arbitrary<IdentifyBody> = fc.oneof(
  aSighting,
  fc.record({ email: fc.constantFrom(...EMAILS, null), phoneNumber: aWidePhone }),
);

test('random sightings on large identities are answered as the oracle answers them one by one', () => {
  let merges = 0;
  fc.assert(
    fc.property(
      fc.array(aWideSighting, { minLength: 10, maxLength: 20, size: 'max' }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
      (sightings, lengths) => {
        let store = new MemoryStore();
        const oracle = new Oracle((nth) => store.rows[nth - 1]!);
        for (const batch of [WIDE, ...cut(sightings, lengths)]) {
          const taken = batch.map(sightingOf);
          const { answers, writes } = reconcile(store.load(taken), taken);
          const freshIds = batch.map((_, index) => store.rows.length + index + 1);
          store = store.apply(writes, freshIds, store.rows.length);
          const expected = batch.map((sighting) => oracle.identify(sighting));
          expect(answers.map(({ view }) => shown(withRealIds(view!, freshIds)))).toEqual(expected);
          merges += writes.merges.length;
        }
      },
    ),
    { seed, numRuns: 25 },
  );
  expect(merges).toBeGreaterThan(10);
});

test('random dated records of large identities are decided as calls are, and leave each claim with its oldest carrier', () => {
  let [merges, movedClaims] = [0, 0];
  const aRecord = fc
    .record({ sighting: aWideSighting, createdAt: fc.integer({ min: 1, max: 300 }) })
    .map(({ sighting, createdAt }) => ({ ...sightingOf(sighting), createdAt }));
  fc.assert(
    fc.property(
      fc.array(aRecord, { minLength: 10, maxLength: 60, size: 'max' }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 }),
      (records, lengths) => {
        const wide = WIDE.map((body, i) => ({ ...sightingOf(body), createdAt: 1 + ((i * 37) % 140) }));
        let store = new MemoryStore();
        for (const batch of [wide, ...cut(records, lengths)]) {
          const { writes, ignored } = reconcileRecords(store.load(batch), batch);
          expect(writes).toEqual(reconcile(store.load(batch), batch).writes);
          expect(ignored).toEqual(batch.map(() => []));
          const freshIds = batch.map((_, index) => store.rows.length + index + 1);
          // checks the claims, the primaries and the tree of evidence
          store = store.apply(writes, freshIds, 1000 + store.rows.length);
          merges += writes.merges.length;
          movedClaims += writes.movedClaims.length;
        }
      },
    ),
    { seed, numRuns: 60 },
  );
  expect(merges).toBeGreaterThan(10);
  expect(movedClaims).toBeGreaterThan(100);
});
