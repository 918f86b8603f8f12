import { Blocklist } from '../../../src/identity/domain/blocklist.js';
import type { Identity, Sighting, Snapshot } from '../../../src/identity/domain/contact.js';
import { EMAIL, Kinds, PHONE_NUMBER } from '../../../src/identity/domain/kinds.js';
import { mergeByHand } from '../../../src/identity/domain/merge-by-hand.js';
import { admit, DEFAULT_POLICY, type Policy } from '../../../src/identity/domain/policy.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { KnownReviews, type Pair } from '../../../src/identity/domain/reviews.js';
import { KnownRules, type Rule } from '../../../src/identity/domain/rules.js';
import { NO_WRITES } from '../../../src/identity/domain/writes.js';
import {
  BIFF,
  contact,
  deepFreeze,
  GEORGE,
  identity,
  LORRAINE,
  MCFLY,
  NOTHING_KNOWN,
  sighting,
  view,
} from './fixtures.js';

const email = (value: string) => ({ kind: 'email', value });
const phone = (value: string) => ({ kind: 'phoneNumber', value });

function decide(
  policy: Partial<Policy>,
  identities: Identity[],
  given: Sighting,
  rest: Partial<Snapshot> = {},
) {
  const snapshot = { ...NOTHING_KNOWN, ...rest, identities, policy: { ...DEFAULT_POLICY, ...policy } };
  const { answers, outcomes, writes } = reconcile(deepFreeze(snapshot), deepFreeze([given]));
  return { view: answers[0]!.view, awaitsWrite: answers[0]!.awaitsWrite, outcome: outcomes[0], writes };
}

/** What is known of a pair: no review, or one with this id. */
const reviewOf = (pair: Pair, id: number | null = null) => ({
  reviews: KnownReviews.of([pair], [id === null ? null : { id, decision: null }]),
});

describe('an identity that has as many contacts as it may', () => {
  const two = { maxContacts: 2 };
  const lorraine = identity(contact(1, LORRAINE, '1'), contact(2, LORRAINE, '2'));
  const pair = [email(LORRAINE), phone('3')] as const;

  it('takes no new contact: the weakest identifier is left out, and people are asked', () => {
    const { view: shown, outcome, writes } = decide(two, [lorraine], sighting(LORRAINE, '3'), reviewOf(pair));
    expect(outcome).toBe('unchanged');
    expect(shown).toEqual({
      ...view(1, [LORRAINE], ['1', '2'], [2]),
      ignored: [{ kind: 'phoneNumber', reason: 'limit', reviewId: -1 }],
    });
    expect(writes).toEqual({ ...NO_WRITES, reviews: [{ id: -1, pair, reason: 'limit' }] });
  });

  it('is answered only once the review is written', () => {
    expect(decide(two, [lorraine], sighting(LORRAINE, '3'), reviewOf(pair)).awaitsWrite).toBe(true);
  });

  it('asks people once for each pair', () => {
    const known = reviewOf(pair, 17);
    const { view: shown, awaitsWrite, writes } = decide(two, [lorraine], sighting(LORRAINE, '3'), known);
    expect(shown!.ignored).toEqual([{ kind: 'phoneNumber', reason: 'limit', reviewId: 17 }]);
    expect({ awaitsWrite, writes }).toEqual({ awaitsWrite: false, writes: NO_WRITES });
  });

  it('asks for the reviews of the pair, if they are not known', () => {
    expect(decide(two, [lorraine], sighting(LORRAINE, '3')).writes.unknownReviews).toEqual([pair]);
  });

  it('is not merged, but a known sighting of it is answered', () => {
    const george = identity(contact(3, GEORGE, '3'));
    const merging = decide(two, [lorraine, george], sighting(LORRAINE, '3'), reviewOf(pair));
    expect(merging.outcome).toBe('unchanged');
    expect(merging.writes).toEqual({ ...NO_WRITES, reviews: [{ id: -1, pair, reason: 'limit' }] });
    expect(decide(two, [lorraine], sighting(LORRAINE, '2'))).toMatchObject({
      outcome: 'unchanged',
      view: view(1, [LORRAINE], ['1', '2'], [2]),
    });
  });

  it('may have more, because the limit was lowered, but does not grow', () => {
    const one = { maxContacts: 1 };
    expect(decide(one, [lorraine], sighting(LORRAINE, '2')).outcome).toBe('unchanged');
    expect(decide(one, [lorraine], sighting(LORRAINE, '3')).view!.ignored).toMatchObject([
      { reason: 'limit' },
    ]);
  });
});

test('a limit counts live contacts: a deleted one makes room', () => {
  const lorraine = identity(contact(1, LORRAINE, '1'), contact(2, LORRAINE, '2', { isDeleted: true }));
  expect(decide({ maxContacts: 2 }, [lorraine], sighting(LORRAINE, '3')).outcome).toBe('linked');
});

test('the sightings of a batch count those before them', () => {
  const policy = { ...DEFAULT_POLICY, maxContacts: 2 };
  const batch = [sighting(LORRAINE, '1'), sighting(LORRAINE, '2'), sighting(LORRAINE, '3')];
  const { outcomes } = reconcile({ ...NOTHING_KNOWN, policy }, batch);
  expect(outcomes).toEqual(['created', 'linked', 'unchanged']);
});

describe('a kind with a limit', () => {
  const CUSTOMER = { ...EMAIL, name: 'customerId', number: 2, priority: 10, onePerIdentity: true };
  const kinds = new Kinds([EMAIL, { ...PHONE_NUMBER, maxPerIdentity: 2 }, CUSTOMER]);
  const given = (values: Record<string, string>): Sighting => ({ identifiers: kinds.identifiersOf(values) });
  const customer = (id: number, customerId: string, rest: Record<string, string>) => ({
    ...contact(id, null, null),
    identifiers: kinds.identifiersOf({ customerId, ...rest }),
  });
  const first = identity(customer(1, 'C-1', { email: LORRAINE, phoneNumber: '1' }));

  it('keeps a second value of a kind that an identity has once: the stronger one makes a new identity', () => {
    const {
      outcome,
      view: shown,
      writes,
    } = decide({ kinds }, [first], given({ customerId: 'C-2', email: LORRAINE }));
    expect(outcome).toBe('created');
    expect(shown).toMatchObject({ primaryContactId: -1, ignored: [{ kind: 'email', reason: 'limit' }] });
    expect(writes.newcomers).toMatchObject([
      { identifiers: [{ kind: 'customerId', value: 'C-2' }], linkedId: null },
    ]);
    expect(writes.reviews).toMatchObject([{ pair: [{ kind: 'customerId', value: 'C-2' }, email(LORRAINE)] }]);
  });

  it('keeps two identities apart that each have a value of it', () => {
    const second = identity(customer(2, 'C-2', { email: BIFF }));
    const { outcome, view: shown } = decide(
      { kinds },
      [first, second],
      given({ email: BIFF, phoneNumber: '1' }),
    );
    expect(outcome).toBe('unchanged');
    expect(shown).toMatchObject({ primaryContactId: 2, ignored: [{ kind: 'phoneNumber', reason: 'limit' }] });
  });

  it('allows as many values as it says, and counts those that a batch adds', () => {
    const policy = { ...DEFAULT_POLICY, kinds };
    const batch = ['2', '3'].map((phoneNumber) => given({ email: LORRAINE, phoneNumber }));
    const { outcomes } = reconcile({ ...NOTHING_KNOWN, policy, identities: [first] }, batch);
    expect(outcomes).toEqual(['linked', 'unchanged']);
  });

  it('forbids a merge by hand, unless it is forced', () => {
    const second = identity(customer(2, 'C-2', { email: BIFF }));
    const snapshot = {
      ...NOTHING_KNOWN,
      identities: [first, second],
      policy: { ...DEFAULT_POLICY, kinds },
    };
    expect(mergeByHand(snapshot, [1, 2])).toMatchObject({ exceeds: 'customerId', writes: NO_WRITES });
    expect(mergeByHand(snapshot, [1, 2], true)).toMatchObject({
      exceeds: null,
      view: { primaryContactId: 1 },
    });
  });
});

const rule = (id: number, ...identifiers: Rule['identifiers']): Rule => ({
  id,
  identifiers,
  createdAt: 1,
  actor: '',
  reason: null,
});

describe('a crossing', () => {
  const george = identity(contact(1, GEORGE, '919191', { isRuled: true }));
  const biff = identity(contact(2, BIFF, '717171', { isRuled: true }), contact(3, BIFF, '88'));

  it('is reviewed if the rule names other identifiers than the sighting', () => {
    const apart = rule(1, email(GEORGE), email(BIFF));
    const rules = new KnownRules([email(GEORGE), phone('919191'), email(BIFF), phone('717171')], [apart]);
    const { view: shown } = decide({}, [george, biff], sighting(GEORGE, '88'), { rules });
    expect(shown!.ignored).toEqual([{ kind: 'phoneNumber', reason: 'do-not-link', reviewId: -1 }]);
  });

  it('is not reviewed if a rule names just this pair: that is the answer already', () => {
    const apart = rule(1, email(GEORGE), phone('717171'));
    const rules = new KnownRules([email(GEORGE), phone('919191'), email(BIFF), phone('717171')], [apart]);
    const { view: shown, writes } = decide({}, [george, biff], sighting(GEORGE, '717171'), { rules });
    expect(shown!.ignored).toEqual([{ kind: 'phoneNumber', reason: 'do-not-link' }]);
    expect(writes).toEqual(NO_WRITES);
  });

  it('is told as a rule where a limit speaks too', () => {
    const apart = rule(1, email(GEORGE), email(BIFF));
    const rules = new KnownRules([email(GEORGE), phone('919191'), email(BIFF), phone('717171')], [apart]);
    const { view: shown } = decide({ maxContacts: 1 }, [george, biff], sighting(GEORGE, '88'), { rules });
    expect(shown!.ignored).toMatchObject([{ reason: 'do-not-link' }]);
  });
});

test('a blocked identifier is left out before anything is decided, and told first', () => {
  const blocked = new Blocklist([{ id: 1, kind: 'phoneNumber', pattern: '0000000' }]);
  const policy = { ...DEFAULT_POLICY, blocked };
  const admitted = admit(policy, sighting(MCFLY, '0000000'));
  const ignored = [{ kind: 'phoneNumber', reason: 'blocked' }];
  expect(admitted).toEqual({ identifiers: [email(MCFLY)], leftOut: ignored });
  expect(decide({ blocked }, [], admitted).view).toEqual({ ...view(-1, [MCFLY], [], []), ignored });
});

test('nothing is decided of a sighting whose identifiers are all blocked', () => {
  const blocked = new Blocklist([{ id: 1, kind: 'phoneNumber', pattern: '0000000' }]);
  const admitted = admit({ ...DEFAULT_POLICY, blocked }, sighting(null, '0000000'));
  expect(decide({ blocked }, [], admitted)).toEqual({
    view: null,
    awaitsWrite: false,
    outcome: 'blocked',
    writes: NO_WRITES,
  });
});
