import * as fc from 'fast-check';
import { carries, type Identifier, type Sighting } from '../../../src/identity/domain/contact.js';
import type { RecordedMerge } from '../../../src/identity/domain/explain.js';
import { STANDARD_KINDS } from '../../../src/identity/domain/kinds.js';
import { mergeByHand } from '../../../src/identity/domain/merge-by-hand.js';
import type { RecordedContact } from '../../../src/identity/domain/past.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { remove } from '../../../src/identity/domain/remove.js';
import { isSame } from '../../../src/identity/domain/rules.js';
import { sharedValues, type SharedValue } from '../../../src/identity/domain/shared-values.js';
import { takeOut } from '../../../src/identity/domain/take-out.js';
import { undo } from '../../../src/identity/domain/undo.js';
import type { Writes } from '../../../src/identity/domain/writes.js';
import { aShare, aSighting, announceSeed, assertUntil, pick, unseen } from '../../support/sightings.js';
import { UnionFind } from '../../support/union-find.js';
import { sightingOf } from '../../support/wire.js';
import { BIFF, contact, GEORGE, identifiers, LORRAINE, MCFLY, NOTHING_KNOWN } from './fixtures.js';
import { MemoryStore } from './memory-store.js';
import { splitOf } from './split-of.js';

announceSeed('shared values');

const PLACEHOLDER = '0000000000';

function recorded(
  id: number,
  email: string | null,
  phone: string | null,
  joinedId: number | null,
  isDeleted = false,
): RecordedContact {
  return {
    ...contact(id, email, phone, { isDeleted }),
    linkedId: id === 1 ? null : 1,
    joinedId,
    recordedAt: id,
    deletedAt: isDeleted ? 100 : null,
    isAssumed: false,
  };
}

function merged(leftId: number, rightId: number, values: Identifier[], undoneBy?: number): RecordedMerge {
  return {
    id: leftId,
    at: 100,
    survivorId: leftId,
    mergedId: rightId,
    leftId,
    rightId,
    cause: values.length === 0 ? 'manual' : 'sighting',
    identifiers: values,
    isAssumed: false,
    changeId: null,
    undone: undoneBy === undefined ? null : { changeId: undoneBy, at: 200 },
  };
}

function weigh(contacts: RecordedContact[], merges: RecordedMerge[] = []): SharedValue[] {
  return sharedValues({ primaryId: 1, contacts }, merges, STANDARD_KINDS);
}

/** A phone number: contacts that carry it, merges that rest on it, identities without it. */
function phoneValue(value: string, contacts: number, merges: number, identities: number): SharedValue {
  return { kind: 'phoneNumber', value, contacts, merges, identities };
}

test('a placeholder that three customers gave comes before the email that one of them gave twice', () => {
  expect(
    weigh([
      recorded(1, LORRAINE, PLACEHOLDER, null),
      recorded(2, GEORGE, PLACEHOLDER, 1),
      recorded(3, BIFF, PLACEHOLDER, 1),
      recorded(4, BIFF, '141', 3),
    ]),
  ).toEqual([
    phoneValue(PLACEHOLDER, 3, 0, 3),
    { kind: 'email', value: BIFF, contacts: 2, merges: 0, identities: 2 },
  ]);
});

test('a value that merged customers counts, also if one contact carries it', () => {
  const merges = [
    merged(2, 1, identifiers(GEORGE, PLACEHOLDER)),
    merged(3, 1, identifiers(BIFF, PLACEHOLDER)),
  ];
  expect(
    weigh(
      [
        recorded(1, LORRAINE, PLACEHOLDER, null),
        recorded(2, GEORGE, '131', null),
        recorded(3, BIFF, '141', null),
      ],
      merges,
    ),
  ).toEqual([
    phoneValue(PLACEHOLDER, 1, 2, 3),
    { kind: 'email', value: BIFF, contacts: 1, merges: 1, identities: 2 },
    { kind: 'email', value: GEORGE, contacts: 1, merges: 1, identities: 2 },
  ]);
});

test('both forms of a number are one value', () => {
  const [longer, shorter] = ['+5215512345678', '+525512345678'];
  expect(weigh([recorded(1, LORRAINE, longer, null), recorded(2, GEORGE, shorter, 1)])).toEqual([
    phoneValue(longer, 2, 0, 2),
  ]);
  const strangers = [recorded(1, LORRAINE, longer, null), recorded(2, GEORGE, '131', null)];
  expect(weigh(strangers, [merged(1, 2, identifiers(GEORGE, shorter))])).toEqual([
    { kind: 'email', value: GEORGE, contacts: 1, merges: 1, identities: 2 },
    phoneValue(longer, 1, 1, 2),
  ]);
});

test('what another value or a merge by hand connects stays one identity', () => {
  const shared = [recorded(1, MCFLY, PLACEHOLDER, null), recorded(2, MCFLY, PLACEHOLDER, 1)];
  expect(weigh(shared).map(({ identities }) => identities)).toEqual([1, 1]);
  const strangers = [recorded(1, LORRAINE, PLACEHOLDER, null), recorded(2, GEORGE, '131', null)];
  expect(weigh(strangers, [merged(1, 2, [])])).toEqual([]);
});

test('a contact that carries nothing else is no identity without the value', () => {
  expect(
    weigh([
      recorded(1, null, PLACEHOLDER, null),
      recorded(2, GEORGE, PLACEHOLDER, 1),
      recorded(3, BIFF, PLACEHOLDER, 1),
    ]),
  ).toEqual([phoneValue(PLACEHOLDER, 3, 0, 2)]);
});

test('a deleted contact still connects, unless by the value', () => {
  const george = recorded(3, GEORGE, '131', 2);
  expect(weigh([recorded(1, LORRAINE, '111', null), recorded(2, GEORGE, '111', 1, true), george])).toEqual([
    { kind: 'email', value: GEORGE, contacts: 1, merges: 0, identities: 2 },
    phoneValue('111', 1, 0, 2),
  ]);
});

test('a merge that was undone, and a value that nobody shares, hold nothing together', () => {
  const george = [recorded(1, GEORGE, '131', null), recorded(2, GEORGE, '132', 1)];
  const before = merged(2, 3, identifiers(GEORGE, PLACEHOLDER), 7);
  expect(weigh(george, [before])).toEqual([
    { kind: 'email', value: GEORGE, contacts: 2, merges: 0, identities: 2 },
  ]);
  expect(weigh([recorded(1, GEORGE, '131', null)])).toEqual([]);
});

test.each([
  ['one placeholder', (i: number) => [`c${i}`, PLACEHOLDER] as const],
  [
    'a chain, in which each value is shared by two',
    (i: number) => [`c${(i + 1) >> 1}`, `${i >> 1}`] as const,
  ],
])('20,000 contacts are weighed: %s', (_, valuesOf) => {
  const contacts = Array.from({ length: 20_000 }, (__, i) =>
    recorded(i + 1, ...valuesOf(i), i === 0 ? null : i),
  );
  const found = weigh(contacts);
  expect(found[0]!.identities).toBe(found.length === 1 ? 20_000 : 2);
  expect(found.every(({ identities, contacts: carriers }) => identities === carriers)).toBe(true);
});

/** Now and then with a customer id, so that one sighting may join three identities. */
const ofThreeKinds = fc
  .tuple(aSighting.map(sightingOf), fc.option(fc.constantFrom('C-1', 'C-2', 'C-3', 'C-4'), { freq: 2 }))
  .map(([{ identifiers: given }, value]) => ({
    identifiers: value === null ? given : [{ kind: 'customerId', value }, ...given],
  }));

test('after any history each value parts an identity as taking it out does, and as its connections say', () => {
  const seen = { values: 0, parts: 0, none: 0, merges: 0, undone: 0, splits: 0, byHand: 0, deleted: 0 };
  assertUntil(
    fc.property(
      fc.array(ofThreeKinds, { minLength: 10, maxLength: 40, size: 'max' }),
      fc.infiniteStream(aShare),
      (sightings, shares) => {
        const share = (): number => shares.next().value!;
        let store = new MemoryStore();
        const write = (writes: Writes): void => {
          const ids = writes.newcomers.map((_, i) => store.rows.length + i + 1);
          store = store.apply(writes, ids, 1_000 + store.rows.length);
        };
        for (const sighting of sightings) {
          write(reconcile(store.load([sighting]), [sighting]).writes);
          change(store, share, write, seen);
        }
        for (const { id } of store.rows.filter(({ linkedId }) => linkedId === null)) {
          check(store, id, seen);
        }
      },
    ),
    200,
    () => unseen(seen).length === 0,
  );
  expect(unseen(seen)).toEqual([]);
});

/** Now and then something else happens than a sighting. */
function change(
  store: MemoryStore,
  share: () => number,
  write: (writes: Writes) => void,
  seen: { undone: number; splits: number; byHand: number; deleted: number },
): void {
  const live = store.rows.filter(({ isDeleted }) => !isDeleted);
  const [one, other] = [pick(live, share())!, pick(live, share())!];
  const dice = share();
  if (one === undefined) {
    return;
  }
  if (dice < 0.1) {
    write(remove(store.identityOf(one.id), one.id, store.rules));
    seen.deleted++;
  } else if (dice < 0.15) {
    const ids = [...new Set([one, other].map(({ id }) => store.identityOf(id).primaryId))];
    const known = { identities: ids.map((id) => store.identityOf(id)), rules: store.rules };
    if (ids.length > 1) {
      write(mergeByHand({ ...NOTHING_KNOWN, ...known }, ids).writes);
      seen.byHand++;
    }
  } else if (dice < 0.2) {
    const made = splitOf(store, one.id, { contactIds: [], identifiers: [pick(one.identifiers, share())!] });
    if (!('refused' in made)) {
      write(made.writes);
      seen.splits++;
    }
  } else if (dice < 0.3) {
    const merge = pick(
      store.merges.filter(({ isUndone }) => !isUndone),
      share(),
    );
    if (merge !== undefined) {
      const named = merge.identifiers.length === 0 ? [] : [{ identifiers: merge.identifiers }];
      write(undo(merge.id, store.loadEvidence([merge.leftId, merge.rightId], named)).writes);
      seen.undone++;
    }
  }
}

function check(
  store: MemoryStore,
  id: number,
  seen: { values: number; parts: number; none: number; merges: number },
): void {
  const snapshot = store.loadEvidence([id], []);
  const [identity] = snapshot.evidence.identities;
  const found = sharedValues(identity!, snapshot.evidence.merges, snapshot.policy.kinds);
  const live = identity!.contacts.filter(({ isDeleted }) => !isDeleted);
  const told = new Map(found.map((value) => [nameOf(value), value]));
  const values = new Map(live.flatMap(({ identifiers: all }) => all.map((each) => [nameOf(each), each])));
  for (const [name, identifier] of values) {
    const out = takeOut(id, (each) => isSame(each, identifier), snapshot).identities.length;
    const value = told.get(name);
    if (value === undefined) {
      // nothing rests on it
      expect(out).toBeLessThanOrEqual(1);
      continue;
    }
    expect([name, value.identities]).toEqual([name, out]);
    expect([name, value.identities]).toEqual([name, partsWithout(store, id, identifier)]);
    expect(value.contacts).toBe(live.filter((row) => carries(row, identifier)).length);
    seen.values++;
    seen.parts += Number(value.identities > 1);
    seen.none += Number(value.identities === 0);
    seen.merges += value.merges;
  }
  expect([...told.keys()].filter((name) => !values.has(name))).toEqual([]);
  const weights = found.map(({ identities, contacts, kind, value }): (number | string)[] => [
    -identities,
    -contacts,
    kind,
    value,
  ]);
  expect(weights).toEqual(weights.toSorted(inOrder));
}

function inOrder(one: readonly (number | string)[], other: readonly (number | string)[]): number {
  const at = one.findIndex((each, i) => each !== other[i]);
  return at === -1 ? 0 : one[at]! < other[at]! ? -1 : 1;
}

/**
 * The oracle: identities with live contacts that carry anything else, by following connections one by one. A contact is connected
 * with what it attached to if they share another value or none; with the other end of a merge if the sighting names two other
 * values, and each end has one of them or none at all; and with all live contacts that share another value.
 */
function partsWithout({ rows, merges }: MemoryStore, primaryId: number, identifier: Identifier): number {
  const members = rows.filter(({ id, linkedId }) => (linkedId ?? id) === primaryId);
  const rest = ({ identifiers: all }: Sighting): Identifier[] =>
    all.filter((each) => !isSame(each, identifier));
  const parts = new UnionFind<number>();
  for (const one of members) {
    for (const other of members) {
      const common = one.identifiers.filter((each) => carries(other, each));
      const isByValue = rest({ identifiers: common }).length > 0;
      const isByEdge = one.joinedId === other.id && (isByValue || common.length === 0);
      if (isByEdge || (isByValue && !one.isDeleted && !other.isDeleted)) {
        parts.join(one.id, other.id);
      }
    }
  }
  for (const merge of merges.filter(({ isUndone }) => !isUndone)) {
    const ends = members.filter(({ id }) => id === merge.leftId || id === merge.rightId);
    const left = rest(merge);
    const isHeld = ends.every(
      (end) =>
        left.some((each) => carries(end, each)) || !carries(end, identifier) || !carries(merge, identifier),
    );
    if (ends.length === 2 && (!carries(merge, identifier) || (left.length > 1 && isHeld))) {
      parts.join(merge.leftId, merge.rightId);
    }
  }
  const lasting = members.filter((row) => !row.isDeleted && rest(row).length > 0);
  return new Set(lasting.map(({ id }) => parts.find(id))).size;
}

function nameOf({ kind, value }: Identifier): string {
  return `${kind} ${value}`;
}
