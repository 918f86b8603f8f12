import {
  NOTHING_KNOWN,
  BIFF,
  GEORGE,
  LORRAINE,
  MCFLY,
  contact,
  decide,
  identity,
  merge,
  moved,
  newcomer,
  sighting,
  touched,
  view,
} from './fixtures.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { NO_WRITES, isNothing, realId, withRealIds } from '../../../src/identity/domain/writes.js';

describe('a batch', () => {
  it('of no sightings decides nothing', () => {
    expect(decide([])).toEqual({ answers: [], writes: NO_WRITES });
  });

  it('answers each sighting after those before it and before those after it', () => {
    const lorraine = identity(contact(1, LORRAINE, '123456'));

    const { answers } = decide(
      [lorraine],
      sighting(LORRAINE, null),
      sighting(MCFLY, '123456'),
      sighting(LORRAINE, null),
      sighting(MCFLY, '919191'),
    );

    expect(answers).toEqual([
      { view: view(1, [LORRAINE], ['123456'], []), awaitsWrite: false },
      { view: view(1, [LORRAINE, MCFLY], ['123456'], [-1]), awaitsWrite: true },
      { view: view(1, [LORRAINE, MCFLY], ['123456'], [-1]), awaitsWrite: true },
      { view: view(1, [LORRAINE, MCFLY], ['123456', '919191'], [-1, -2]), awaitsWrite: true },
    ]);
  });

  it('touches a primary that gains twice once, and claims each news once', () => {
    const lorraine = identity(contact(1, LORRAINE, '123456', { version: 7 }));

    expect(decide([lorraine], sighting(MCFLY, '123456'), sighting(MCFLY, '919191')).writes).toEqual({
      ...NO_WRITES,
      touched: [touched(1, 7, null)],
      newcomers: [newcomer(-1, MCFLY, '123456', 1), newcomer(-2, MCFLY, '919191', 1, -1)],
      claims: [
        { kind: 'email', value: MCFLY, contactId: -1 },
        { kind: 'phoneNumber', value: '919191', contactId: -2 },
      ],
      youngestTouched: 1,
    });
  });

  it('inserts a newcomer that is sighted twice once', () => {
    const { answers, writes } = decide([], sighting(LORRAINE, '123456'), sighting(LORRAINE, '123456'));

    expect(answers).toEqual([
      { view: view(-1, [LORRAINE], ['123456'], []), awaitsWrite: true },
      { view: view(-1, [LORRAINE], ['123456'], []), awaitsWrite: true },
    ]);
    expect(writes.newcomers).toEqual([newcomer(-1, LORRAINE, '123456', null)]);
  });

  it('tells what became of each sighting, whatever those before it did', () => {
    const lorraine = identity(contact(1, LORRAINE, '123456'));

    const { outcomes } = reconcile({ ...NOTHING_KNOWN, identities: [lorraine] }, [
      sighting(LORRAINE, '123456'),
      sighting(MCFLY, '123456'),
      sighting(GEORGE, null),
      sighting(GEORGE, '919191'),
      sighting(MCFLY, '919191'),
      sighting(MCFLY, '919191'),
      sighting(BIFF, null),
    ]);

    expect(outcomes).toEqual(['unchanged', 'linked', 'created', 'linked', 'merged', 'unchanged', 'created']);
  });

  it('leaves identities that gain nothing untouched, and asks nobody to be younger than they are', () => {
    const lorraine = identity(contact(1, LORRAINE, '123456'));
    const george = identity(contact(11, GEORGE, '919191', { createdAt: 500 }));

    const { answers, writes } = decide(
      [lorraine, george],
      sighting(GEORGE, '919191'),
      sighting(MCFLY, '123456'),
    );

    expect(answers.map(({ awaitsWrite }) => awaitsWrite)).toEqual([false, true]);
    expect(writes.touched).toEqual([touched(1, 1, null)]);
    expect(writes.youngestTouched).toBe(1);
  });
});

describe('newcomers of one batch', () => {
  it('are as old as their arrival: the first one of two survives, and the other one links to it', () => {
    const { answers, writes } = decide(
      [],
      sighting(LORRAINE, null),
      sighting(null, '123456'),
      sighting(LORRAINE, '123456'),
    );

    expect(answers.at(-1)).toEqual({ view: view(-1, [LORRAINE], ['123456'], [-2]), awaitsWrite: true });
    expect(writes).toEqual({
      ...NO_WRITES,
      newcomers: [newcomer(-1, LORRAINE, null, null), newcomer(-2, null, '123456', -1, null)],
      claims: [
        { kind: 'email', value: LORRAINE, contactId: -1 },
        { kind: 'phoneNumber', value: '123456', contactId: -2 },
      ],
      merges: [merge(-1, -2, LORRAINE, '123456')],
    });
  });

  it('are younger than all that is stored: a newcomer with a secondary is merged away, both linked to the survivor', () => {
    const lorraine = identity(contact(5, LORRAINE, '123456', { version: 2 }), contact(8, MCFLY, '123456'));

    const { answers, writes } = decide(
      [lorraine],
      sighting(BIFF, '717171'),
      sighting(GEORGE, '717171'),
      sighting(GEORGE, '123456'),
    );

    expect(answers).toEqual([
      { view: view(-1, [BIFF], ['717171'], []), awaitsWrite: true },
      { view: view(-1, [BIFF, GEORGE], ['717171'], [-2]), awaitsWrite: true },
      {
        view: view(5, [LORRAINE, MCFLY, BIFF, GEORGE], ['123456', '717171'], [8, -1, -2]),
        awaitsWrite: true,
      },
    ]);
    expect(writes).toEqual({
      ...NO_WRITES,
      touched: [touched(5, 2, null)],
      newcomers: [newcomer(-1, BIFF, '717171', 5, null), newcomer(-2, GEORGE, '717171', 5, -1)],
      claims: [
        { kind: 'email', value: BIFF, contactId: -1 },
        { kind: 'email', value: GEORGE, contactId: -2 },
        { kind: 'phoneNumber', value: '717171', contactId: -1 },
      ],
      merges: [merge(5, -1, GEORGE, '123456', [-2, 5])],
      youngestTouched: 8,
    });
  });

  it('link to the last survivor of a chain of merges, and so does every row on the way', () => {
    const lorraine = identity(contact(1, LORRAINE, '123456', { version: 2 }));
    const george = identity(contact(11, GEORGE, '919191', { version: 3 }));
    const biff = identity(contact(27, BIFF, '717171', { version: 4 }));

    const { answers, writes } = decide(
      [lorraine, george, biff],
      sighting(MCFLY, '717171'),
      sighting(MCFLY, '919191'),
      sighting(BIFF, '123456'),
    );

    expect(answers.map((answer) => answer.view!.primaryContactId)).toEqual([27, 11, 1]);
    expect(writes).toEqual({
      ...NO_WRITES,
      touched: [touched(1, 2, null), moved(11, 3, 1), moved(27, 4, 1)],
      newcomers: [newcomer(-1, MCFLY, '717171', 1, 27)],
      claims: [{ kind: 'email', value: MCFLY, contactId: -1 }],
      merges: [merge(11, 27, MCFLY, '919191', [-1, 11]), merge(1, 11, BIFF, '123456', [27, 1])],
      youngestTouched: 27,
    });
  });

  it('join the survivor when they are sighted with what was merged away earlier in the batch', () => {
    const lorraine = identity(contact(1, LORRAINE, '123456'));
    const george = identity(contact(11, GEORGE, '919191'));

    const { answers, writes } = decide(
      [lorraine, george],
      sighting(LORRAINE, '919191'),
      sighting(GEORGE, '717171'),
    );

    expect(answers.at(-1)?.view).toEqual(
      view(1, [LORRAINE, GEORGE], ['123456', '919191', '717171'], [11, -1]),
    );
    expect(writes.newcomers).toEqual([newcomer(-1, GEORGE, '717171', 1, 11)]);
  });
});

describe('provisional ids', () => {
  it('become the ids that were drawn, in order; real ids stay', () => {
    expect([-1, -3, 7].map((id) => realId(id, [101, 102, 103]))).toEqual([101, 103, 7]);
  });

  it('for which no id was drawn are an error', () => {
    expect(() => realId(-2, [101])).toThrow('no id was drawn for newcomer -2');
  });

  it('become real in a whole view', () => {
    const provisional = view(-1, [LORRAINE], ['123456'], [-2]);

    expect(withRealIds(provisional, [101, 102])).toEqual(view(101, [LORRAINE], ['123456'], [102]));
  });
});

describe('a write', () => {
  it.each([
    ['newcomers', { ...NO_WRITES, newcomers: [newcomer(-1, LORRAINE, null, null)] }],
    ['touched rows', { ...NO_WRITES, touched: [touched(1, 1, null)] }],
  ])('with %s is something', (_, writes) => {
    expect(isNothing(writes)).toBe(false);
  });

  it('with neither is nothing', () => {
    expect(isNothing(NO_WRITES)).toBe(true);
  });
});
