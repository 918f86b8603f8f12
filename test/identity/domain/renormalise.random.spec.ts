import * as fc from 'fast-check';
import { Blocklist } from '../../../src/identity/domain/blocklist.js';
import type { Identifier } from '../../../src/identity/domain/contact.js';
import { EMAIL, Kinds, PHONE_NUMBER } from '../../../src/identity/domain/kinds.js';
import type { KeptForm, OldForm } from '../../../src/identity/domain/old-form.js';
import { DEFAULT_POLICY } from '../../../src/identity/domain/policy.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { remove } from '../../../src/identity/domain/remove.js';
import { renormalise, type Renormalisation } from '../../../src/identity/domain/renormalise.js';
import { makeRule } from '../../../src/identity/domain/rules.js';
import { asksForMore, isNothing } from '../../../src/identity/domain/writes.js';
import { aShare, announceSeed, pick, seed } from '../../support/sightings.js';
import { UnionFind } from '../../support/union-find.js';
import { MemoryStore } from './memory-store.js';

announceSeed('renormalise');

/** Each has up to three spellings; that without a mark is the normal form. One that ends in a `!` is refused today. */
const EMAILS = ['e1', 'e1~', 'e1~~', 'e2', 'e2~', 'e3~', 'e3~~', 'e4', 'e5!'];
const PHONES = ['p1', 'p1~', 'p2', 'p2~', 'p2~~', 'p3~', 'p4', 'p4!'];
const BLOCKED = 'p2';

function formOf({ value }: Identifier): string | null {
  return value.endsWith('!') ? null : value.replaceAll('~', '');
}

const maybe = (values: readonly string[]) => fc.option(fc.constantFrom(...values), { nil: null, freq: 3 });
const aSighting = fc
  .record({ email: maybe(EMAILS), phoneNumber: maybe(PHONES) })
  .filter(({ email, phoneNumber }) => email !== null || phoneNumber !== null);
const anIdentifier = fc.oneof(
  fc.constantFrom(...EMAILS).map((value) => ({ kind: 'email', value })),
  fc.constantFrom(...PHONES).map((value) => ({ kind: 'phoneNumber', value })),
);
const aStep = fc.oneof(
  { weight: 8, arbitrary: aSighting.map((seen) => ({ seen })) },
  { weight: 2, arbitrary: fc.tuple(anIdentifier, anIdentifier).map((pair) => ({ pair })) },
  { weight: 1, arbitrary: aShare.map((deleteAt) => ({ deleteAt })) },
);
const aLimit = fc.option(fc.integer({ min: 1, max: 3 }), { nil: null, freq: 3 });
const somePolicy = fc.record({
  maxContacts: fc.constantFrom(2, 3, 5, 1_000),
  maxEmails: aLimit,
  maxPhones: aLimit,
  isBlocking: fc.boolean(),
});
type Limits = typeof somePolicy extends fc.Arbitrary<infer T> ? T : never;

function policyOf({ maxContacts, maxEmails, maxPhones, isBlocking }: Limits) {
  return {
    ...DEFAULT_POLICY,
    maxContacts,
    kinds: new Kinds([
      { ...EMAIL, maxPerIdentity: maxEmails },
      { ...PHONE_NUMBER, maxPerIdentity: maxPhones },
    ]),
    blocked: new Blocklist(isBlocking ? [{ id: 1, kind: 'phoneNumber', pattern: BLOCKED }] : []),
  };
}

/** A store that took some steps. Sightings come one by one, dated by the order of arrival. */
function storeAfter(steps: readonly (typeof aStep extends fc.Arbitrary<infer T> ? T : never)[]): MemoryStore {
  let store = new MemoryStore();
  let nextId = 1;
  for (const step of steps) {
    if ('seen' in step) {
      const sighting = { identifiers: DEFAULT_POLICY.kinds.identifiersOf(step.seen) };
      const { writes } = reconcile(store.load([sighting]), [sighting]);
      store = store.apply(writes, [nextId++], nextId);
    } else if ('pair' in step) {
      const [one, other] = step.pair;
      if (nameOf(one) !== nameOf(other)) {
        const snapshot = store.load(step.pair.map((each) => ({ identifiers: [each] })));
        store = store.apply(makeRule(snapshot, step.pair).writes, [], nextId);
      }
    } else {
      const live = store.rows.filter(({ isDeleted }) => !isDeleted);
      if (live.length > 0) {
        const { id } = pick(live, step.deleteAt)!;
        store = store.apply(remove(store.identityOf(id), id, store.rules), [], nextId);
      }
    }
  }
  return store;
}

function nameOf({ kind, value }: Identifier): string {
  return `${kind}:${value}`;
}

function oldFormsOf({ claims, reserved }: MemoryStore): OldForm[] {
  return [...claims, ...reserved].flatMap(({ kind, value }) => {
    const to = formOf({ kind, value });
    return to === null || to === value ? [] : [{ kind, value, to }];
  });
}

interface Ran {
  readonly store: MemoryStore;
  readonly kept: readonly KeptForm[];
  readonly merges: number;
  readonly isNothing: boolean;
}

/** As the command does it: some at a time, what is left for later at once, and all that is kept again until nothing changes. */
function runOver(before: MemoryStore, atOnce: number): Ran {
  const ran = { store: before, kept: [] as KeptForm[], merges: 0, isNothing: true };
  for (let changed = 1; changed > 0;) {
    const oldForms = inOrder(ran.store);
    const kept = new Map<string, KeptForm>();
    changed = 0;
    for (let at = 0; at < oldForms.length; at += atOnce) {
      for (let pending = oldForms.slice(at, at + atOnce), passes = 0; pending.length > 0; passes++) {
        expect(passes).toBeLessThanOrEqual(atOnce);
        const decided = decide(ran.store, pending);
        ran.store = ran.store.apply(decided.writes, [], 1_000);
        ran.merges += decided.writes.merges.length;
        ran.isNothing &&= isNothing(decided.writes);
        decided.kept.forEach((each) => kept.set(nameOf(each), each));
        changed += decided.changed.length;
        pending = [...decided.later];
      }
    }
    ran.kept = [...kept.values()];
  }
  return ran;
}

function decide(store: MemoryStore, oldForms: readonly OldForm[]): Renormalisation {
  const pairs = oldForms.map(({ kind, value, to }) => ({
    identifiers: [
      { kind, value },
      { kind, value: to },
    ],
  }));
  const snapshot = store.load(pairs);
  const isBlocked = (identifier: Identifier): boolean => snapshot.policy.blocked.isBlocked(identifier);
  const decided = renormalise(snapshot, oldForms, { formOf, isBlocked });
  expect(asksForMore(decided.writes)).toBe(false);
  return decided;
}

/** Those that rules name first, as they are read; the rest in the order of their values. */
function inOrder(store: MemoryStore): OldForm[] {
  const ruled = new Set(store.ruled.flatMap(({ identifiers }) => identifiers.map(nameOf)));
  const all = oldFormsOf(store).toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  return [
    ...all.filter((each) => ruled.has(nameOf(each))),
    ...all.filter((each) => !ruled.has(nameOf(each))),
  ];
}

function isMore(limit: number | null, after: number, before: readonly number[]): boolean {
  return limit !== null && after > limit && before.every((count) => after > count);
}

/** Written apart from the service: how many contacts each person has, which identifiers, and which pairs rules name. */
class People {
  readonly persons: { contacts: number; names: Set<string> }[];
  rules: [string, string][];
  merges = 0;

  constructor(
    store: MemoryStore,
    private readonly limits: Limits,
  ) {
    const live = store.rows.filter(({ isDeleted }) => !isDeleted);
    this.persons = [...Map.groupBy(live, ({ id, linkedId }) => linkedId ?? id).values()].map((rows) => ({
      contacts: rows.length,
      names: new Set(rows.flatMap(({ identifiers }) => identifiers.map(nameOf))),
    }));
    this.rules = store.ruled.map(({ identifiers: [one, other] }) => [nameOf(one), nameOf(other)]);
  }

  holderOf(name: string) {
    return this.persons.find(({ names }) => names.has(name));
  }

  /** @returns whether the old form is gone */
  take(old: string, normal: string): boolean {
    const [own, target] = [this.holderOf(old), this.holderOf(normal)];
    const othersOf = (name: string): string[] =>
      this.rules.filter((rule) => rule.includes(name)).map(([one, other]) => (one === name ? other : one));
    if (own === undefined) {
      const others = othersOf(old);
      if (others.includes(normal) || others.some((other) => target?.names.has(other))) {
        return false;
      }
    } else if (target === undefined) {
      if (othersOf(normal).some((other) => own.names.has(other))) {
        return false;
      }
      own.names.add(normal);
    } else if (target !== own) {
      const isKeptApart = [...own.names].some((name) =>
        othersOf(name).some((other) => target.names.has(other)),
      );
      if (this.isBlocked(old, normal) || isKeptApart || this.isTooLarge(own, target)) {
        return false;
      }
      own.names.forEach((name) => target.names.add(name));
      target.contacts += own.contacts;
      this.persons.splice(this.persons.indexOf(own), 1);
      this.merges++;
    }
    this.holderOf(old)?.names.delete(old);
    const renamed = this.rules.map((rule) => rule.map((name) => (name === old ? normal : name)).toSorted());
    this.rules = [...new Map(renamed.map((rule) => [rule.join(), rule as [string, string]])).values()];
    return true;
  }

  private isBlocked(...names: string[]): boolean {
    return this.limits.isBlocking && names.includes(`phoneNumber:${BLOCKED}`);
  }

  private isTooLarge(...two: [People['persons'][number], People['persons'][number]]): boolean {
    const { maxContacts, maxEmails, maxPhones } = this.limits;
    const becomes = (name: string): string => {
      const [kind, value] = name.split(':') as [string, string];
      const normal = nameOf({ kind, value: formOf({ kind, value }) ?? value });
      return two.some((each) => each === this.holderOf(normal)) ? normal : name;
    };
    const counts = two.map(({ contacts }) => contacts);
    return (
      isMore(maxContacts, counts[0]! + counts[1]!, counts) ||
      (
        [
          ['email:', maxEmails],
          ['phoneNumber:', maxPhones],
        ] as const
      ).some(([kind, limit]) => {
        const [one, other] = two.map(({ names }) => [...names].filter((name) => name.startsWith(kind)));
        const after = new Set([...one!, ...other!].map(becomes)).size;
        return isMore(limit, after, [one!.length, other!.length]);
      })
    );
  }
}

test('without policy, identities are one if they have one normal form in common', () => {
  let merged = 0;
  fc.assert(
    fc.property(
      fc.array(
        aSighting.map((seen) => ({ seen })),
        { maxLength: 25 },
      ),
      fc.integer({ min: 1, max: 9 }),
      (steps, atOnce) => {
        const before = storeAfter(steps);
        const connected = new UnionFind<string>();
        for (const names of before.partition()) {
          const after = names.map((name) => {
            const [kind, value] = name.split(':') as [string, string];
            return nameOf({ kind, value: formOf({ kind, value }) ?? value });
          });
          after.forEach((name) => connected.join(name, after[0]!));
        }
        const expected = connected.groups().map((names) => names.toSorted());
        const { store, kept, merges } = runOver(before, atOnce);
        expect(store.partition()).toEqual(expected.toSorted((a, b) => (a[0]! < b[0]! ? -1 : 1)));
        expect(kept).toEqual([]);
        expect(merges).toBe(before.partition().length - expected.length);
        merged += merges;
      },
    ),
    { seed, numRuns: 300 },
  );
  expect(merged).toBeGreaterThan(20);
});

test('with policy, nothing is left but what it withholds, invariants hold, and a second run finds nothing', () => {
  const reasons = new Map<string, number>();
  fc.assert(
    fc.property(
      fc.array(aStep, { maxLength: 30 }),
      somePolicy,
      fc.integer({ min: 1, max: 9 }),
      (steps, limits, atOnce) => {
        const before = storeAfter(steps).withPolicy(policyOf(limits));
        // The store checks every invariant with each write.
        const { store, kept } = runOver(before, atOnce);
        expect(oldFormsOf(store).map(nameOf).toSorted()).toEqual(kept.map(nameOf).toSorted());
        const again = runOver(store, atOnce);
        expect(again.isNothing).toBe(true);
        expect(again.kept.map(nameOf).toSorted()).toEqual(kept.map(nameOf).toSorted());
        kept.forEach(({ reason }) => reasons.set(reason, (reasons.get(reason) ?? 0) + 1));
      },
    ),
    { seed, numRuns: 500 },
  );
  expect(Object.fromEntries(reasons)).toEqual({
    blocked: expect.any(Number),
    'do-not-link': expect.any(Number),
    limit: expect.any(Number),
    rule: expect.any(Number),
  });
});

test('one at a time, policy withholds just what an independent judge of the same rules and limits withholds', () => {
  let merges = 0;
  fc.assert(
    fc.property(fc.array(aStep, { maxLength: 30 }), somePolicy, (steps, limits) => {
      const before = storeAfter(steps).withPolicy(policyOf(limits));
      const people = new People(before, limits);
      let { store } = { store: before };
      for (let changed = 1; changed > 0;) {
        changed = 0;
        for (const oldForm of inOrder(store)) {
          const decided = decide(store, [oldForm]);
          const isGone = people.take(nameOf(oldForm), nameOf({ kind: oldForm.kind, value: oldForm.to }));
          expect({ ...oldForm, isGone: decided.changed.length === 1 }).toEqual({ ...oldForm, isGone });
          store = store.apply(decided.writes, [], 1_000);
          changed += decided.changed.length;
        }
      }
      const expected = people.persons.map(({ names }) => [...names].toSorted());
      expect(store.partition()).toEqual(expected.toSorted((a, b) => (a[0]! < b[0]! ? -1 : 1)));
      merges += people.merges;
    }),
    { seed, numRuns: 300 },
  );
  expect(merges).toBeGreaterThan(20);
});
