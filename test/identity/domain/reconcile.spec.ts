import {
  BIFF,
  GEORGE,
  LORRAINE,
  MCFLY,
  contact,
  decide,
  identity,
  sighting,
  view,
  newcomer,
  touched,
} from './fixtures.js';
import { NO_WRITES } from '../../../src/identity/domain/writes.js';

describe('a sighting of unknown identifiers', () => {
  it('is a new primary contact that carries and claims both', () => {
    expect(decide([], sighting(LORRAINE, '123456'))).toEqual({
      answers: [{ view: view(-1, [LORRAINE], ['123456'], []), awaitsWrite: true }],
      writes: {
        ...NO_WRITES,
        newcomers: [newcomer(-1, LORRAINE, '123456', null)],
        claims: [
          { kind: 'email', value: LORRAINE, contactId: -1 },
          { kind: 'phoneNumber', value: '123456', contactId: -1 },
        ],
      },
    });
  });

  it('is a new primary contact also with an email alone', () => {
    expect(decide([], sighting(LORRAINE, null))).toEqual({
      answers: [{ view: view(-1, [LORRAINE], [], []), awaitsWrite: true }],
      writes: {
        ...NO_WRITES,
        newcomers: [newcomer(-1, LORRAINE, null, null)],
        claims: [{ kind: 'email', value: LORRAINE, contactId: -1 }],
      },
    });
  });

  it('is a new primary contact also with a phone number alone', () => {
    expect(decide([], sighting(null, '123456'))).toEqual({
      answers: [{ view: view(-1, [], ['123456'], []), awaitsWrite: true }],
      writes: {
        ...NO_WRITES,
        newcomers: [newcomer(-1, null, '123456', null)],
        claims: [{ kind: 'phoneNumber', value: '123456', contactId: -1 }],
      },
    });
  });

  it('knows nothing of an email that reads like a known phone number', () => {
    const lorraine = identity(contact(1, null, '123456'));

    expect(decide([lorraine], sighting('123456', null)).writes.newcomers).toEqual([
      newcomer(-1, '123456', null, null),
    ]);
  });
});

describe('a sighting without news', () => {
  const lorraine = identity(contact(1, LORRAINE, '123456'), contact(23, MCFLY, '919191'));

  it.each([
    ['the primary once more', sighting(LORRAINE, '123456')],
    ['a secondary once more', sighting(MCFLY, '919191')],
    ['two identifiers that never came together in one contact', sighting(LORRAINE, '919191')],
    ['the email of the primary', sighting(LORRAINE, null)],
    ['the email of a secondary', sighting(MCFLY, null)],
    ['the phone number of the primary', sighting(null, '123456')],
    ['the phone number of a secondary', sighting(null, '919191')],
  ])('writes nothing: %s', (_, replay) => {
    expect(decide([lorraine], replay)).toEqual({
      answers: [{ view: view(1, [LORRAINE, MCFLY], ['123456', '919191'], [23]), awaitsWrite: false }],
      writes: NO_WRITES,
    });
  });
});

describe('a sighting with one known identifier and one new', () => {
  it('adds a secondary that carries both and claims the new email alone', () => {
    const lorraine = identity(contact(1, LORRAINE, '123456', { version: 7 }));

    expect(decide([lorraine], sighting(MCFLY, '123456'))).toEqual({
      answers: [{ view: view(1, [LORRAINE, MCFLY], ['123456'], [-1]), awaitsWrite: true }],
      writes: {
        ...NO_WRITES,
        touched: [touched(1, 7, null)],
        newcomers: [newcomer(-1, MCFLY, '123456', 1)],
        claims: [{ kind: 'email', value: MCFLY, contactId: -1 }],
        youngestTouched: 1,
      },
    });
  });

  it('adds a secondary that carries both and claims the new phone number alone', () => {
    const lorraine = identity(contact(1, LORRAINE, '123456', { version: 7 }));

    expect(decide([lorraine], sighting(LORRAINE, '919191'))).toEqual({
      answers: [{ view: view(1, [LORRAINE], ['123456', '919191'], [-1]), awaitsWrite: true }],
      writes: {
        ...NO_WRITES,
        touched: [touched(1, 7, null)],
        newcomers: [newcomer(-1, LORRAINE, '919191', 1)],
        claims: [{ kind: 'phoneNumber', value: '919191', contactId: -1 }],
        youngestTouched: 1,
      },
    });
  });

  it('links the newcomer to the primary, and touches the primary alone, when a secondary is what is known', () => {
    const lorraine = identity(
      contact(1, LORRAINE, '123456', { version: 7 }),
      contact(23, MCFLY, '123456', { version: 3 }),
    );

    expect(decide([lorraine], sighting(MCFLY, '919191'))).toEqual({
      answers: [{ view: view(1, [LORRAINE, MCFLY], ['123456', '919191'], [23, -1]), awaitsWrite: true }],
      writes: {
        ...NO_WRITES,
        touched: [touched(1, 7, null)],
        newcomers: [newcomer(-1, MCFLY, '919191', 1, 23)],
        claims: [{ kind: 'phoneNumber', value: '919191', contactId: -1 }],
        youngestTouched: 23,
      },
    });
  });

  it('asks for a newcomer younger than the youngest row of the identity, though that one is deleted', () => {
    const lorraine = identity(
      contact(1, LORRAINE, '123456', { createdAt: 100 }),
      contact(9, MCFLY, '123456', { createdAt: 900, isDeleted: true }),
      contact(7, GEORGE, '123456', { createdAt: 700 }),
    );

    expect(decide([lorraine], sighting(BIFF, '123456')).writes.youngestTouched).toBe(900);
  });
});

describe('an answer', () => {
  it('gives the values of the primary first, then by age, each once, and the ids by age', () => {
    const lorraine = identity(
      contact(5, LORRAINE, '123456', { createdAt: 10 }),
      contact(2, BIFF, '123456', { createdAt: 40 }),
      contact(9, GEORGE, '919191', { createdAt: 20 }),
      contact(1, GEORGE, '717171', { createdAt: 30 }),
    );

    expect(decide([lorraine], sighting(BIFF, null)).answers).toEqual([
      {
        view: view(5, [LORRAINE, GEORGE, BIFF], ['123456', '919191', '717171'], [9, 1, 2]),
        awaitsWrite: false,
      },
    ]);
  });

  it('orders contacts of one moment by id', () => {
    const lorraine = identity(
      contact(3, LORRAINE, '123456', { createdAt: 10 }),
      contact(10, BIFF, '123456', { createdAt: 10 }),
      contact(9, GEORGE, '123456', { createdAt: 10 }),
    );

    expect(decide([lorraine], sighting(LORRAINE, null)).answers).toEqual([
      { view: view(3, [LORRAINE, GEORGE, BIFF], ['123456'], [9, 10]), awaitsWrite: false },
    ]);
  });

  it('leaves out what the primary does not have', () => {
    const lorraine = identity(contact(1, null, '123456'), contact(2, LORRAINE, '123456'));

    expect(decide([lorraine], sighting(LORRAINE, null)).answers).toEqual([
      { view: view(1, [LORRAINE], ['123456'], [2]), awaitsWrite: false },
    ]);
  });

  it('shows no deleted contact', () => {
    const lorraine = identity(
      contact(2, LORRAINE, '123456'),
      contact(1, BIFF, '717171', { isDeleted: true }),
      contact(3, MCFLY, '123456', { isDeleted: true }),
    );

    expect(decide([lorraine], sighting(LORRAINE, null)).answers).toEqual([
      { view: view(2, [LORRAINE], ['123456'], []), awaitsWrite: false },
    ]);
  });
});

describe('an identifier that only a deleted contact carries', () => {
  it('is news to the identity of that contact', () => {
    const lorraine = identity(
      contact(1, LORRAINE, '123456'),
      contact(2, MCFLY, '123456', { isDeleted: true }),
    );

    expect(decide([lorraine], sighting(MCFLY, '123456'))).toEqual({
      answers: [{ view: view(1, [LORRAINE, MCFLY], ['123456'], [-1]), awaitsWrite: true }],
      writes: {
        ...NO_WRITES,
        touched: [touched(1, 1, null)],
        newcomers: [newcomer(-1, MCFLY, '123456', 1)],
        claims: [{ kind: 'email', value: MCFLY, contactId: -1 }],
        youngestTouched: 2,
      },
    });
  });

  it('leads nobody to the identity of that contact', () => {
    const lorraine = identity(
      contact(1, LORRAINE, '123456'),
      contact(2, MCFLY, '123456', { isDeleted: true }),
    );
    const george = identity(contact(3, GEORGE, '919191'));

    expect(decide([lorraine, george], sighting(MCFLY, '919191')).answers).toEqual([
      { view: view(3, [GEORGE, MCFLY], ['919191'], [-1]), awaitsWrite: true },
    ]);
  });
});
