import * as fc from 'fast-check';
import { liveContacts, viewOf } from '../../../src/identity/domain/contact.js';
import type { Identity } from '../../../src/identity/domain/contact.js';
import { KnownRules } from '../../../src/identity/domain/rules.js';
import { remove } from '../../../src/identity/domain/remove.js';
import { NO_WRITES, isNothing } from '../../../src/identity/domain/writes.js';
import type { Writes } from '../../../src/identity/domain/writes.js';
import { aShare, announceSeed, cut, seed, someSightings } from '../../support/sightings.js';
import { CoreAndOracle, emptyTally } from './core-and-oracle.js';
import {
  BIFF,
  GEORGE,
  LORRAINE,
  MCFLY,
  contact,
  deepFreeze,
  identity,
  inOrder,
  moved,
  touched,
} from './fixtures.js';

announceSeed('random deletions of the core');

/** Removes from what cannot be modified, as the core promises not to. */
function removed(from: Identity, contactId: number): Writes {
  return inOrder(remove(deepFreeze(from), contactId, new KnownRules()));
}

describe('deleting a secondary', () => {
  it('touches it and the primary, frees what nobody else carries and leaves the claims of others', () => {
    const lorraine = identity(
      contact(1, LORRAINE, '123456', { version: 5 }),
      contact(23, MCFLY, '123456', { version: 2 }),
      contact(24, GEORGE, '123456', { version: 3 }),
    );

    expect(removed(lorraine, 23)).toEqual({
      ...NO_WRITES,
      touched: [touched(1, 5, null), touched(23, 2, 1)],
      deletion: { contactIds: [23], freedClaims: [{ kind: 'email', value: MCFLY }], reservedClaims: [] },
    });
  });

  it('passes its claims to the oldest of those that carry the value too', () => {
    const lorraine = identity(
      contact(1, LORRAINE, '123456', { createdAt: 10 }),
      contact(2, MCFLY, '123456', { createdAt: 20 }),
      contact(3, MCFLY, '919191', { createdAt: 50 }),
      contact(9, MCFLY, '717171', { createdAt: 30 }),
      contact(5, MCFLY, '717171', { createdAt: 40 }),
    );

    expect(removed(lorraine, 2)).toMatchObject({
      movedClaims: [{ kind: 'email', value: MCFLY, contactId: 9 }],
      deletion: { contactIds: [2], freedClaims: [], reservedClaims: [] },
    });
  });

  it('passes its claims to the lower id of two of one moment', () => {
    const lorraine = identity(
      contact(1, LORRAINE, '123456', { createdAt: 10 }),
      contact(2, MCFLY, '123456', { createdAt: 20 }),
      contact(10, MCFLY, '717171', { createdAt: 30 }),
      contact(9, MCFLY, '919191', { createdAt: 30 }),
    );

    expect(removed(lorraine, 2).movedClaims).toEqual([{ kind: 'email', value: MCFLY, contactId: 9 }]);
  });

  it('passes nothing to a deleted contact', () => {
    const lorraine = identity(
      contact(1, LORRAINE, '123456'),
      contact(2, MCFLY, '123456'),
      contact(3, MCFLY, '919191', { isDeleted: true }),
    );

    expect(removed(lorraine, 2)).toMatchObject({
      movedClaims: [],
      deletion: { contactIds: [2], freedClaims: [{ kind: 'email', value: MCFLY }], reservedClaims: [] },
    });
  });

  it('moves no claim that an older contact holds, though the value lives on in younger ones', () => {
    const lorraine = identity(
      contact(1, LORRAINE, '123456'),
      contact(2, LORRAINE, '919191'),
      contact(3, LORRAINE, '919191'),
    );

    expect(removed(lorraine, 2)).toMatchObject({
      movedClaims: [{ kind: 'phoneNumber', value: '919191', contactId: 3 }],
      deletion: { contactIds: [2], freedClaims: [], reservedClaims: [] },
    });
  });
});

describe('deleting the primary', () => {
  const lorraine = identity(
    contact(1, LORRAINE, '123456', { createdAt: 10, version: 5 }),
    contact(2, BIFF, '123456', { createdAt: 40, version: 2 }),
    contact(8, GEORGE, '123456', { createdAt: 30, version: 3 }),
    contact(4, MCFLY, '123456', { createdAt: 20, version: 4, isDeleted: true }),
  );

  it('makes the oldest live contact primary, links every other row to it, deleted ones too, and passes claims', () => {
    expect(removed(lorraine, 1)).toEqual({
      ...NO_WRITES,
      touched: [moved(1, 5, 8), moved(2, 2, 8), moved(4, 4, 8), moved(8, 3, null)],
      movedClaims: [{ kind: 'phoneNumber', value: '123456', contactId: 8 }],
      deletion: {
        contactIds: [1],
        freedClaims: [{ kind: 'email', value: LORRAINE }],
        reservedClaims: [],
      },
    });
  });

  it('makes the lower id of two of one moment primary', () => {
    const twins = identity(
      contact(1, LORRAINE, '123456', { createdAt: 10 }),
      contact(10, BIFF, '123456', { createdAt: 20 }),
      contact(9, GEORGE, '123456', { createdAt: 20 }),
    );

    expect(removed(twins, 1).touched).toEqual([moved(1, 1, 9), moved(9, 1, null), moved(10, 1, 9)]);
  });

  it('keeps the rest together, though nothing that they carry joins them any more', () => {
    const bridged = identity(
      contact(1, LORRAINE, '123456'),
      contact(2, LORRAINE, '919191'),
      contact(3, MCFLY, '123456'),
    );

    expect(removed(bridged, 1)).toEqual({
      ...NO_WRITES,
      touched: [moved(1, 1, 2), moved(2, 1, null), moved(3, 1, 2)],
      movedClaims: [
        { kind: 'email', value: LORRAINE, contactId: 2 },
        { kind: 'phoneNumber', value: '123456', contactId: 3 },
      ],
      deletion: {
        contactIds: [1],
        freedClaims: [],
        reservedClaims: [],
      },
    });
  });
});

describe('deleting the last live contact', () => {
  it('frees all it carries and leaves it primary', () => {
    const lorraine = identity(contact(1, LORRAINE, '123456', { version: 5 }));

    expect(removed(lorraine, 1)).toEqual({
      ...NO_WRITES,
      touched: [touched(1, 5, null)],
      movedClaims: [],
      deletion: {
        contactIds: [1],
        freedClaims: [
          { kind: 'email', value: LORRAINE },
          { kind: 'phoneNumber', value: '123456' },
        ],
        reservedClaims: [],
      },
    });
  });

  it('frees only what it carries: there is no claim on what is absent', () => {
    const lorraine = identity(contact(1, null, '123456'));

    expect(removed(lorraine, 1).deletion?.freedClaims).toEqual([{ kind: 'phoneNumber', value: '123456' }]);
  });

  it('makes no deleted contact primary', () => {
    const lorraine = identity(
      contact(2, LORRAINE, '123456'),
      contact(1, MCFLY, '123456', { isDeleted: true }),
    );

    expect(removed(lorraine, 2).touched).toEqual([touched(2, 1, null)]);
  });
});

describe('a deletion', () => {
  it('is something to write', () => {
    expect(isNothing(removed(identity(contact(1, LORRAINE, null)), 1))).toBe(false);
  });

  it.each([
    ['deleted already', 2],
    ['of another identity', 3],
  ])('of a contact that is %s is an error', (_, contactId) => {
    const lorraine = identity(contact(1, LORRAINE, null), contact(2, MCFLY, null, { isDeleted: true }));

    expect(() => remove(lorraine, contactId, new KnownRules())).toThrow(
      `contact ${contactId} is not a live contact of identity 1`,
    );
  });
});

describe('an identity without live contacts', () => {
  it('has no view', () => {
    const nobody = identity(contact(1, LORRAINE, null, { isDeleted: true }));

    expect(() => viewOf(liveContacts(nobody))).toThrow('an identity without contacts has no view');
  });
});

describe('deleting contacts of a random history in random order until none is left', () => {
  it('agrees with the oracle at every step, and leaves every identifier free', () => {
    const tally = emptyTally();

    fc.assert(
      fc.property(someSightings, fc.infiniteStream(aShare), (sightings, shares) => {
        const both = new CoreAndOracle(tally);
        for (const [clock, batch] of cut(sightings, [3]).entries()) {
          both.take({ batch }, { clock, node: 0 });
        }
        for (;;) {
          const { core, oracle } = both.take({ deleteAt: shares.next().value }, { clock: 0, node: 0 });
          expect(core).toEqual(oracle);
          if (core.views.every((each) => each === null)) {
            expect(core.partition).toEqual([]);
            return;
          }
        }
      }),
      { seed, numRuns: 60 },
    );

    expect(tally.primariesDeleted).toBeGreaterThan(60);
    expect(tally.claimsMoved).toBeGreaterThan(20);
  });
});
