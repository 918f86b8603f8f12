import {
  BIFF,
  GEORGE,
  LORRAINE,
  MCFLY,
  contact,
  decide,
  identity,
  merge,
  moved,
  sighting,
  touched,
  view,
} from './fixtures.js';
import { NO_WRITES } from '../../../src/identity/domain/writes.js';

describe('a sighting of two identities', () => {
  const george = identity(contact(11, GEORGE, '919191', { version: 4 }));
  const biff = identity(contact(27, BIFF, '717171', { version: 6 }));
  const joined = {
    answers: [{ view: view(11, [GEORGE, BIFF], ['919191', '717171'], [27]), awaitsWrite: true }],
    touched: [touched(11, 4, null), moved(27, 6, 11)],
  };

  it('merges them under the older primary and adds no contact', () => {
    const { answers, writes } = decide([george, biff], sighting(GEORGE, '717171'));

    expect({ answers, writes }).toEqual({
      answers: joined.answers,
      writes: {
        ...NO_WRITES,
        touched: joined.touched,
        merges: [merge(11, 27, GEORGE, '717171')],
        youngestTouched: 27,
      },
    });
  });

  it('merges them under the older primary also when the phone number is what leads to it', () => {
    const { answers, writes } = decide([biff, george], sighting(BIFF, '919191'));

    expect({ answers, writes }).toEqual({
      answers: joined.answers,
      writes: {
        ...NO_WRITES,
        touched: joined.touched,
        merges: [merge(11, 27, BIFF, '919191', [27, 11])],
        youngestTouched: 27,
      },
    });
  });

  it('keeps the primary that was created first, whatever the ids', () => {
    const old = identity(contact(27, BIFF, '717171', { createdAt: 100 }));
    const young = identity(contact(11, GEORGE, '919191', { createdAt: 200 }));

    const { answers, writes } = decide([young, old], sighting(GEORGE, '717171'));

    expect(answers).toEqual([
      { view: view(27, [BIFF, GEORGE], ['717171', '919191'], [11]), awaitsWrite: true },
    ]);
    expect(writes.touched).toEqual([moved(11, 1, 27), touched(27, 1, null)]);
  });

  it.each([
    ['the email', sighting(GEORGE, '717171')],
    ['the phone number', sighting(BIFF, '919191')],
  ])('keeps the lower id of two primaries of one moment, whether %s leads to it or not', (_, joining) => {
    const lower = identity(contact(9, GEORGE, '919191', { createdAt: 100 }));
    const higher = identity(contact(10, BIFF, '717171', { createdAt: 100 }));

    expect(decide([higher, lower], joining).answers).toEqual([
      { view: view(9, [GEORGE, BIFF], ['919191', '717171'], [10]), awaitsWrite: true },
    ]);
  });

  it('compares the ages of the primaries, not of their younger or deleted contacts', () => {
    const survivor = identity(contact(2, GEORGE, '919191'), contact(9, MCFLY, '919191'));
    const merged = identity(contact(3, BIFF, '717171'), contact(1, LORRAINE, '717171', { isDeleted: true }));

    const { answers, writes } = decide([merged, survivor], sighting(MCFLY, '717171'));

    expect(answers).toEqual([
      { view: view(2, [GEORGE, BIFF, MCFLY], ['919191', '717171'], [3, 9]), awaitsWrite: true },
    ]);
    expect(writes.merges).toEqual([merge(2, 3, MCFLY, '717171', [9, 3])]);
  });
});

describe('the identity that is merged away', () => {
  const survivor = identity(
    contact(1, LORRAINE, '123456', { version: 5 }),
    contact(4, MCFLY, '123456', { version: 2 }),
    contact(6, 'doc@hillvalley.edu', '88', { version: 2, isDeleted: true }),
  );
  const merged = identity(
    contact(2, GEORGE, '919191', { version: 8 }),
    contact(3, BIFF, '919191', { version: 3 }),
    contact(5, 'goldie@hillvalley.edu', '919191', { version: 9, isDeleted: true }),
  );
  const { answers, writes } = decide([survivor, merged], sighting(MCFLY, '919191'));

  it('interleaves its contacts with those of the survivor by age', () => {
    expect(answers).toEqual([
      { view: view(1, [LORRAINE, GEORGE, BIFF, MCFLY], ['123456', '919191'], [2, 3, 4]), awaitsWrite: true },
    ]);
  });

  it('has every row touched and linked to the survivor, deleted ones too; the survivor but its primary', () => {
    expect(writes.touched).toEqual([touched(1, 5, null), moved(2, 8, 1), moved(3, 3, 1), moved(5, 9, 1)]);
  });

  it('is logged once, by its primary, with the sighting that joined it', () => {
    expect(writes.merges).toEqual([merge(1, 2, MCFLY, '919191', [4, 2])]);
  });

  it('keeps its claims, and nothing is inserted', () => {
    expect({ claims: writes.claims, newcomers: writes.newcomers, deletion: writes.deletion }).toEqual({
      claims: [],
      newcomers: [],
      deletion: null,
    });
  });

  it('is part of the survivor for good: the same sighting again has no news', () => {
    const together = { primaryId: 1, rows: [...survivor.rows, ...merged.rows] };

    expect(decide([together], sighting(MCFLY, '919191'))).toEqual({
      answers: [{ view: answers[0]?.view, awaitsWrite: false }],
      writes: NO_WRITES,
    });
  });
});
