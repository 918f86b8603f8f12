import * as fc from 'fast-check';
import { liveContacts, viewOf, type Identity } from '../../../src/identity/domain/contact.js';
import { Kinds, STANDARD_KINDS } from '../../../src/identity/domain/kinds.js';
import { mergeByHand, type MergeByHand } from '../../../src/identity/domain/merge-by-hand.js';
import { DEFAULT_POLICY } from '../../../src/identity/domain/policy.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { remove, removeAll } from '../../../src/identity/domain/remove.js';
import { KnownRules } from '../../../src/identity/domain/rules.js';
import { NO_WRITES } from '../../../src/identity/domain/writes.js';
import { aShare, announceSeed, seed, someSightings } from '../../support/sightings.js';
import { sightingOf } from '../../support/wire.js';
import { MemoryStore, ruleOf } from './memory-store.js';
import {
  BIFF,
  GEORGE,
  LORRAINE,
  MCFLY,
  NOTHING_KNOWN,
  contact,
  deepFreeze,
  identity,
  inOrder,
  moved,
  touched,
  view,
} from './fixtures.js';

announceSeed('random merges by hand');

/** Merges what cannot be modified, as the core promises not to. */
function merged(
  identities: Identity[],
  contactIds: number[],
  { rules = new KnownRules(), isForced = false } = {},
): MergeByHand {
  const snapshot = { ...NOTHING_KNOWN, identities: deepFreeze(identities), rules };
  const { writes, view: shown, ...rest } = mergeByHand(snapshot, deepFreeze(contactIds), isForced);
  return { writes: inOrder(writes), view: shown, ...rest };
}

const manual = (survivorId: number, mergedId: number, leftId: number, rightId: number) => ({
  survivorId,
  mergedId,
  leftId,
  rightId,
  cause: 'manual',
  identifiers: [],
});

describe('merging by hand', () => {
  it('keeps the older primary and links every row of the younger one to it, deleted ones too', () => {
    const lorraine = identity(contact(1, LORRAINE, null, { version: 3 }), contact(5, LORRAINE, '1'));
    const george = identity(
      contact(2, GEORGE, null, { version: 4 }),
      contact(3, GEORGE, '2', { version: 2, isDeleted: true }),
      contact(4, MCFLY, '2'),
    );

    expect(merged([lorraine, george], [4, 5])).toEqual({
      writes: {
        ...NO_WRITES,
        touched: [touched(1, 3, null), moved(2, 4, 1), moved(3, 2, 1), moved(4, 1, 1)],
        merges: [manual(1, 2, 4, 5)],
      },
      view: view(1, [LORRAINE, GEORGE, MCFLY], ['2', '1'], [2, 4, 5]),
      forbiddenBy: [],
      exceeds: null,
    });
  });

  it('joins the contact named first with each other one, and tells who survived each time', () => {
    const people = [
      identity(contact(3, LORRAINE, null)),
      identity(contact(1, GEORGE, null), contact(4, GEORGE, '1')),
      identity(contact(2, BIFF, null)),
    ];

    expect(merged(people, [3, 2, 4]).writes.merges).toEqual([manual(2, 3, 3, 2), manual(1, 2, 3, 4)]);
  });

  it('counts both forms of a number once where a limit speaks of numbers', () => {
    const one = { ...STANDARD_KINDS.named('phoneNumber'), onePerIdentity: true };
    const policy = { ...DEFAULT_POLICY, kinds: new Kinds([STANDARD_KINDS.named('email'), one]) };
    const lorraine = identity(contact(1, LORRAINE, '+525512345678'), contact(2, MCFLY, '+5215512345678'));
    const george = identity(contact(3, GEORGE, null));
    const biff = identity(contact(4, BIFF, '+525512345678'));
    const exceeded = (identities: Identity[], ids: number[]): string | null =>
      mergeByHand({ ...NOTHING_KNOWN, identities, policy }, ids).exceeds;

    expect(exceeded([lorraine, george], [1, 3])).toBeNull();
    expect(exceeded([identity(contact(1, LORRAINE, '+5215512345678')), biff], [1, 4])).toBeNull();
    expect(exceeded([identity(contact(1, LORRAINE, '1')), biff], [1, 4])).toBe('phoneNumber');
  });

  it('makes no second edge to an identity that two of the contacts are in', () => {
    const people = [
      identity(contact(1, LORRAINE, null)),
      identity(contact(2, GEORGE, null), contact(3, GEORGE, '1')),
    ];

    expect(merged(people, [1, 3, 2]).writes.merges).toEqual([manual(1, 2, 1, 3)]);
  });

  it('lets the lower id survive of two of one moment', () => {
    const people = [
      identity(contact(2, LORRAINE, null, { createdAt: 7 })),
      identity(contact(1, GEORGE, null, { createdAt: 7 })),
    ];

    expect(merged(people, [2, 1]).view.primaryContactId).toBe(1);
  });

  it('writes nothing if the contacts are in one identity already', () => {
    const lorraine = identity(contact(1, LORRAINE, null), contact(2, LORRAINE, '1'));

    expect(merged([lorraine], [2, 1])).toEqual({
      writes: NO_WRITES,
      view: view(1, [LORRAINE], ['1'], [2]),
      forbiddenBy: [],
      exceeds: null,
    });
  });

  it('of a contact that is in none of the identities is an error', () => {
    expect(() => merged([identity(contact(1, LORRAINE, null))], [1, 2])).toThrow(
      'contact 2 is in none of the identities',
    );
  });
});

describe('merging by hand what a rule keeps apart', () => {
  const lorraine = identity(contact(1, LORRAINE, '1', { isRuled: true }));
  const george = identity(contact(2, GEORGE, '2', { isRuled: true }));
  const biff = identity(contact(3, BIFF, null, { isRuled: true }), contact(4, BIFF, '4', { isRuled: true }));
  const [emails, phones] = [
    [LORRAINE, GEORGE, BIFF].map((value) => ({ kind: 'email', value })),
    ['1', '2', '4'].map((value) => ({ kind: 'phoneNumber', value })),
  ] as const;
  const apart = ruleOf(7, [emails[0]!, phones[1]!]);
  const third = ruleOf(8, [phones[2]!, phones[0]!]);
  const elsewhere = ruleOf(9, [emails[0]!, { kind: 'email', value: MCFLY }]);
  const rules = new KnownRules([...emails, ...phones], [apart, third, elsewhere]);

  it('is forbidden, changes nothing, and tells the rules', () => {
    expect(merged([lorraine, george], [2, 1], { rules })).toMatchObject({
      writes: NO_WRITES,
      forbiddenBy: [apart],
    });
  });

  it('ends the rules between all of them by force, and no other', () => {
    const { writes, forbiddenBy } = merged([lorraine, george, biff], [2, 1, 3], { rules, isForced: true });
    expect(forbiddenBy).toEqual([]);
    expect(writes.merges).toHaveLength(2);
    expect(writes.liftedRules.toSorted((a, b) => a.id - b.id)).toEqual([apart, third]);
    expect(writes.touched.map(({ id }) => id)).toEqual([1, 2, 3, 4]);
  });

  it('is allowed where the value is no longer held by one of them', () => {
    const left = identity(
      contact(2, GEORGE, null, { isRuled: true }),
      contact(5, GEORGE, '2', { isRuled: true, isDeleted: true }),
    );
    expect(merged([lorraine, left], [1, 2], { rules })).toMatchObject({
      writes: { merges: [manual(1, 2, 1, 2)], liftedRules: [] },
      forbiddenBy: [],
      exceeds: null,
    });
  });

  it('asks for the rules of all but the identity of which they may speak most', () => {
    const { writes } = merged([lorraine, george, biff], [1, 2, 3]);
    expect(writes.unknownRules).toEqual([emails[0], phones[0], emails[1], phones[1]]);
    const free = identity(contact(6, MCFLY, null));
    expect(merged([lorraine, free], [1, 6]).writes.unknownRules).toEqual([]);
  });
});

describe('deleting an identity', () => {
  it('touches and deletes its live contacts and frees every identifier', () => {
    const lorraine = identity(
      contact(1, LORRAINE, '1', { version: 6 }),
      contact(2, MCFLY, '1', { version: 2 }),
      contact(3, GEORGE, '1', { isDeleted: true }),
    );

    expect(removeAll(deepFreeze(lorraine), new KnownRules())).toEqual({
      ...NO_WRITES,
      touched: [touched(1, 6, null), touched(2, 2, 1)],
      deletion: {
        contactIds: [1, 2],
        freedClaims: [
          { kind: 'email', value: LORRAINE },
          { kind: 'email', value: MCFLY },
          { kind: 'phoneNumber', value: '1' },
        ],
        reservedClaims: [],
      },
    });
  });
});

/** The oracle: which contacts are one, and which are deleted. It knows nothing of links, claims and edges. */
class People {
  groups: ReadonlySet<number>[] = [];
  readonly deleted = new Set<number>();

  of(contactId: number): ReadonlySet<number> {
    return this.groups.find((group) => group.has(contactId))!;
  }

  join(contactIds: readonly number[]): void {
    const joined = this.groups.filter((group) => contactIds.some((id) => group.has(id)));
    this.groups = [
      ...this.groups.filter((group) => !joined.includes(group)),
      new Set([...contactIds, ...joined.flatMap((group) => [...group])]),
    ];
  }

  shown(): number[][] {
    return this.groups
      .map((group) => [...group].filter((id) => !this.deleted.has(id)).toSorted((a, b) => a - b))
      .filter((group) => group.length > 0)
      .toSorted((a, b) => a[0]! - b[0]!);
  }
}

describe('merges by hand among random sightings and deletions', () => {
  it('agree with an oracle at every step, and leave the evidence a tree', () => {
    const tally = { merges: 0, three: 0, deletedRows: 0, alreadyOne: 0, identitiesDeleted: 0 };

    fc.assert(
      fc.property(someSightings, fc.infiniteStream(aShare), (sightings, shares) => {
        let store = new MemoryStore();
        const people = new People();
        const share = (): number => shares.next().value!;
        const live = () => store.rows.filter(({ isDeleted }) => !isDeleted);
        const anyLive = (): number => live()[Math.floor(share() * live().length)]!.id;
        for (const each of sightings.map(sightingOf)) {
          const { writes, answers } = reconcile(store.load([each]), [each]);
          const freshId = store.rows.length + 1;
          store = store.apply(writes, [freshId], freshId);
          const { primaryContactId, secondaryContactIds } = answers[0]!.view!;
          people.join([primaryContactId, ...secondaryContactIds].map((id) => (id < 0 ? freshId : id)));

          const dice = share();
          if (live().length === 0 || dice > 0.8) {
            continue;
          }
          const contactId = anyLive();
          const current = store.identityOf(contactId);
          if (dice < 0.1) {
            store = store.apply(remove(current, contactId, new KnownRules()), [], 0);
            people.deleted.add(contactId);
          } else if (dice < 0.15) {
            store = store.apply(removeAll(current, new KnownRules()), [], 0);
            people.of(contactId).forEach((id) => people.deleted.add(id));
            tally.identitiesDeleted++;
          } else if (dice < 0.5) {
            const named = [...new Set([contactId, anyLive(), anyLive()])];
            const groups = new Set(named.map((id) => people.of(id)));
            const identities = [...new Set(named.map((id) => store.identityOf(id).primaryId))].map((id) =>
              store.identityOf(id),
            );
            const made = merged(identities, named);
            store = store.apply(made.writes, [], 0);
            people.join(named);
            expect(made.view).toEqual(viewOf(liveContacts(store.identityOf(contactId))));
            expect(made.writes.merges).toHaveLength(groups.size - 1);
            tally.merges += groups.size - 1;
            tally.three += Number(groups.size === 3);
            tally.alreadyOne += Number(groups.size === 1);
            tally.deletedRows += identities
              .flatMap(({ rows }) => rows)
              .filter(({ isDeleted }) => isDeleted).length;
          }
          const shown = [...Map.groupBy(live(), ({ id, linkedId }) => linkedId ?? id)]
            .map(([, rows]) => rows.map(({ id }) => id).toSorted((a, b) => a - b))
            .toSorted((a, b) => a[0]! - b[0]!);
          expect(shown).toEqual(people.shown());
        }
      }),
      { seed, numRuns: 80 },
    );

    expect(tally.merges).toBeGreaterThan(100);
    expect(tally.three).toBeGreaterThan(5);
    expect(tally.alreadyOne).toBeGreaterThan(20);
    expect(tally.deletedRows).toBeGreaterThan(20);
    expect(tally.identitiesDeleted).toBeGreaterThan(10);
  });
});
