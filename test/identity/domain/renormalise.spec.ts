import { Blocklist } from '../../../src/identity/domain/blocklist.js';
import type { Identifier, Identity, Snapshot } from '../../../src/identity/domain/contact.js';
import { EMAIL, Kinds, PHONE_NUMBER } from '../../../src/identity/domain/kinds.js';
import { DEFAULT_POLICY } from '../../../src/identity/domain/policy.js';
import type { OldForm } from '../../../src/identity/domain/old-form.js';
import { renormalise, type Renormalisation } from '../../../src/identity/domain/renormalise.js';
import { keyOf, KnownReviews, type Pair } from '../../../src/identity/domain/reviews.js';
import { KnownRules, type Rule } from '../../../src/identity/domain/rules.js';
import { contact, deepFreeze, identity, LORRAINE, MCFLY, NOTHING_KNOWN } from './fixtures.js';
import { ruleOf } from './memory-store.js';

const phone = (value: string): Identifier => ({ kind: 'phoneNumber', value });
const oldForm = (value: string, to: string): OldForm => ({ ...phone(value), to });
const PAIR: Pair = [phone('+49171'), phone('0171')];

/** Decides on what can't be modified. The normal form of `0…` is `+49…`. */
function decide(snapshot: Partial<Snapshot>, ...oldForms: OldForm[]): Renormalisation {
  return renormalise(deepFreeze({ ...NOTHING_KNOWN, ...snapshot }), deepFreeze(oldForms), {
    formOf: ({ value }) => value.replace(/^0/, '+49'),
    isBlocked: (identifier) => (snapshot.policy ?? DEFAULT_POLICY).blocked.isBlocked(identifier),
  });
}

function rulesAbout(identifiers: readonly Identifier[], ...rules: Rule[]): KnownRules {
  return new KnownRules(identifiers, rules);
}

const lorraine = (): Identity => identity(contact(1, LORRAINE, '0171'));
const mcfly = (): Identity => identity(contact(2, MCFLY, '+49171'), contact(3, MCFLY, '555'));

test('an old form that only one identity has is renamed on every contact of it, deleted ones too, and keeps its past', () => {
  const rows = identity(
    contact(1, LORRAINE, '0171'),
    contact(2, 'lb@hillvalley.edu', '0171'),
    contact(3, null, '0171', { isDeleted: true }),
    contact(4, LORRAINE, '555'),
  );
  const { writes, changed, kept, later } = decide({ identities: [rows] }, oldForm('0171', '+49171'));
  expect(writes.touched).toEqual([
    {
      id: 1,
      version: 1,
      linkedId: null,
      leavesPast: true,
      identifiers: [{ kind: 'email', value: LORRAINE }, phone('+49171')],
    },
    expect.objectContaining({ id: 2, linkedId: 1, leavesPast: true }),
    expect.objectContaining({ id: 3, linkedId: 1, identifiers: [phone('+49171')] }),
  ]);
  expect(writes.claims).toEqual([{ ...phone('+49171'), contactId: 1 }]);
  expect(writes.renaming).toEqual({
    identifiers: [{ ...phone('0171'), to: '+49171', isReserved: false, rules: [] }],
    endedRuleIds: [],
  });
  expect({ changed, kept, later }).toEqual({
    changed: [{ ...oldForm('0171', '+49171'), isMerge: false }],
    kept: [],
    later: [],
  });
});

test('of an identity that has both forms the oldest contact that carries one holds the normal form', () => {
  const rows = identity(contact(1, LORRAINE, '0171'), contact(2, MCFLY, '+49171'));
  const { writes } = decide({ identities: [rows] }, oldForm('0171', '+49171'));
  expect(writes.claims).toEqual([]);
  expect(writes.movedClaims).toEqual([{ ...phone('+49171'), contactId: 1 }]);
  expect(writes.merges).toEqual([]);
});

test('two identities with both forms become one: the oldest contact is the primary, and the merge names the normal form', () => {
  const { writes, changed } = decide({ identities: [mcfly(), lorraine()] }, oldForm('0171', '+49171'));
  expect(writes.merges).toEqual([
    {
      survivorId: 1,
      mergedId: 2,
      leftId: 2,
      rightId: 1,
      cause: 'renormalised',
      identifiers: [phone('+49171')],
    },
  ]);
  expect(writes.touched.map(({ id, linkedId }) => [id, linkedId])).toEqual([
    [2, 1],
    [3, 1],
    [1, null],
  ]);
  expect(writes.movedClaims).toEqual([{ ...phone('+49171'), contactId: 1 }]);
  expect(changed).toEqual([{ ...oldForm('0171', '+49171'), isMerge: true }]);
});

test('an identity is merged once in a decision, and two do not take one normal form at once', () => {
  const george = identity(contact(4, 'george@hillvalley.edu', '0172'));
  const both = identity(contact(5, null, '+49171'), contact(6, 'x@hillvalley.edu', '+49172'));
  const merged = decide(
    { identities: [lorraine(), george, both] },
    oldForm('0171', '+49171'),
    oldForm('0172', '+49172'),
  );
  expect(merged.writes.merges).toHaveLength(1);
  expect(merged.later).toEqual([oldForm('0172', '+49172')]);
  const dotted = identity(contact(7, null, '171'));
  const taken = decide(
    { identities: [lorraine(), dotted] },
    oldForm('0171', '+49171'),
    oldForm('171', '+49171'),
  );
  expect(taken.writes.claims).toEqual([{ ...phone('+49171'), contactId: 1 }]);
  expect(taken.later).toEqual([oldForm('171', '+49171')]);
});

test('values that become one count once in the limit of their kind', () => {
  const policy = {
    ...DEFAULT_POLICY,
    kinds: new Kinds([EMAIL, { ...PHONE_NUMBER, onePerIdentity: true }]),
  };
  const both = [lorraine(), identity(contact(2, MCFLY, '+49171'))];
  expect(decide({ identities: both, policy }, oldForm('0171', '+49171')).changed).toHaveLength(1);
  const withOthers = [
    identity(contact(1, LORRAINE, '0171'), contact(4, null, '444')),
    identity(contact(2, MCFLY, '+49171'), contact(5, null, '555')),
  ];
  const reviews = KnownReviews.of([PAIR], [null]);
  expect(decide({ identities: withOthers, policy, reviews }, oldForm('0171', '+49171')).kept).toEqual([
    { ...oldForm('0171', '+49171'), reason: 'limit' },
  ]);
});

test('a limit withholds a merge and opens one review', () => {
  const policy = { ...DEFAULT_POLICY, maxContacts: 2 };
  const identities = [lorraine(), mcfly()];
  const unknown = decide({ identities, policy }, oldForm('0171', '+49171'));
  expect(unknown.writes.unknownReviews.map(keyOf)).toEqual([keyOf(PAIR)]);
  const reviews = KnownReviews.of([PAIR], [null]);
  const asked = decide({ identities, policy, reviews }, oldForm('0171', '+49171'));
  expect(asked.kept).toEqual([{ ...oldForm('0171', '+49171'), reason: 'limit' }]);
  expect(asked.writes).toMatchObject({
    touched: [],
    merges: [],
    reviews: [{ id: -1, pair: PAIR, reason: 'limit' }],
  });
  const known = KnownReviews.of([PAIR], [{ id: 7, decision: null }]);
  expect(decide({ identities, policy, reviews: known }, oldForm('0171', '+49171')).writes.reviews).toEqual(
    [],
  );
});

test('a rule withholds a merge, and asks nobody if it names just both forms', () => {
  const [one, other] = [
    identity(contact(1, LORRAINE, '0171', { isRuled: true })),
    identity(contact(2, MCFLY, '+49171', { isRuled: true })),
  ];
  const identifiers = [...one.rows, ...other.rows].flatMap((row) => row.identifiers);
  const byEmail = ruleOf(1, [
    { kind: 'email', value: LORRAINE },
    { kind: 'email', value: MCFLY },
  ]);
  const reviews = KnownReviews.of([PAIR], [null]);
  const crossed = decide(
    { identities: [one, other], rules: rulesAbout(identifiers, byEmail), reviews },
    oldForm('0171', '+49171'),
  );
  expect(crossed.kept).toEqual([{ ...oldForm('0171', '+49171'), reason: 'do-not-link' }]);
  expect(crossed.writes.reviews).toHaveLength(1);
  const answered = decide(
    { identities: [one, other], rules: rulesAbout(identifiers, ruleOf(1, PAIR)), reviews },
    oldForm('0171', '+49171'),
  );
  expect(answered.kept).toHaveLength(1);
  expect(answered.writes.reviews).toEqual([]);
});

test('a blocked value merges nobody, but gets its normal form if nobody else has it', () => {
  const policy = {
    ...DEFAULT_POLICY,
    blocked: new Blocklist([{ id: 1, kind: 'phoneNumber', pattern: '+49171' }]),
  };
  const withheld = decide({ identities: [lorraine(), mcfly()], policy }, oldForm('0171', '+49171'));
  expect(withheld.kept).toEqual([{ ...oldForm('0171', '+49171'), reason: 'blocked' }]);
  expect(decide({ identities: [lorraine()], policy }, oldForm('0171', '+49171')).changed).toHaveLength(1);
});

test('the rules about an old form are about the normal form, and one that is there already ends', () => {
  const rows = identity(
    contact(1, null, '0171', { isRuled: true }),
    contact(2, null, '+49171', { isRuled: true }),
  );
  const email = { kind: 'email', value: MCFLY };
  const rules = rulesAbout(
    [phone('0171'), phone('+49171')],
    ruleOf(1, [phone('0171'), email]),
    ruleOf(2, [email, phone('+49171')]),
  );
  const { writes } = decide({ identities: [rows], rules }, oldForm('0171', '+49171'));
  expect(writes.renaming).toMatchObject({
    identifiers: [{ ...phone('0171'), to: '+49171', rules: [{ id: 1 }] }],
    endedRuleIds: [2],
  });
});

test('what an erasure still holds waits, and so does what rules reserve for nobody', () => {
  const erasure = { ...phone('+49171'), erasedAt: 1, isBlocked: false, seenAt: 1 };
  const reserved = [phone('+49171')];
  const rules = new KnownRules(reserved, [], [erasure]);
  expect(decide({ identities: [lorraine()], reserved, rules }, oldForm('0171', '+49171')).kept).toEqual([
    { ...oldForm('0171', '+49171'), reason: 'blocked' },
  ]);
  const email = { kind: 'email', value: LORRAINE };
  const ofHer = decide(
    { identities: [lorraine()], reserved, rules: rulesAbout(reserved, ruleOf(1, [phone('+49171'), email])) },
    oldForm('0171', '+49171'),
  );
  expect(ofHer.kept).toEqual([{ ...oldForm('0171', '+49171'), reason: 'do-not-link' }]);
});

test('a reserved old form passes its reservation on; not if its rule would be about one identifier', () => {
  const email = { kind: 'email', value: LORRAINE };
  const reserved = [phone('0171')];
  const passed = decide(
    { reserved, rules: rulesAbout(reserved, ruleOf(1, [phone('0171'), email])) },
    oldForm('0171', '+49171'),
  );
  expect(passed.writes.reservations).toEqual([phone('+49171')]);
  expect(passed.writes.renaming?.identifiers).toEqual([
    expect.objectContaining({ ...phone('0171'), to: '+49171', isReserved: true }),
  ]);
  const pointless = decide(
    { reserved, rules: rulesAbout(reserved, ruleOf(1, PAIR)) },
    oldForm('0171', '+49171'),
  );
  expect(pointless.kept).toEqual([{ ...oldForm('0171', '+49171'), reason: 'rule' }]);
});

test('rules about somebody who is merged in the same decision are for the next one', () => {
  const ofLorraine = { kind: 'email', value: LORRAINE };
  const ofMcfly = { kind: 'email', value: MCFLY };
  const hers = identity(contact(1, LORRAINE, '0171'), contact(4, LORRAINE, '0172'));
  const his = identity(contact(2, MCFLY, '+49171'), contact(3, MCFLY, '+49555'));
  const passedOn = [phone('0555')];
  const later = decide(
    {
      identities: [hers, his],
      reserved: passedOn,
      rules: rulesAbout(passedOn, ruleOf(1, [phone('0555'), ofLorraine])),
    },
    oldForm('0171', '+49171'),
    oldForm('0555', '+49555'),
  );
  expect(later.writes.merges).toHaveLength(1);
  expect(later.later).toEqual([oldForm('0555', '+49555')]);
  const taken = [phone('+49172')];
  const alsoLater = decide(
    {
      identities: [hers, his],
      reserved: taken,
      rules: rulesAbout(taken, ruleOf(1, [phone('+49172'), ofMcfly])),
    },
    oldForm('0171', '+49171'),
    oldForm('0172', '+49172'),
  );
  expect(alsoLater.writes.merges).toHaveLength(1);
  expect(alsoLater.later).toEqual([oldForm('0172', '+49172')]);
});

const inMexico = (): Identity => identity(contact(1, LORRAINE, '5512345678'));

describe('the other form of a normal form counts as the same', () => {
  const [MX, MX_1] = ['+525512345678', '+5215512345678'];
  const old = oldForm('5512345678', MX);
  const ofMx1 = (email: string): KnownRules =>
    rulesAbout([phone(MX_1)], ruleOf(1, [phone(MX_1), { kind: 'email', value: email }]));
  const reserved = [phone(MX_1)];

  test('nobody may claim or reserve it meanwhile', () => {
    const { writes } = decide({ identities: [inMexico()] }, old);
    expect(writes.claims).toEqual([{ ...phone(MX), contactId: 1 }]);
    expect(writes.unheldForms).toEqual([phone(MX_1)]);
  });

  test('unless it gets a claim of its own, or somebody has it', () => {
    const both = identity(contact(1, LORRAINE, '5512345678'), contact(2, MCFLY, '15512345678'));
    const two = decide({ identities: [both] }, old, oldForm('15512345678', MX_1));
    expect(two.writes.claims).toHaveLength(2);
    expect(two.writes.unheldForms).toEqual([]);
    const his = identity(contact(3, MCFLY, MX_1));
    expect(decide({ identities: [inMexico(), his] }, old).writes.unheldForms).toEqual([]);
  });

  test('a rule about it holds for whoever gets the normal form', () => {
    const asked = decide({ identities: [inMexico()], reserved }, old);
    expect(asked.writes.unknownRules).toEqual([phone(MX_1)]);
    const { writes, changed } = decide({ identities: [inMexico()], reserved, rules: ofMx1(MCFLY) }, old);
    expect(changed).toHaveLength(1);
    expect(writes).toMatchObject({
      claims: [{ ...phone(MX), contactId: 1 }],
      unheldForms: [],
      reservedForms: [phone(MX_1)],
      takenRuleIds: [1],
      ruledIds: [1],
    });
    const crossed = decide({ identities: [inMexico()], reserved, rules: ofMx1(LORRAINE) }, old);
    expect(crossed.kept).toEqual([{ ...old, reason: 'do-not-link' }]);
    const also = identity(contact(1, LORRAINE, '5512345678'), contact(2, LORRAINE, '+541123456789'));
    const byForms = rulesAbout(reserved, ruleOf(1, [phone(MX_1), phone('+5491123456789')]));
    expect(decide({ identities: [also], reserved, rules: byForms }, old).kept).toHaveLength(1);
  });

  test('a rule about it does not hold for the normal form if another one tells both apart', () => {
    const rules = rulesAbout(
      [phone(MX), phone(MX_1)],
      ruleOf(1, [phone(MX_1), { kind: 'email', value: LORRAINE }]),
      ruleOf(2, [phone(MX_1), phone(MX)]),
    );
    const both = [phone(MX), phone(MX_1)];
    const { writes, changed } = decide({ identities: [inMexico()], reserved: both, rules }, old);
    expect(changed).toHaveLength(1);
    expect(writes.takenClaims).toEqual([{ ...phone(MX), contactId: 1 }]);
    expect(new Set(writes.takenRuleIds)).toEqual(new Set([1, 2]));
  });

  test('a rule that passes to a normal form holds for whoever has the other one', () => {
    const his = identity(contact(2, MCFLY, '555'), contact(3, MCFLY, MX_1));
    const passing = (email: string): Renormalisation =>
      decide(
        {
          identities: [his],
          reserved: [phone('5512345678')],
          rules: rulesAbout(
            [phone('5512345678')],
            ruleOf(1, [phone('5512345678'), { kind: 'email', value: email }]),
          ),
        },
        old,
      );
    const { writes } = passing(LORRAINE);
    expect(writes.reservations).toEqual([phone(MX)]);
    expect(writes.ruledIds).toEqual([3]);
    expect(writes.touched.map(({ id }) => id)).toEqual([2, 3]);
    expect(passing(MCFLY).kept).toEqual([{ ...old, reason: 'rule' }]);
  });

  test('what gets one form, and rules that pass to the other, are for two decisions', () => {
    const passed = phone('15512345678');
    const rules = rulesAbout([passed], ruleOf(1, [passed, { kind: 'email', value: MCFLY }]));
    const ruled = oldForm('15512345678', MX_1);
    const given = { identities: [inMexico()], reserved: [passed], rules };
    expect(decide(given, ruled, old)).toMatchObject({ changed: [{ value: passed.value }], later: [old] });
    expect(decide(given, old, ruled)).toMatchObject({ changed: [{ value: old.value }], later: [ruled] });
  });
});
