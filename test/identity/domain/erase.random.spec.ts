import * as fc from 'fast-check';
import type { Identifier, Sighting } from '../../../src/identity/domain/contact.js';
import { erase, wholeIdentity, type Erasing } from '../../../src/identity/domain/erase.js';
import { mergeByHand } from '../../../src/identity/domain/merge-by-hand.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { remove } from '../../../src/identity/domain/remove.js';
import { makeRule } from '../../../src/identity/domain/rules.js';
import { undo } from '../../../src/identity/domain/undo.js';
import { isNothing, type ErasureNote, type Writes } from '../../../src/identity/domain/writes.js';
import {
  aShare,
  aSighting,
  announceSeed,
  assertUntil,
  dated,
  EMAILS,
  PHONES,
  pick,
  unseen,
} from '../../support/sightings.js';
import { shown, sightingOf } from '../../support/wire.js';
import { MemoryStore, type StoredRow } from './memory-store.js';
import { splitOf } from './split-of.js';

announceSeed('erasures');

type Operation =
  | { readonly do: 'identify'; readonly batch: readonly Sighting[] }
  | { readonly do: 'delete' | 'merge' | 'undo' | 'rule' | 'split' | 'erase-identity' | 'erase-identifier' };

const NOTE: ErasureNote = { scope: 'identity', hashes: [], keyHash: '', blockedForDays: 0 };

const someOperations: fc.Arbitrary<Operation[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('identify' as const),
        batch: fc.array(dated(aSighting.map(sightingOf)), { minLength: 1, maxLength: 4, size: 'max' }),
      }),
    },
    ...(
      [
        ['delete', 2],
        ['merge', 1],
        ['undo', 2],
        ['rule', 1],
        ['split', 2],
        ['erase-identity', 1],
        ['erase-identifier', 2],
      ] as const
    ).map(([name, weight]) => ({ weight, arbitrary: fc.constant({ do: name }) })),
  ),
  { minLength: 10, maxLength: 40, size: 'max' },
);

test('an erasure leaves nothing of what it erases, and everything else as it was', () => {
  const RUNS = 200;
  const seen = {
    identities: 0,
    identifiers: 0,
    removed: 0,
    stripped: 0,
    promoted: 0,
    kept: 0,
    removedMerges: 0,
    strippedMerges: 0,
    rules: 0,
    traces: 0,
    deadIdentities: 0,
    heldByOthers: 0,
  };

  assertUntil(
    fc.property(someOperations, fc.infiniteStream(aShare), (list, shares) => {
      let store = new MemoryStore();
      let [lastId, now] = [0, 1_000];
      const contents = new Map<string, string>();
      const share = (): number => shares.next().value!;

      const write = (writes: Writes): void => {
        now += 10;
        store = store.apply(
          writes,
          writes.newcomers.map(() => ++lastId),
          now,
        );
        for (const { id, linkedId, version } of store.rows) {
          if (linkedId === null) {
            const content = JSON.stringify(membersOf(store, id));
            expect(contents.get(`${id} ${version}`) ?? content).toBe(content);
            contents.set(`${id} ${version}`, content);
          }
        }
      };

      /** Erases as the service does: at first what is named, then what others have of it. */
      const eraseAll = (erasing: Erasing, contactIds: readonly number[]): void => {
        for (let ids = contactIds, named = erasing; ; named = { ...erasing, contactIds: new Set() }) {
          const before = store;
          const { writes, elsewhereIds } = erase(
            named,
            store.loadToErase(ids, [{ identifiers: erasing.identifiers }]),
            NOTE,
          );
          expect(elsewhereIds).toEqual([]);
          const parts = writes.erasure!;
          seen.removed += parts.removedIds.length;
          seen.stripped += parts.strippedIds.length;
          seen.kept += writes.merges.length;
          seen.removedMerges += parts.removedMergeIds.length;
          seen.strippedMerges += parts.strippedMergeIds.length;
          seen.promoted += writes.touched.filter(
            ({ id, linkedId }) =>
              linkedId === null &&
              !parts.removedIds.includes(id) &&
              before.rows.find((row) => row.id === id)!.linkedId !== null,
          ).length;
          seen.rules += before.ruled.length;
          write(writes);
          seen.rules -= store.ruled.length;
          ids = store.rows
            .filter((row) => has(row, erasing.identifiers))
            .map(({ id }) => id)
            .slice(0, 3);
          if (ids.length === 0) {
            store = store.withoutTraces(erasing.identifiers);
            return;
          }
          seen.traces += ids.length;
        }
      };

      for (const operation of list) {
        const live = store.rows.filter(({ isDeleted }) => !isDeleted);
        const one = pick(live, share());
        switch (operation.do) {
          case 'identify': {
            const { writes } = reconcile(store.load(operation.batch), operation.batch);
            if (!isNothing(writes)) {
              write(writes);
            }
            break;
          }
          case 'delete':
            if (one !== undefined) {
              write(remove(store.identityOf(one.id), one.id, store.rules));
            }
            break;
          case 'merge': {
            const other = pick(live, share());
            if (one !== undefined && other !== undefined) {
              const ids = [...new Set([one, other].map(({ id }) => store.identityOf(id).primaryId))];
              const made = mergeByHand(
                { ...store.load([]), identities: ids.map((id) => store.identityOf(id)), rules: store.rules },
                [...new Set([one.id, other.id])],
              );
              if (!isNothing(made.writes)) {
                write(made.writes);
              }
            }
            break;
          }
          case 'undo': {
            const merge = pick(
              store.merges.filter(({ isUndone }) => !isUndone),
              share(),
            );
            if (merge !== undefined) {
              const { id, leftId, rightId, identifiers } = merge;
              const sightings = identifiers.length === 0 ? [] : [{ identifiers }];
              write(undo(id, store.loadEvidence([leftId, rightId], sightings)).writes);
            }
            break;
          }
          case 'rule': {
            const pair = [
              { kind: 'email', value: pick(EMAILS, share())! },
              { kind: 'phoneNumber', value: pick(PHONES, share())! },
            ] as const;
            const { outcome, writes } = makeRule(store.load([{ identifiers: pair }]), pair);
            if (outcome === 'made') {
              write(writes);
            }
            break;
          }
          case 'split': {
            const named = one === undefined ? undefined : pick(one.identifiers, share());
            if (one !== undefined && named !== undefined) {
              const made = splitOf(store, one.id, { contactIds: [], identifiers: [named] });
              if (!('refused' in made)) {
                write(made.writes);
              }
            }
            break;
          }
          case 'erase-identity': {
            const any = pick(store.rows, share());
            if (any === undefined) {
              break;
            }
            const before = store;
            const ids = membersOf(before, any.linkedId ?? any.id).map(({ id }) => id);
            const erasing = wholeIdentity(any.id, store.loadToErase([any.id], []));
            expect(new Set(ids)).toEqual(erasing.contactIds);
            const carried = before.rows
              .filter(({ id }) => ids.includes(id))
              .flatMap(({ identifiers }) => identifiers);
            seen.heldByOthers += carried.filter((each) => !includes(erasing.identifiers, each)).length;
            seen.deadIdentities += Number(any.isDeleted);
            eraseAll(erasing, [any.id]);
            expect(store.rows.filter(({ id }) => ids.includes(id))).toEqual([]);
            checkGone(store, erasing.identifiers);
            checkOthers(before, store, erasing.identifiers, ids);
            seen.identities++;
            break;
          }
          case 'erase-identifier': {
            const identifier = pick(
              store.rows.flatMap((row) => row.identifiers),
              share(),
            ) ?? {
              kind: 'email',
              value: EMAILS[0]!,
            };
            const before = store;
            const holder = store.claims.find((claim) => includes([identifier], claim));
            eraseAll(
              { contactIds: new Set(), identifiers: [identifier], recordedUntil: Infinity },
              holder === undefined ? [] : [holder.contactId],
            );
            checkGone(store, [identifier]);
            checkOthers(before, store, [identifier], []);
            seen.identifiers++;
            break;
          }
        }
      }
    }),
    RUNS,
    () => unseen(seen).length === 0,
  );

  expect(unseen(seen)).toEqual([]);
});

/** Nothing has them: no contact, no past, no merge, no rule, no claim. */
function checkGone(store: MemoryStore, identifiers: readonly Identifier[]): void {
  const ruled = store.ruled.flatMap((rule) => rule.identifiers);
  const places = [
    ...store.rows,
    ...store.merges,
    ...store.past,
    { identifiers: [...store.claims, ...store.reserved, ...ruled] },
  ];
  expect(places.filter((place) => has(place, identifiers))).toEqual([]);
}

/**
 * All other contacts are there, with what they carried but for the identifiers; those that had nothing else are gone. Who was one
 * is one, and who was apart is apart. Answers are the same, but for the identifiers.
 */
function checkOthers(
  before: MemoryStore,
  after: MemoryStore,
  identifiers: readonly Identifier[],
  goneIds: readonly number[],
): void {
  const left = (row: StoredRow): Identifier[] =>
    row.identifiers.filter((each) => !includes(identifiers, each));
  const expected = before.rows.filter((row) => !goneIds.includes(row.id) && left(row).length > 0);
  expect(after.rows.map(({ id, identifiers: carried, isDeleted }) => ({ id, carried, isDeleted }))).toEqual(
    expected.map((row) => ({ id: row.id, carried: left(row), isDeleted: row.isDeleted })),
  );
  const ids = new Set(expected.map(({ id }) => id));
  expect(groupsOf(after, ids)).toEqual(groupsOf(before, ids));
  for (const { id } of expected) {
    const [was, is] = [before.find(id), after.find(id)];
    if (was === null || is === null) {
      expect(is).toBe(was);
      continue;
    }
    const without = {
      ...was,
      secondaryContactIds: [was.primaryContactId, ...was.secondaryContactIds].filter(
        (each) => ids.has(each) && each !== is.primaryContactId,
      ),
      values: new Map(
        [...was.values].map(([kind, values]) => [
          kind,
          values.filter((value) => !includes(identifiers, { kind, value })),
        ]),
      ),
      primaryContactId: is.primaryContactId,
    };
    // The order of values may change if the primary goes.
    const sorted = (view: typeof was) => ({
      ...shown(view),
      emails: shown(view).emails.toSorted(),
      phoneNumbers: shown(view).phoneNumbers.toSorted(),
    });
    expect(sorted(is)).toEqual(sorted(without));
  }
}

function groupsOf({ rows }: MemoryStore, ids: ReadonlySet<number>): string[] {
  const groups = Map.groupBy(
    rows.filter(({ id }) => ids.has(id)),
    ({ id, linkedId }) => linkedId ?? id,
  );
  return [...groups.values()].map((members) => members.map(({ id }) => id).join()).toSorted();
}

function membersOf({ rows }: MemoryStore, primaryId: number): { readonly id: number }[] {
  return rows
    .filter(({ id, linkedId }) => (linkedId ?? id) === primaryId)
    .map(({ id, identifiers, isDeleted, createdAt }) => ({ id, identifiers, isDeleted, createdAt }));
}

function has({ identifiers }: { readonly identifiers: readonly Identifier[] }, named: readonly Identifier[]) {
  return identifiers.some((each) => includes(named, each));
}

function includes(list: readonly Identifier[], { kind, value }: Identifier): boolean {
  return list.some((each) => each.kind === kind && each.value === value);
}
