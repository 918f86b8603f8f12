import * as fc from 'fast-check';
import type { Identifier, Sighting, Snapshot } from '../../../src/identity/domain/contact.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { remove } from '../../../src/identity/domain/remove.js';
import { mergeByHand } from '../../../src/identity/domain/merge-by-hand.js';
import { KnownRules, layRules, liftRule, makeRule, type Rule } from '../../../src/identity/domain/rules.js';
import { NO_WRITES } from '../../../src/identity/domain/writes.js';
import { aShare, aSighting, announceSeed, cut, EMAILS, PHONES, pick, seed } from '../../support/sightings.js';
import { sightingOf } from '../../support/wire.js';
import { MemoryStore, ruleOf } from './memory-store.js';
import {
  BIFF,
  GEORGE,
  LORRAINE,
  MCFLY,
  NOTHING_KNOWN,
  contact,
  identity,
  newcomer,
  sighting,
  touched,
  view,
} from './fixtures.js';

announceSeed('rules');

const email = (value: string): Identifier => ({ kind: 'email', value });
const phone = (value: string): Identifier => ({ kind: 'phoneNumber', value });
const rule = (one: Identifier, other: Identifier): Rule => ruleOf(7, [one, other]);
const knowing = (...rules: Rule[]): KnownRules =>
  new KnownRules(
    rules.flatMap(({ identifiers }) => identifiers),
    rules,
  );
const PHONE_IS_IGNORED = [{ kind: 'phoneNumber', reason: 'do-not-link' }];

const george = identity(contact(1, GEORGE, '919191', { version: 4, isRuled: true }));
const biff = identity(contact(2, BIFF, '717171', { version: 6, isRuled: true }));
const APART = new KnownRules(
  [email(GEORGE), phone('919191'), email(BIFF), phone('717171')],
  [rule(email(GEORGE), phone('717171'))],
);

function decide(snapshot: Partial<Snapshot>, ...sightings: Sighting[]) {
  return reconcile({ ...NOTHING_KNOWN, ...snapshot }, sightings);
}

it('of a number that somebody has in one form, both forms make one rule', () => {
  const [gone, held] = [phone('+5215512345678'), phone('+525512345678')];
  const known = { identities: [identity(contact(1, GEORGE, held.value))], rules: knowing() };
  const pairs = [gone, held].map((number) => [email(BIFF), number] as const);
  expect(layRules({ ...NOTHING_KNOWN, ...known }, pairs).rules).toEqual([[email(BIFF), held]]);
});

describe('a sighting that would merge what a rule keeps apart', () => {
  it('loses its weakest identifier, and tells so', () => {
    const { answers, outcomes, writes } = decide(
      { identities: [george, biff], rules: APART },
      sighting(GEORGE, '717171'),
    );
    expect(answers).toEqual([
      { view: { ...view(1, [GEORGE], ['919191'], []), ignored: PHONE_IS_IGNORED }, awaitsWrite: false },
    ]);
    expect({ outcomes, writes }).toEqual({ outcomes: ['unchanged'], writes: NO_WRITES });
  });

  it('asks for the rules of the identity with fewer of them, and is not to be written before', () => {
    const { writes } = decide({ identities: [george, biff] }, sighting(GEORGE, '717171'));
    expect(writes.unknownRules).toEqual([email(BIFF), phone('717171')]);
  });

  it('asks for none where only one of the identities is spoken of', () => {
    const free = identity(contact(2, BIFF, '717171'));
    const { outcomes, writes } = decide({ identities: [george, free] }, sighting(GEORGE, '717171'));
    expect({ outcomes, unknown: writes.unknownRules }).toEqual({ outcomes: ['merged'], unknown: [] });
  });

  it('is kept apart also by what merged earlier in its batch', () => {
    const doc = identity(contact(3, MCFLY, '88'));
    const { outcomes, answers } = decide(
      { identities: [george, biff, doc], rules: knowing(rule(phone('919191'), email(BIFF))) },
      sighting(GEORGE, '88'),
      sighting(MCFLY, '717171'),
    );
    expect(outcomes).toEqual(['merged', 'unchanged']);
    expect(answers[1]!.view!.ignored).toEqual([{ ...PHONE_IS_IGNORED[0], reviewId: -1 }]);
  });

  it('heeds a rule on an identifier whose contact was deleted and that another carries', () => {
    const passed = identity(
      contact(3, GEORGE, '1'),
      contact(1, GEORGE, '919191', { isRuled: true, isDeleted: true }),
    );
    const { outcomes } = decide({ identities: [passed, biff], rules: APART }, sighting(GEORGE, '717171'));
    expect(outcomes).toEqual(['unchanged']);
  });
});

describe('a sighting with a reserved identifier', () => {
  const reserved = [phone('88')];

  it('asks for its rules', () => {
    expect(decide({ identities: [george], reserved }, sighting(GEORGE, '88')).writes.unknownRules).toEqual(
      reserved,
    );
  });

  it('loses it if a rule keeps it from the identity', () => {
    const rules = knowing(rule(phone('88'), email(GEORGE)));
    const { answers, writes } = decide({ identities: [george], reserved, rules }, sighting(GEORGE, '88'));
    expect(answers[0]!.view!.ignored).toEqual(PHONE_IS_IGNORED);
    expect(writes).toEqual(NO_WRITES);
  });

  it('takes it over if none does, and the newcomer is spoken of from then on', () => {
    const rules = knowing(rule(phone('88'), email(BIFF)));
    const { writes } = decide({ identities: [george], reserved, rules }, sighting(GEORGE, '88'));
    expect(writes).toMatchObject({
      newcomers: [{ ...newcomer(-1, GEORGE, '88', 1), isRuled: true }],
      claims: [],
      takenClaims: [{ ...phone('88'), contactId: -1 }],
      takenRuleIds: [7],
    });
  });

  it('is one person without what a rule keeps from it also where both are new', () => {
    const rules = knowing(rule(phone('88'), email(MCFLY)));
    const both = [phone('88'), email(MCFLY)];
    const { answers, writes } = decide({ reserved: both, rules }, sighting(MCFLY, '88'));
    expect(answers[0]!.view!).toEqual({ ...view(-1, [MCFLY], [], []), ignored: PHONE_IS_IGNORED });
    expect(writes.newcomers).toEqual([{ ...newcomer(-1, MCFLY, null, null), isRuled: true }]);
  });
});

describe('deleting a contact', () => {
  it('leaves what it alone carried reserved if a rule speaks of it, and frees the rest', () => {
    expect(remove(george, 1, new KnownRules()).unknownRules).toEqual([email(GEORGE), phone('919191')]);
    const rules = new KnownRules([email(GEORGE), phone('919191')], APART.rules);
    expect(remove(george, 1, rules).deletion).toMatchObject({
      freedClaims: [phone('919191')],
      reservedClaims: [email(GEORGE)],
    });
  });
});

describe('making a rule', () => {
  const free = identity(
    contact(1, GEORGE, '919191', { version: 4 }),
    contact(5, LORRAINE, '919191', { version: 2 }),
  );
  const pair = [email(LORRAINE), phone('717171')] as const;
  const none = new KnownRules(pair);

  it('counts both identities as changed, and marks who holds the identifiers', () => {
    expect(makeRule({ ...NOTHING_KNOWN, identities: [free, biff], rules: none }, pair)).toEqual({
      outcome: 'made',
      contactIds: [5, 2],
      existing: null,
      writes: {
        ...NO_WRITES,
        touched: [touched(1, 4, null), touched(5, 2, 1), touched(2, 6, null)],
        ruledIds: [5, 2],
        rules: [pair],
      },
    });
  });

  it('reserves an identifier that nobody holds, and holds on to one that is reserved', () => {
    const reserved = [phone('717171')];
    expect(makeRule({ ...NOTHING_KNOWN, reserved, rules: none }, pair).writes).toEqual({
      ...NO_WRITES,
      reservations: [email(LORRAINE)],
      keptReservations: reserved,
      rules: [pair],
    });
  });

  it('changes nothing if the rule is there, from whichever side, or if both are one person', () => {
    const there = rule(phone('717171'), email(LORRAINE));
    expect(makeRule({ ...NOTHING_KNOWN, rules: knowing(there) }, pair)).toEqual({
      outcome: 'there-already',
      contactIds: [],
      existing: there,
      writes: NO_WRITES,
    });
    expect(
      makeRule({ ...NOTHING_KNOWN, identities: [free], rules: new KnownRules() }, [
        email(GEORGE),
        email(LORRAINE),
      ]),
    ).toEqual({ outcome: 'already-linked', contactIds: [1, 5], existing: null, writes: NO_WRITES });
  });

  it('asks for the rules of both', () => {
    expect(makeRule({ ...NOTHING_KNOWN, identities: [biff] }, pair).writes.unknownRules).toEqual(pair);
  });
});

describe('lifting a rule', () => {
  const pair = [email(BIFF), phone('88')] as const;
  const lifted = ruleOf(7, pair);
  const further = ruleOf(8, [phone('88'), email(MCFLY)]);
  const lift = (rules: readonly Rule[], identities = [biff]) =>
    liftRule(
      { ...NOTHING_KNOWN, identities, reserved: [phone('88')], rules: new KnownRules(pair, rules) },
      7,
      pair,
    );

  it('counts the identity that holds one end as changed, and frees what nobody holds', () => {
    expect(lift([lifted])).toEqual({
      isFound: true,
      contactIds: [2],
      writes: {
        ...NO_WRITES,
        touched: [touched(2, 6, null)],
        liftedRules: [lifted],
        freedReservations: [phone('88')],
      },
    });
  });

  it('leaves reserved what another rule speaks of', () => {
    expect(lift([lifted, further], []).writes).toEqual({
      ...NO_WRITES,
      liftedRules: [lifted],
      keptReservations: [phone('88')],
      freedReservations: [email(BIFF)],
    });
  });

  it('finds none if another rule between the two took its place', () => {
    expect(lift([ruleOf(9, pair)])).toEqual({ isFound: false, contactIds: [2], writes: NO_WRITES });
  });

  it('asks for the rules of both', () => {
    expect(liftRule(NOTHING_KNOWN, 7, pair).writes).toEqual({ ...NO_WRITES, unknownRules: pair });
  });
});

test('random sightings, deletions, rules and merges by hand lead to the partition that a list of groups leads to', () => {
  const tally = {
    ignored: 0,
    refused: 0,
    taken: 0,
    reserved: 0,
    freed: 0,
    forbidden: 0,
    forced: 0,
    merged: 0,
  };
  const aRule = fc.record({ one: fc.constantFrom(...EMAILS), other: fc.constantFrom(...PHONES) });
  const aStep = fc.oneof(
    { weight: 5, arbitrary: fc.array(aSighting, { minLength: 1, maxLength: 4 }).map((batch) => ({ batch })) },
    { weight: 3, arbitrary: aRule },
    { weight: 1, arbitrary: aShare.map((deleteAt) => ({ deleteAt })) },
    { weight: 1, arbitrary: aShare.map((liftAt) => ({ liftAt })) },
    {
      weight: 3,
      arbitrary: fc.record({
        mergeAt: fc.array(aShare, { minLength: 2, maxLength: 3 }),
        isForced: fc.boolean(),
      }),
    },
  );
  fc.assert(
    fc.property(fc.array(aStep, { minLength: 5, maxLength: 40, size: 'max' }), (steps) => {
      let store = new MemoryStore();
      const groups = new Groups();
      const write = (writes: Parameters<MemoryStore['apply']>[0]): void => {
        const ids = writes.newcomers.map((_, i) => store.rows.length + i + 1);
        store = store.apply(writes, ids, store.rows.length);
      };
      for (const step of steps) {
        if ('one' in step) {
          const pair = [email(step.one), phone(step.other)] as const;
          const { outcome, writes } = makeRule(
            store.load([
              sightingOf({ email: step.one, phoneNumber: null }),
              sightingOf({ email: null, phoneNumber: step.other }),
            ]),
            pair,
          );
          expect(outcome === 'already-linked').toBe(groups.areTogether(step.one, step.other));
          tally.refused += outcome === 'already-linked' ? 1 : 0;
          if (outcome === 'made') {
            groups.rules.push([step.one, step.other]);
            write(writes);
          }
        } else if ('batch' in step) {
          const batch = step.batch.map(sightingOf);
          const { answers, writes } = reconcile(store.load(batch), batch);
          const ignored = answers.map((answer) => (answer.view!.ignored ?? []).length > 0);
          expect(ignored).toEqual(
            batch.map(({ identifiers }) => groups.take(identifiers.map(({ value }) => value))),
          );
          tally.ignored += ignored.filter(Boolean).length;
          tally.taken += writes.takenClaims.length;
          write(writes);
          // once more, in other batches: nothing is written
          for (const again of cut(batch, [2])) {
            expect(reconcile(store.load(again), again).writes).toEqual(NO_WRITES);
          }
        } else if ('liftAt' in step) {
          const lifted = pick(store.ruled, step.liftAt);
          if (lifted !== undefined) {
            const ends = lifted.identifiers.map((identifier) => ({ identifiers: [identifier] }));
            const { isFound, writes } = liftRule(store.load(ends), lifted.id, lifted.identifiers);
            expect(isFound).toBe(true);
            tally.freed += writes.freedReservations.length;
            write(writes);
            groups.lift(lifted.identifiers.map(({ value }) => value));
          }
        } else if ('mergeAt' in step) {
          const live = store.rows.filter(({ isDeleted }) => !isDeleted);
          const named = [...new Set(step.mergeAt.map((share) => pick(live, share)))].filter(
            (row) => row !== undefined,
          );
          if (named.length > 1) {
            const { isForced } = step;
            const ids = named.map(({ id }) => id);
            const identities = new Set(ids.map((id) => store.identityOf(id).primaryId));
            const snapshot = {
              ...NOTHING_KNOWN,
              identities: [...identities].map((id) => store.identityOf(id)),
              rules: store.rules,
            };
            const { writes, forbiddenBy } = mergeByHand(snapshot, ids, isForced);
            const crossed = groups.unite(
              named.map(({ identifiers: [first] }) => first!.value),
              isForced,
            );
            expect(forbiddenBy.length > 0).toBe(!isForced && crossed > 0);
            expect((isForced ? writes.liftedRules : forbiddenBy).length).toBe(crossed);
            tally.forbidden += forbiddenBy.length;
            tally.forced += writes.liftedRules.length;
            tally.merged += writes.merges.length;
            write(writes);
          }
        } else {
          const row = pick(
            store.rows.filter(({ isDeleted }) => !isDeleted),
            step.deleteAt,
          );
          if (row !== undefined) {
            const { writes } = { writes: remove(store.identityOf(row.id), row.id, store.rules) };
            tally.reserved += writes.deletion!.reservedClaims.length;
            write(writes);
            groups.keepOnly(new Set(store.claims.map(({ value }) => value)));
          }
        }
        expect(store.partition()).toEqual(groups.named());
        expect(store.ruled.map(({ identifiers }) => identifiers.map(({ value }) => value))).toEqual(
          groups.rules,
        );
      }
    }),
    { seed, numRuns: 200 },
  );
  expect(Object.entries(tally).filter(([, count]) => count <= 20)).toEqual([]);
});

/** What the rules of the game come to, by values alone: groups that grow together, unless two of a rule would meet. */
class Groups {
  rules: (readonly string[])[] = [];
  private groups: Set<string>[] = [];

  areTogether(one: string, other: string): boolean {
    return this.groups.some((group) => group.has(one) && group.has(other));
  }

  /** Takes what was seen together, the strongest first; returns whether something was left out. */
  take(values: readonly string[]): boolean {
    const known = this.groups.filter((group) => values.some((value) => group.has(value)));
    const united = new Set([...known.flatMap((group) => [...group]), ...values]);
    if (values.length > 1 && this.rules.some((pair) => pair.every((value) => united.has(value)))) {
      this.take(values.slice(0, -1));
      return true;
    }
    this.groups = [...this.groups.filter((group) => !known.includes(group)), united];
    return false;
  }

  /** Makes one of the groups of some values, unless rules forbid it; by force these end. Returns how many there are. */
  unite(values: readonly string[], isForced: boolean): number {
    const joined = this.groups.filter((group) => values.some((value) => group.has(value)));
    const united = new Set(joined.flatMap((group) => [...group]));
    const crossed = this.rules.filter((pair) => pair.every((value) => united.has(value)));
    if (isForced || crossed.length === 0) {
      this.rules = this.rules.filter((pair) => !crossed.includes(pair));
      this.groups = [...this.groups.filter((group) => !joined.includes(group)), united];
    }
    return crossed.length;
  }

  lift(ends: readonly string[]): void {
    this.rules = this.rules.filter((pair) => !pair.every((value) => ends.includes(value)));
  }

  keepOnly(held: ReadonlySet<string>): void {
    this.groups = this.groups
      .map((group) => new Set([...group].filter((value) => held.has(value))))
      .filter((group) => group.size > 0);
  }

  named(): string[][] {
    return this.groups
      .map((group) =>
        [...group].map((value) => `${value.includes('@') ? 'email' : 'phoneNumber'}:${value}`).toSorted(),
      )
      .toSorted((a, b) => (a[0]! < b[0]! ? -1 : 1));
  }
}
