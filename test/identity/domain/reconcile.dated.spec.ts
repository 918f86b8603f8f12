import * as fc from 'fast-check';
import { DEFAULT_POLICY } from '../../../src/identity/domain/policy.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { NO_WRITES, withRealIds } from '../../../src/identity/domain/writes.js';
import { Oracle } from '../../support/oracle.js';
import { aHistoryOf, announceSeed, aSighting, cut, EMAILS, PHONES, seed } from '../../support/sightings.js';
import { CoreAndOracle, emptyTally } from './core-and-oracle.js';
import { shown, sightingOf, type IdentifyBody } from '../../support/wire.js';
import { MemoryStore } from './memory-store.js';
import {
  contact,
  decide,
  identity,
  moved,
  newcomer,
  NOTHING_KNOWN,
  sighting,
  touched,
  view,
} from './fixtures.js';

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

  it('that repeats a contact makes it as old as itself, and leaves older carriers of one of its identifiers', () => {
    const george = identity(
      contact(1, GEORGE, '919191', { createdAt: 20 }),
      contact(2, BIFF, '919191', { createdAt: 30, version: 3 }),
    );

    const { writes } = decide([george], sighting(BIFF, '919191', { createdAt: 10 }));

    expect(writes).toEqual({
      ...NO_WRITES,
      touched: [moved(1, 1, 2), moved(2, 3, null, 10)],
      // the email is claimed by the contact already
      movedClaims: [{ kind: 'phoneNumber', value: '919191', contactId: 2 }],
      youngestTouched: 30,
    });
  });

  it('that had an identifier before all others becomes a contact, if none carries just what it had', () => {
    const george = identity(
      contact(1, GEORGE, '919191', { createdAt: 20 }),
      contact(2, BIFF, '919191', { createdAt: 30, version: 3 }),
    );

    const { writes, answers } = decide([george], sighting(BIFF, null, { createdAt: 25 }));

    expect(writes).toEqual({
      ...NO_WRITES,
      touched: [touched(1, 1, null)],
      newcomers: [newcomer(-1, BIFF, null, 1, 2, 25)],
      movedClaims: [{ kind: 'email', value: BIFF, contactId: -1 }],
      youngestTouched: 30,
    });
    expect(answers[0]!.view!).toEqual(view(1, [GEORGE, BIFF], ['919191'], [-1, 2]));
  });

  it('dates a contact with more identifiers where the identity has no room for another one, or none', () => {
    const george = identity(
      contact(1, GEORGE, '919191', { createdAt: 20 }),
      contact(2, BIFF, '88', { createdAt: 30 }),
    );
    const policy = { ...DEFAULT_POLICY, maxContacts: 2 };
    const snapshot = { ...NOTHING_KNOWN, identities: [george], policy };
    const wider = reconcile(snapshot, [sighting(GEORGE, null, { createdAt: 10 })]);
    const none = reconcile(snapshot, [sighting(BIFF, '919191', { createdAt: 10 })]);

    expect(wider.outcomes).toEqual(['dated']);
    expect(none.outcomes).toEqual(['unchanged']);
    expect(wider.writes).toMatchObject({ newcomers: [], touched: [moved(1, 1, null, 10)] });
    expect(none.writes).toEqual(NO_WRITES);
  });

  it('that merges makes no contact: the holders of its identifiers become as old as it', () => {
    const george = identity(contact(1, GEORGE, '919191', { createdAt: 20 }));
    const biff = identity(
      contact(2, BIFF, '88', { createdAt: 5 }),
      contact(3, BIFF, '505050', { createdAt: 30 }),
    );

    const { writes, answers } = decide([george, biff], sighting(GEORGE, '505050', { createdAt: 10 }));

    expect(writes.newcomers).toEqual([]);
    expect(writes.touched).toEqual([moved(1, 1, 2, 10), touched(2, 1, null), { ...moved(3, 1, 2, 10) }]);
    expect(answers[0]!.view!).toEqual(view(2, [BIFF, GEORGE], ['88', '919191', '505050'], [1, 3]));
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

describe('dated sightings in every order of arrival', () => {
  const [a, b] = ['a@hillvalley.edu', 'b@hillvalley.edu'];

  it('make the oldest one the primary: a row that repeats a later one', () => {
    const rows = [
      { email: b, phoneNumber: '1', createdAt: 2023 },
      { email: a, phoneNumber: '1', createdAt: 2022 },
      { email: b, phoneNumber: '1', createdAt: 2020 },
    ];
    for (const order of permutations(rows)) {
      expect(arrived(order).identities).toEqual([{ createdAt: 2020, emails: [b, a], phoneNumbers: ['1'] }]);
    }
  });

  /** Few values, so that many sightings share some. */
  const aRow = fc
    .record({
      email: fc.option(fc.constantFrom(...EMAILS.slice(0, 3)), { nil: null, freq: 3 }),
      phoneNumber: fc.option(fc.constantFrom(...PHONES.slice(0, 3)), { nil: null, freq: 3 }),
    })
    .filter(({ email, phoneNumber }) => email !== null || phoneNumber !== null);

  it('lead to what they lead to by date, but for the order of values where a later arrival merged', () => {
    const seen = { exact: 0, merged: 0 };
    fc.assert(
      fc.property(fc.array(aRow, { minLength: 2, maxLength: 5 }), (rows) => {
        const sightings = rows.map((row, i) => ({ ...row, createdAt: 10 * (i + 1) }));
        const byDate = inOrder(sightings);
        for (const order of permutations(sightings)) {
          const { identities, isExact } = arrived(order);
          seen[isExact ? 'exact' : 'merged']++;
          expect(isExact ? identities : identities.map(unordered)).toEqual(
            isExact ? byDate : byDate.map(unordered),
          );
        }
      }),
      { seed, numRuns: 150 },
    );
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(200);
  });
});

interface Left {
  /** Of the primary. */
  readonly createdAt: number;
  readonly emails: readonly string[];
  readonly phoneNumbers: readonly string[];
}

/** What is stored after sightings came one by one, and whether none of them merged identities that were younger than it. */
function arrived(bodies: readonly IdentifyBody[]): { identities: Left[]; isExact: boolean } {
  let store = new MemoryStore();
  let isExact = true;
  for (const body of bodies) {
    const { writes } = reconcile(store.load([sightingOf(body)]), [sightingOf(body)]);
    isExact &&=
      writes.merges.length === 0 || writes.touched.every(({ createdAt }) => createdAt === undefined);
    store = store.apply(writes, [store.rows.length + 1], 0);
  }
  const primaries = store.rows.filter(({ linkedId }) => linkedId === null);
  const identities = primaries.map(({ id, createdAt }) => {
    const { emails, phoneNumbers } = shown(store.find(id)!);
    return { createdAt, emails, phoneNumbers };
  });
  return { identities: identities.toSorted((one, other) => one.createdAt - other.createdAt), isExact };
}

/** What one who knows nothing of dates leaves of sightings that come by their dates. */
function inOrder(bodies: readonly Required<IdentifyBody>[]): Left[] {
  const oracle = new Oracle((nth, { createdAt }) => ({ id: nth, createdAt: createdAt! }));
  bodies.toSorted((one, other) => one.createdAt - other.createdAt).forEach((body) => oracle.identify(body));
  return oracle.contacts
    .filter(({ linkedId }) => linkedId === null)
    .map(({ id, createdAt }) => {
      const { emails, phoneNumbers } = oracle.find(id)!;
      return { createdAt, emails, phoneNumbers };
    })
    .toSorted((one, other) => one.createdAt - other.createdAt);
}

function unordered({ createdAt, emails, phoneNumbers }: Left): Left {
  return { createdAt, emails: emails.toSorted(), phoneNumbers: phoneNumbers.toSorted() };
}

function permutations<T>(items: readonly T[]): T[][] {
  return items.length < 2
    ? [[...items]]
    : items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]));
}

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
