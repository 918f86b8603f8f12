import * as fc from 'fast-check';
import { Blocklist } from '../../../src/identity/domain/blocklist.js';
import type { Contact, Identifier, Sighting, Snapshot } from '../../../src/identity/domain/contact.js';
import { Kinds, STANDARD_KINDS } from '../../../src/identity/domain/kinds.js';
import { lookUp } from '../../../src/identity/domain/lookup.js';
import { admit, DEFAULT_POLICY, type Policy } from '../../../src/identity/domain/policy.js';
import { reconcile, type Reconciliation } from '../../../src/identity/domain/reconcile.js';
import { remove } from '../../../src/identity/domain/remove.js';
import { KnownRules, makeRule, type Rule } from '../../../src/identity/domain/rules.js';
import { asksForMore, type Writes } from '../../../src/identity/domain/writes.js';
import { aShare, announceSeed, EMAILS, seed } from '../../support/sightings.js';
import {
  BIFF,
  contact,
  deepFreeze,
  GEORGE,
  identity,
  LORRAINE,
  NOTHING_KNOWN,
  newcomer,
  sighting,
  view,
} from './fixtures.js';
import { MemoryStore } from './memory-store.js';

announceSeed('forms of numbers');

// Two forms of one mobile number in Mexico, and of one in Brazil.
const [MX, MX_1] = ['+525512345678', '+5215512345678'];
const [BR, BR_9] = ['+551187654321', '+5511987654321'];
const phone = (value: string): Identifier => ({ kind: 'phoneNumber', value });
const email = (value: string): Identifier => ({ kind: 'email', value });

const decide = (
  identities: Snapshot['identities'],
  sightings: Sighting[],
  rest: Partial<Snapshot> = {},
): Reconciliation => reconcile(deepFreeze({ ...NOTHING_KNOWN, ...rest, identities }), deepFreeze(sightings));

const ruleOf = (one: Identifier, other: Identifier): Rule => ({
  id: 7,
  identifiers: [one, other],
  createdAt: 0,
  actor: 'cli',
  reason: null,
});

describe('a number in its other form', () => {
  it('is no news: nothing is written, and the answer is the same', () => {
    const { writes, answers, outcomes } = decide(
      [identity(contact(1, LORRAINE, MX))],
      [sighting(null, MX_1), sighting(LORRAINE, MX_1)],
    );
    expect(writes).toMatchObject({ touched: [], newcomers: [], claims: [], unheldForms: [] });
    expect(outcomes).toEqual(['unchanged', 'unchanged']);
    expect(answers.map((answer) => answer.view)).toEqual(
      Array.from({ length: 2 }, () => view(1, [LORRAINE], [MX], [])),
    );
  });

  it('brings a contact with what was sent if something else is new, and claims its form', () => {
    const { writes, answers } = decide([identity(contact(1, LORRAINE, MX))], [sighting(GEORGE, MX_1)]);
    expect(writes.newcomers).toEqual([newcomer(-1, GEORGE, MX_1, 1)]);
    expect(writes.claims).toEqual([
      { ...email(GEORGE), contactId: -1 },
      { ...phone(MX_1), contactId: -1 },
    ]);
    expect(writes.unheldForms).toEqual([]);
    expect(answers[0]!.view).toEqual(view(1, [LORRAINE, GEORGE], [MX, MX_1], [-1]));
  });

  it('must be nobody’s when a number is claimed', () => {
    const { writes } = decide([], [sighting(LORRAINE, BR_9), sighting(GEORGE, '919191')]);
    expect(writes.unheldForms).toEqual([phone(BR)]);
    expect(decide([], [sighting(null, BR_9), sighting(LORRAINE, BR)]).writes).toMatchObject({
      newcomers: [{ id: -1 }, { id: -2, linkedId: -1 }],
      unheldForms: [],
    });
  });

  it('merges two identities that have one form each, by whichever is seen', () => {
    const both = [identity(contact(1, LORRAINE, MX)), identity(contact(2, GEORGE, MX_1))];
    for (const number of [MX, MX_1]) {
      const { writes, outcomes } = decide(both, [sighting(null, number)]);
      expect(outcomes).toEqual(['merged']);
      expect(writes.merges).toMatchObject([{ survivorId: 1, mergedId: 2, identifiers: [phone(number)] }]);
    }
  });

  it('dates the contact that has the number', () => {
    const { writes } = decide(
      [identity(contact(100, null, MX))],
      [{ ...sighting(null, MX_1), createdAt: 50 }],
    );
    expect(writes).toMatchObject({ newcomers: [], touched: [{ id: 100, createdAt: 50 }] });
  });

  it('is found by a lookup, after who has it just so', () => {
    const identities = [identity(contact(1, LORRAINE, MX)), identity(contact(2, GEORGE, MX_1))];
    const found = lookUp({ ...NOTHING_KNOWN, identities }, sighting(null, MX_1));
    expect(found.map((match) => [match.view.primaryContactId, match.matched])).toEqual([
      [2, ['phoneNumber']],
      [1, ['phoneNumber']],
    ]);
  });

  it('is blocked with it', () => {
    const blocked = new Blocklist([{ id: 1, kind: 'phoneNumber', pattern: MX }]);
    const { identifiers, leftOut } = admit({ ...DEFAULT_POLICY, blocked }, sighting(LORRAINE, MX_1));
    expect([identifiers, leftOut]).toEqual([[email(LORRAINE)], [{ kind: 'phoneNumber', reason: 'blocked' }]]);
  });

  it('is another number if the setting says so', () => {
    const policy = { ...DEFAULT_POLICY, kinds: new Kinds(STANDARD_KINDS.all, 'apart') };
    const { writes, outcomes } = decide([identity(contact(1, LORRAINE, MX))], [sighting(null, MX_1)], {
      policy,
    });
    expect(outcomes).toEqual(['created']);
    expect(writes.unheldForms).toEqual([]);
  });
});

describe('a rule about a number', () => {
  it('holds for its other form', () => {
    const rules = new KnownRules([email(GEORGE), phone(MX), phone(MX_1)], [ruleOf(email(GEORGE), phone(MX))]);
    const lorraine = identity(contact(1, LORRAINE, MX, { isRuled: true }));
    const george = identity(contact(2, GEORGE, null, { isRuled: true }));
    const { answers } = decide([lorraine, george], [sighting(GEORGE, MX_1)], { rules });
    expect(answers[0]!.view).toMatchObject({
      primaryContactId: 2,
      ignored: [{ kind: 'phoneNumber', reason: 'do-not-link' }],
    });
    const nobody = decide([george], [sighting(GEORGE, MX_1)], { rules, reserved: [phone(MX)] });
    expect(nobody.answers[0]!.view).toMatchObject({
      ignored: [{ kind: 'phoneNumber', reason: 'do-not-link' }],
    });
  });

  it('marks a contact that brings the other form, whose rules must be the same when it is written', () => {
    const rules = new KnownRules([email(GEORGE), phone(MX), phone(MX_1)], [ruleOf(email(GEORGE), phone(MX))]);
    const { writes } = decide([], [sighting(null, MX_1)], { rules, reserved: [phone(MX)] });
    expect(writes).toMatchObject({
      newcomers: [{ isRuled: true }],
      claims: [phone(MX_1)],
      unheldForms: [],
      reservedForms: [phone(MX)],
      takenRuleIds: [7],
    });
  });

  it('is made about the form that somebody has', () => {
    const identities = [identity(contact(1, LORRAINE, MX))];
    const snapshot = { ...NOTHING_KNOWN, identities };
    const rules = new KnownRules([phone(MX), email(GEORGE)]);
    const { writes } = makeRule({ ...snapshot, rules }, [phone(MX_1), email(GEORGE)]);
    expect(writes).toMatchObject({ rules: [[phone(MX), email(GEORGE)]], reservations: [email(GEORGE)] });
    expect(makeRule(snapshot, [phone(MX_1), email(LORRAINE)]).outcome).toBe('already-linked');
  });

  it('between both forms makes two numbers of them', () => {
    const rules = new KnownRules([phone(MX), phone(MX_1)], [ruleOf(phone(MX), phone(MX_1))]);
    const one = identity(contact(1, LORRAINE, MX, { isRuled: true }));
    const other = identity(contact(2, GEORGE, MX_1, { isRuled: true }));
    const { writes, answers } = decide([one, other], [sighting(null, MX), sighting(null, MX_1)], { rules });
    expect(writes.merges).toEqual([]);
    expect(answers.map((answer) => answer.view?.primaryContactId)).toEqual([1, 2]);
  });
});

test('what limits or rules keep apart stays so, and each form names who has it', () => {
  const rules = new KnownRules(
    [email(LORRAINE), email(GEORGE), phone(MX), phone(MX_1)],
    [ruleOf(email(LORRAINE), email(GEORGE))],
  );
  const ruled = [
    identity(contact(1, LORRAINE, MX, { isRuled: true })),
    identity(contact(2, GEORGE, MX_1, { isRuled: true })),
  ];
  const both = [sighting(null, MX), sighting(null, MX_1), sighting(GEORGE, MX_1)];
  const kept = decide(ruled, both, { rules });
  const limited = decide([identity(contact(1, LORRAINE, MX)), identity(contact(2, GEORGE, MX_1))], both, {
    policy: { ...DEFAULT_POLICY, maxContacts: 1 },
  });
  for (const { writes, answers } of [kept, limited]) {
    expect([writes.merges, writes.touched]).toEqual([[], []]);
    expect(answers.map((answer) => answer.view)).toEqual([
      view(1, [LORRAINE], [MX], []),
      view(2, [GEORGE], [MX_1], []),
      view(2, [GEORGE], [MX_1], []),
    ]);
  }
});

test('a rule about one form says nothing of the other one where a rule tells them apart, whoever has the former', () => {
  // Somebody else has MX_1, and is not known here.
  const rules = new KnownRules(
    [phone(MX), phone(BR), phone(BR_9), email(LORRAINE)],
    [ruleOf(phone(MX), phone(MX_1)), { ...ruleOf(phone(BR), phone(MX_1)), id: 8 }],
  );
  const identities = [
    identity(contact(1, LORRAINE, MX, { isRuled: true })),
    identity(contact(2, null, BR, { isRuled: true })),
  ];
  expect(decide(identities, [sighting(LORRAINE, BR)], { rules }).outcomes).toEqual(['merged']);
});

test('both forms count as one number where a person has one only', () => {
  const one = { ...STANDARD_KINDS.named('phoneNumber'), onePerIdentity: true };
  const policy = { ...DEFAULT_POLICY, kinds: new Kinds([STANDARD_KINDS.named('email'), one]) };
  const identities = [identity(contact(1, LORRAINE, MX)), identity(contact(2, GEORGE, MX_1))];
  expect(decide(identities, [sighting(null, MX)], { policy }).outcomes).toEqual(['merged']);
  const grown = identity(contact(1, LORRAINE, MX), contact(3, BIFF, MX_1));
  expect(decide([grown], [sighting(GEORGE, MX)], { policy }).outcomes).toEqual(['linked']);
});

test('who has more numbers than are allowed by now may merge with whoever has one of them in its other form', () => {
  const one = { ...STANDARD_KINDS.named('phoneNumber'), onePerIdentity: true };
  const policy = { ...DEFAULT_POLICY, kinds: new Kinds([STANDARD_KINDS.named('email'), one]) };
  const identities = [
    identity(contact(1, LORRAINE, MX)),
    identity(contact(2, GEORGE, MX_1), contact(3, GEORGE, '1'), contact(4, GEORGE, '2')),
  ];
  expect(decide(identities, [sighting(LORRAINE, MX_1)], { policy }).outcomes).toEqual(['merged']);
  expect(decide(identities, [sighting(GEORGE, MX)], { policy }).outcomes).toEqual(['merged']);
});

/** What happens in one step. */
type Step =
  | { readonly batch: readonly Sighting[] }
  | { readonly deleteAt: number }
  | { readonly rule: readonly [Identifier, Identifier] };

const NUMBERS = [MX, MX_1, BR, BR_9, '+541123456789', '+5491123456789', '919191'];
/** By hand: the form of a number that stands for both. */
const ONE_FORM: Readonly<Record<string, string>> = {
  [MX_1]: MX,
  [BR]: BR_9,
  '+541123456789': '+5491123456789',
};
const inOneForm = ({ kind, value }: Identifier): Identifier => ({ kind, value: ONE_FORM[value] ?? value });

const anEmail = fc.constantFrom(...EMAILS.slice(0, 5)).map(email);
const aNumber = fc.constantFrom(...NUMBERS).map(phone);
const aSighting: fc.Arbitrary<Sighting> = fc
  .record({
    identifiers: fc.oneof(fc.tuple(anEmail, aNumber), fc.tuple(aNumber), fc.tuple(anEmail)),
    createdAt: fc.option(fc.integer({ min: 1, max: 500 }), { nil: undefined, freq: 3 }),
  })
  .map(({ identifiers, createdAt }) => ({ identifiers, ...(createdAt !== undefined && { createdAt }) }));
const aStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ batch: fc.array(aSighting, { minLength: 1, maxLength: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ deleteAt: aShare }) },
  { weight: 1, arbitrary: fc.record({ rule: fc.tuple(anEmail, aNumber) }) },
);

/** A store, and what it told of its steps. */
class Run {
  readonly told: unknown[] = [];
  private nextId = 1;
  private clock = 1000;

  constructor(
    private store: MemoryStore,
    private readonly form: (identifier: Identifier) => Identifier,
  ) {}

  take(step: Step): void {
    if ('batch' in step) {
      const batch = step.batch.map((each) => ({ ...each, identifiers: each.identifiers.map(this.form) }));
      const snapshot = this.store.load(batch);
      const { writes, answers, outcomes } = reconcile(snapshot, deepFreeze(batch));
      this.told.push(
        outcomes,
        answers.map((answer) => answer.view?.ignored?.map(({ kind, reason }) => kind + reason)),
      );
      this.apply({ ...writes, reviews: [], unknownReviews: [] });
    } else if ('rule' in step) {
      const [one, other] = step.rule.map(this.form) as [Identifier, Identifier];
      const { writes, outcome } = makeRule(this.store.load([{ identifiers: [one, other] }]), [one, other]);
      this.told.push(outcome);
      this.apply(writes);
    } else {
      const live = this.store.rows.filter(({ isDeleted }) => !isDeleted);
      const deleted = live[Math.floor(step.deleteAt * live.length)];
      if (deleted !== undefined) {
        this.apply(remove(this.store.identityOf(deleted.id), deleted.id, this.store.rules));
      }
    }
  }

  /** The rows with their numbers in one form. */
  get rows(): unknown[] {
    return this.store.rows.map(({ id, linkedId, createdAt, isDeleted, identifiers }) => ({
      id,
      linkedId,
      createdAt,
      isDeleted,
      identifiers: identifiers.map(inOneForm),
    }));
  }

  get merges(): unknown[] {
    return this.store.merges.map(({ survivorId, mergedId }) => [survivorId, mergedId]);
  }

  get contacts(): readonly Contact[] {
    return this.store.rows;
  }

  private apply(writes: Writes): void {
    expect(asksForMore(writes)).toBe(false);
    const ids = writes.newcomers.map(() => this.nextId++);
    this.clock += 1000;
    this.store = this.store.apply(writes, ids, this.clock);
  }
}

test('everything is decided as if all numbers were written in one form', () => {
  const counts = { merges: 0, inOtherForm: 0, ignored: 0 };
  const policies: Policy[] = [DEFAULT_POLICY, { ...DEFAULT_POLICY, maxContacts: 4 }];
  fc.assert(
    fc.property(
      fc.array(aStep, { minLength: 1, maxLength: 14, size: 'max' }),
      fc.constantFrom(...policies),
      (steps, policy) => {
        const apart = { ...policy, kinds: new Kinds(STANDARD_KINDS.all, 'apart') };
        const run = new Run(new MemoryStore().withPolicy(policy), (identifier) => identifier);
        const oracle = new Run(new MemoryStore().withPolicy(apart), inOneForm);
        for (const step of steps) {
          run.take(step);
          oracle.take(step);
        }
        expect({ rows: run.rows, merges: run.merges, told: run.told }).toEqual({
          rows: oracle.rows,
          merges: oracle.merges,
          told: oracle.told,
        });
        counts.merges += run.merges.length;
        counts.ignored += JSON.stringify(run.told).split('phoneNumber').length - 1;
        const carried = new Set(
          run.contacts.flatMap(({ identifiers }) => identifiers.map(({ value }) => value)),
        );
        counts.inOtherForm += Object.entries(ONE_FORM).filter((forms) =>
          forms.every((each) => carried.has(each)),
        ).length;
      },
    ),
    { seed, numRuns: 250 },
  );
  expect(counts.merges).toBeGreaterThan(50);
  expect(counts.inOtherForm).toBeGreaterThan(25);
  expect(counts.ignored).toBeGreaterThan(15);
});

test('what was stored before both forms were one becomes one person at the next sighting of each', () => {
  let joined = 0;
  fc.assert(
    fc.property(fc.array(aSighting, { minLength: 4, maxLength: 20, size: 'max' }), (sightings) => {
      const apart = { ...DEFAULT_POLICY, kinds: new Kinds(STANDARD_KINDS.all, 'apart') };
      const before = new MemoryStore().withPolicy(apart);
      const { writes } = reconcile(before.load(sightings), sightings);
      let store = before
        .apply(
          writes,
          writes.newcomers.map((_, i) => i + 1),
          1000,
        )
        .withPolicy(DEFAULT_POLICY);
      joined -= store.partition().length;
      for (const number of NUMBERS.filter((value) => store.claims.some((claim) => claim.value === value))) {
        const decided = reconcile(store.load([sighting(null, number)]), [sighting(null, number)]);
        expect(decided.writes.newcomers).toEqual([]);
        store = store.apply(decided.writes, [], 2000);
      }
      joined += store.partition().length;
      const homes = new Map<string, number>();
      store.partition().forEach((members, i) => {
        for (const member of members) {
          const one = inOneForm(phone(member.replace('phoneNumber:', ''))).value;
          expect(homes.get(one) ?? i).toBe(i);
          homes.set(one, i);
        }
      });
    }),
    { seed, numRuns: 200 },
  );
  expect(joined).toBeLessThan(-50);
});
