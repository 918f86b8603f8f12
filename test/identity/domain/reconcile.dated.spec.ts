import * as fc from 'fast-check';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { NO_WRITES, withRealIds } from '../../../src/identity/domain/writes.js';
import { Oracle } from '../../support/oracle.js';
import { aHistoryOf, announceSeed, aSighting, cut, seed } from '../../support/sightings.js';
import { CoreAndOracle, emptyTally } from './core-and-oracle.js';
import { shown, sightingOf, type IdentifyBody } from '../../support/wire.js';
import { MemoryStore } from './memory-store.js';
import { contact, decide, identity, moved, newcomer, sighting, touched, view } from './fixtures.js';

announceSeed('dated sightings');

const GEORGE = 'george@hillvalley.edu';
const BIFF = 'biffsucks@hillvalley.edu';

describe('a sighting out of the past', () => {
  it('that brings news and is older than the primary becomes primary, and every row links to it', () => {
    const george = identity(
      contact(1, GEORGE, '919191', { createdAt: 20, version: 4 }),
      contact(2, GEORGE, '505050', { createdAt: 30, version: 2 }),
    );

    const { writes, answers } = decide([george], sighting(GEORGE, '88', { createdAt: 10 }));

    expect(writes).toEqual({
      ...NO_WRITES,
      touched: [moved(1, 4, -1), moved(2, 2, -1)],
      newcomers: [newcomer(-1, GEORGE, '88', null, 1, 10)],
      claims: [{ kind: 'phoneNumber', value: '88', contactId: -1 }],
      movedClaims: [{ kind: 'email', value: GEORGE, contactId: -1 }],
      youngestTouched: 30,
    });
    expect(answers[0]!.view!).toEqual(view(-1, [GEORGE], ['88', '919191', '505050'], [1, 2]));
  });

  it('that brings news and is younger than the primary takes its place among the secondaries', () => {
    const george = identity(
      contact(1, GEORGE, '919191', { createdAt: 20 }),
      contact(2, GEORGE, '505050', { createdAt: 40 }),
    );

    const { writes, answers } = decide([george], sighting(GEORGE, '88', { createdAt: 30 }));

    expect(writes.touched).toEqual([touched(1, 1, null)]);
    expect(answers[0]!.view!).toEqual(view(1, [GEORGE], ['919191', '88', '505050'], [-1, 2]));
  });

  it('that brings nothing new makes the oldest carrier as old as itself', () => {
    const george = identity(
      contact(1, GEORGE, '919191', { createdAt: 20 }),
      contact(2, BIFF, '919191', { createdAt: 30, version: 3 }),
    );

    const { writes } = decide([george], sighting(BIFF, null, { createdAt: 10 }));

    expect(writes).toEqual({
      ...NO_WRITES,
      touched: [moved(1, 1, 2), moved(2, 3, null, 10)],
      movedClaims: [
        { kind: 'email', value: BIFF, contactId: 2 },
        { kind: 'phoneNumber', value: '919191', contactId: 2 },
      ],
      youngestTouched: 30,
    });
  });

  it('that is no older than what is known writes nothing', () => {
    const george = identity(contact(1, GEORGE, '919191', { createdAt: 20 }));

    const { writes } = decide([george], sighting(GEORGE, '919191', { createdAt: 20 }));

    expect(writes).toEqual(NO_WRITES);
  });

  it('of the same moment as a stored contact is younger than it', () => {
    const george = identity(contact(7, GEORGE, '919191', { createdAt: 20 }));

    const { answers } = decide([george], sighting(GEORGE, '88', { createdAt: 20 }));

    expect(answers[0]!.view!).toMatchObject({ primaryContactId: 7, secondaryContactIds: [-1] });
  });
});

describe('newcomers without a date', () => {
  it('are younger than the dated newcomers of their batch that they join, whatever the clock', () => {
    const { writes } = decide([], sighting(GEORGE, null, { createdAt: 100 }), sighting(GEORGE, '919191'));

    const { rows } = new MemoryStore().apply(writes, [1, 2], 50);
    expect(rows.map(({ id, linkedId, createdAt }) => ({ id, linkedId, createdAt }))).toEqual([
      { id: 1, linkedId: null, createdAt: 100 },
      { id: 2, linkedId: 1, createdAt: 101 },
    ]);
  });
});

describe('random sightings, some out of the past, cut into random batches', () => {
  const aDatedSighting: fc.Arbitrary<IdentifyBody> = fc
    .tuple(aSighting, fc.option(fc.integer({ min: 1, max: 30 })))
    .map(([body, createdAt]) => (createdAt === null ? body : { ...body, createdAt }));
  const someLengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });

  it('are answered as the oracle answers them one by one, and a replay of the dated ones writes nothing', () => {
    let promotions = 0;
    fc.assert(
      fc.property(
        fc.array(aDatedSighting, { minLength: 1, maxLength: 40, size: 'max' }),
        someLengths,
        (sightings, lengths) => {
          let store = new MemoryStore();
          // all that come without a date come later than all that have one
          const oracle = new Oracle((nth) => ({ id: nth, createdAt: 100 + nth }));
          for (const batch of cut(sightings, lengths)) {
            const taken = batch.map(sightingOf);
            const { answers, writes } = reconcile(store.load(taken), taken);
            const freshIds = batch.map((_, index) => store.rows.length + index + 1);
            promotions +=
              writes.newcomers.length > 0 && writes.touched.some(({ linkedId }) => (linkedId ?? 0) < 0)
                ? 1
                : 0;
            store = store.apply(writes, freshIds, 100 + store.rows.length);
            expect(answers.map((answer) => shown(withRealIds(answer.view!, freshIds)))).toEqual(
              batch.map((body) => oracle.identify(body)),
            );
          }
          const dated = sightings.filter(({ createdAt }) => createdAt !== undefined).map(sightingOf);
          expect(reconcile(store.load(dated), dated).writes).toEqual(NO_WRITES);
        },
      ),
      { seed, numRuns: 400 },
    );
    expect(promotions).toBeGreaterThan(100);
  });

  it('leave what the oracle leaves also with deletions between', () => {
    const tally = emptyTally();
    fc.assert(
      fc.property(aHistoryOf(aDatedSighting), (history) => {
        const both = new CoreAndOracle(tally);
        for (const [index, step] of history.entries()) {
          const { core, oracle } = both.take(step, { clock: 100 + index, node: 0 });
          // A sighting that only makes a contact older awaits its write, though the view does not show it.
          expect({ ...core, awaitsWrite: [] }).toEqual({ ...oracle, awaitsWrite: [] });
        }
      }),
      { seed, numRuns: 150 },
    );
    expect(tally.merges).toBeGreaterThan(150);
    expect(tally.primariesDeleted).toBeGreaterThan(15);
  });
});
