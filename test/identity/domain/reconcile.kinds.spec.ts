import type { Contact, Identifier } from '../../../src/identity/domain/contact.js';
import { EMAIL, Kinds, PHONE_NUMBER } from '../../../src/identity/domain/kinds.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { KnownRules } from '../../../src/identity/domain/rules.js';
import { remove } from '../../../src/identity/domain/remove.js';
import { NO_WRITES } from '../../../src/identity/domain/writes.js';
import { LORRAINE, MCFLY, NOTHING_KNOWN, deepFreeze, identity } from './fixtures.js';

/** Kinds with one more, stronger than the standard ones. */
const KINDS = new Kinds([
  EMAIL,
  PHONE_NUMBER,
  { ...EMAIL, name: 'customerId', number: 2, normaliser: 'trim', priority: 10, maxLength: 64 },
]);

type Values = { customerId?: string; email?: string; phoneNumber?: string };

function contact(id: number, values: Values): Contact {
  return {
    id,
    identifiers: KINDS.identifiersOf(values),
    createdAt: id,
    version: 1,
    isDeleted: false,
    isRuled: false,
  };
}

function decide(identities: readonly ReturnType<typeof identity>[], ...sightings: Values[]) {
  const given = sightings.map((values) => ({ identifiers: KINDS.identifiersOf(values) }));
  return reconcile({ ...NOTHING_KNOWN, identities: deepFreeze(identities) }, deepFreeze(given));
}

const customer = (value: string): Identifier => ({ kind: 'customerId', value });

describe('a third kind of identifier', () => {
  const lorraine = identity(contact(1, { customerId: 'C-1', email: LORRAINE }));
  const mcfly = identity(contact(2, { email: MCFLY }), contact(3, { email: MCFLY, customerId: 'C-3' }));
  const biff = identity(contact(4, { phoneNumber: '919191' }));

  it('is a name space of its own', () => {
    const { outcomes } = decide([lorraine], { email: 'C-1' }, { phoneNumber: 'C-1' });
    expect(outcomes).toEqual(['created', 'created']);
  });

  it('alone leads to its identity, and writes nothing', () => {
    const { outcomes, writes } = decide([mcfly], { customerId: 'C-3' });
    expect({ outcomes, writes }).toEqual({ outcomes: ['unchanged'], writes: NO_WRITES });
  });

  it('is news like any other: claimed, carried, and shown by kind', () => {
    const { answers, writes } = decide([lorraine], { customerId: 'C-9', email: LORRAINE });
    expect(writes.claims).toEqual([{ ...customer('C-9'), contactId: -1 }]);
    expect(writes.newcomers).toEqual([
      {
        id: -1,
        identifiers: [customer('C-9'), { kind: 'email', value: LORRAINE }],
        linkedId: 1,
        joinedId: 1,
        isRuled: false,
      },
    ]);
    expect(answers[0]!.view!.values).toEqual(
      new Map([
        ['customerId', ['C-1', 'C-9']],
        ['email', [LORRAINE]],
      ]),
    );
  });

  it('joins the identity of its holder, of which it is the strongest known identifier', () => {
    const { writes } = decide([mcfly], { customerId: 'C-3', email: MCFLY, phoneNumber: '88' });
    expect(writes.newcomers).toMatchObject([{ linkedId: 2, joinedId: 3 }]);
  });

  it('merges', () => {
    const { writes } = decide([lorraine, mcfly], { customerId: 'C-3', email: LORRAINE });
    expect(writes.merges).toEqual([
      {
        survivorId: 1,
        mergedId: 2,
        leftId: 3,
        rightId: 1,
        cause: 'sighting',
        identifiers: [customer('C-3'), { kind: 'email', value: LORRAINE }],
      },
    ]);
  });

  it('may join three identities at once, and each joined one is a merge with the holder of the strongest', () => {
    const { outcomes, answers, writes } = decide([lorraine, mcfly, biff], {
      customerId: 'C-3',
      email: LORRAINE,
      phoneNumber: '919191',
    });
    expect(outcomes).toEqual(['merged']);
    expect(
      writes.merges.map(({ survivorId, mergedId, leftId, rightId }) => [
        survivorId,
        mergedId,
        leftId,
        rightId,
      ]),
    ).toEqual([
      [1, 2, 3, 1],
      [1, 4, 3, 4],
    ]);
    expect(answers[0]!.view!).toMatchObject({ primaryContactId: 1, secondaryContactIds: [2, 3, 4] });
    expect(writes.newcomers).toEqual([]);
  });

  it('may join two identities and bring news: the newcomer attaches to the holder of the strongest known one', () => {
    const { outcomes, writes } = decide([lorraine, biff], {
      customerId: 'C-9',
      email: LORRAINE,
      phoneNumber: '919191',
    });
    expect(outcomes).toEqual(['merged']);
    expect(writes.merges).toMatchObject([{ survivorId: 1, mergedId: 4, leftId: 1, rightId: 4 }]);
    expect(writes.newcomers).toMatchObject([{ linkedId: 1, joinedId: 1 }]);
    expect(writes.claims).toEqual([{ ...customer('C-9'), contactId: -1 }]);
  });

  it('passes to the oldest contact that carries it too, or is free, when its contact is deleted', () => {
    const twice = identity(
      contact(1, { customerId: 'C-1', email: LORRAINE }),
      contact(2, { customerId: 'C-1', email: MCFLY }),
    );
    expect(remove(twice, 1, new KnownRules())).toMatchObject({
      movedClaims: [{ ...customer('C-1'), contactId: 2 }],
      deletion: { freedClaims: [{ kind: 'email', value: LORRAINE }] },
    });
    expect(remove(lorraine, 1, new KnownRules()).deletion!.freedClaims).toEqual([
      customer('C-1'),
      { kind: 'email', value: LORRAINE },
    ]);
  });
});

describe('a reserved identifier', () => {
  it('is news like any other, but taken over in place of claimed', () => {
    const reserved = [{ kind: 'email', value: LORRAINE }];
    const snapshot = { ...NOTHING_KNOWN, reserved, rules: new KnownRules(reserved) };
    const identifiers = KINDS.identifiersOf({ email: LORRAINE, phoneNumber: '123456' });
    expect(reconcile(snapshot, [{ identifiers }]).writes).toEqual({
      ...NO_WRITES,
      newcomers: [{ id: -1, identifiers, linkedId: null, joinedId: null, isRuled: true }],
      claims: [{ kind: 'phoneNumber', value: '123456', contactId: -1 }],
      takenClaims: [{ kind: 'email', value: LORRAINE, contactId: -1 }],
    });
  });
});

describe('kinds', () => {
  it('put the identifiers that were given in order, the strongest first', () => {
    expect(KINDS.identifiersOf({ phoneNumber: '88', email: null, customerId: 'C-1' })).toEqual([
      customer('C-1'),
      { kind: 'phoneNumber', value: '88' },
    ]);
  });

  it('share neither a name nor a number', () => {
    expect(() => new Kinds([EMAIL, { ...PHONE_NUMBER, number: EMAIL.number }])).toThrow('share');
    expect(() => new Kinds([EMAIL, { ...PHONE_NUMBER, name: EMAIL.name }])).toThrow('share');
  });
});
