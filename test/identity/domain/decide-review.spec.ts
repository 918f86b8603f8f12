import { Blocklist } from '../../../src/identity/domain/blocklist.js';
import type { Identifier, Identity, Snapshot } from '../../../src/identity/domain/contact.js';
import {
  decideReview,
  type DecidedReview,
  type ReviewRefusal,
} from '../../../src/identity/domain/decide-review.js';
import { EMAIL, Kinds, PHONE_NUMBER } from '../../../src/identity/domain/kinds.js';
import { DEFAULT_POLICY } from '../../../src/identity/domain/policy.js';
import { KnownReviews, type Pair, type ReviewDecision } from '../../../src/identity/domain/reviews.js';
import { KnownRules, type Rule } from '../../../src/identity/domain/rules.js';
import { NO_WRITES } from '../../../src/identity/domain/writes.js';
import {
  BIFF,
  contact,
  deepFreeze,
  GEORGE,
  identity,
  inOrder,
  MCFLY,
  moved,
  NOTHING_KNOWN,
  touched,
  view,
} from './fixtures.js';
import { ruleOf } from './memory-store.js';

const email = (value: string): Identifier => ({ kind: 'email', value });
const phone = (value: string): Identifier => ({ kind: 'phoneNumber', value });

const PAIR: Pair = [email(GEORGE), phone('88')];
const george = identity(contact(1, GEORGE, '919191', { version: 3, isRuled: true }));
const biff = identity(
  contact(2, BIFF, '717171', { isRuled: true }),
  contact(3, BIFF, '88', { isRuled: true }),
);

/** Decides the open review 17 of the pair, unless something else is known of it. */
function decided(
  decision: ReviewDecision,
  identities: Identity[],
  { rules = [], ...rest }: Partial<Omit<Snapshot, 'rules'>> & { rules?: readonly Rule[] } = {},
): DecidedReview | ReviewRefusal {
  const askedFor = [...PAIR, email(BIFF), phone('919191'), phone('717171')];
  const snapshot: Snapshot = {
    ...NOTHING_KNOWN,
    identities: deepFreeze(identities),
    rules: new KnownRules(askedFor, rules),
    reviews: KnownReviews.of([PAIR], [{ id: 17, decision: null }]),
    ...rest,
  };
  const made = decideReview(snapshot, PAIR, decision);
  return 'refused' in made ? made : { ...made, writes: inOrder(made.writes) };
}

const newcomer = (linkedId: number | null, joinedId: number | null, isRuled = false) => ({
  id: -1,
  identifiers: PAIR,
  linkedId,
  joinedId,
  isRuled,
});
const claimed = (identifier: Identifier) => ({ ...identifier, contactId: -1 });

describe('linking', () => {
  const decidedReview = { id: 17, decision: 'link' as const };

  it('merges by an edge between the holders that names the pair, and lifts the rules between them', () => {
    const apart = ruleOf(7, [email(GEORGE), email(BIFF)]);
    const elsewhere = ruleOf(8, [email(GEORGE), email(MCFLY)]);
    expect(decided('link', [biff, george], { rules: [apart, elsewhere] })).toEqual({
      writes: {
        ...NO_WRITES,
        touched: [touched(1, 3, null), moved(2, 1, 1), moved(3, 1, 1)],
        merges: [{ survivorId: 1, mergedId: 2, leftId: 1, rightId: 3, cause: 'review', identifiers: PAIR }],
        liftedRules: [apart],
        decidedReview,
      },
      contactIds: [1, 3],
      identities: [view(1, [GEORGE, BIFF], ['919191', '717171', '88'], [2, 3])],
    });
  });

  it('passes limits', () => {
    const policy = { ...DEFAULT_POLICY, maxContacts: 1 };
    expect(decided('link', [george, biff], { policy })).toMatchObject({
      writes: { merges: [{ mergedId: 2 }] },
    });
    expect(decided('link', [george], { policy })).toMatchObject({ writes: { newcomers: [{ linkedId: 1 }] } });
  });

  it('attaches what nobody holds to the holder of the other, younger than all of its identity', () => {
    const grown = identity(george.rows[0]!, contact(5, MCFLY, '919191', { createdAt: 50 }));
    expect(decided('link', [grown])).toEqual({
      writes: {
        ...NO_WRITES,
        touched: [touched(1, 3, null)],
        newcomers: [newcomer(1, 1)],
        claims: [claimed(phone('88'))],
        youngestTouched: 50,
        decidedReview,
      },
      contactIds: [1, -1],
      identities: [view(1, [GEORGE, MCFLY], ['919191', '88'], [5, -1])],
    });
    expect(decided('link', [biff])).toMatchObject({
      writes: { newcomers: [newcomer(2, 3)], claims: [claimed(email(GEORGE))] },
      contactIds: [3, -1],
    });
  });

  it('makes a new identity of what nobody holds', () => {
    expect(decided('link', [])).toEqual({
      writes: {
        ...NO_WRITES,
        newcomers: [newcomer(null, null)],
        claims: PAIR.map(claimed),
        decidedReview,
      },
      contactIds: [-1],
      identities: [view(-1, [GEORGE], ['88'], [])],
    });
  });

  it('takes over what is reserved, with its rules; those to the identity end', () => {
    const apart = ruleOf(7, [phone('919191'), phone('88')]);
    const elsewhere = ruleOf(8, [phone('88'), email(MCFLY)]);
    expect(decided('link', [george], { rules: [apart, elsewhere], reserved: [phone('88')] })).toMatchObject({
      writes: {
        newcomers: [newcomer(1, 1, true)],
        claims: [],
        takenClaims: [claimed(phone('88'))],
        takenRuleIds: [7, 8],
        liftedRules: [apart],
      },
    });
  });

  it('is refused of a value that is blocked, or of a retired kind', () => {
    const blocked = new Blocklist([{ id: 1, kind: 'phoneNumber', pattern: '8*' }]);
    const kinds = new Kinds([{ ...EMAIL, isRetired: true }, PHONE_NUMBER]);
    for (const identities of [[george, biff], [george], []]) {
      expect(decided('link', identities, { policy: { ...DEFAULT_POLICY, blocked } })).toEqual({
        refused: 'unusable',
        identifiers: [{ kind: 'phoneNumber', because: 'blocked' }],
      });
      expect(decided('link', identities, { policy: { ...DEFAULT_POLICY, kinds } })).toEqual({
        refused: 'unusable',
        identifiers: [{ kind: 'email', because: 'retired' }],
      });
    }
    const policy = { ...DEFAULT_POLICY, blocked, kinds };
    expect(decided('keep-apart', [george, biff], { policy })).toMatchObject({ writes: { rules: [PAIR] } });
  });
});

describe('keeping apart', () => {
  it('makes a rule of the pair, and touches or reserves what it names', () => {
    const decidedReview = { id: 17, decision: 'keep-apart' };
    expect(decided('keep-apart', [biff, george])).toEqual({
      writes: {
        ...NO_WRITES,
        touched: [touched(1, 3, null), touched(2, 1, null), touched(3, 1, 2)],
        rules: [PAIR],
        ruledIds: [1, 3],
        decidedReview,
      },
      contactIds: [1, 3],
      identities: [view(1, [GEORGE], ['919191'], []), view(2, [BIFF], ['717171', '88'], [3])],
    });
    expect(decided('keep-apart', [george], { reserved: [phone('88')] })).toMatchObject({
      writes: { rules: [PAIR], reservations: [], keptReservations: [phone('88')], decidedReview },
    });
  });
});

describe.each(['link', 'keep-apart'] as const)('deciding to %s', (decision) => {
  const both = { contactIds: [1, 3], identities: [{ primaryContactId: 1 }, { primaryContactId: 2 }] };

  it.each(['link', 'keep-apart'] as const)('changes nothing of a review that was decided to %s', (before) => {
    const reviews = KnownReviews.of([PAIR], [{ id: 17, decision: before }]);
    expect(decided(decision, [george, biff], { reviews })).toMatchObject({ ...both, writes: NO_WRITES });
  });

  it('changes nothing if a rule of the pair, from either side, is there', () => {
    for (const pair of [PAIR, [PAIR[1], PAIR[0]] as const]) {
      expect(decided(decision, [george, biff], { rules: [ruleOf(7, pair)] })).toMatchObject({
        ...both,
        writes: NO_WRITES,
      });
    }
  });

  it('changes nothing if the pair is linked', () => {
    const one = identity(contact(1, GEORGE, '919191'), contact(2, BIFF, '919191'), contact(3, BIFF, '88'));
    expect(decided(decision, [one])).toMatchObject({
      writes: NO_WRITES,
      contactIds: [1, 3],
      identities: [{ primaryContactId: 1 }],
    });
  });

  it('is refused if the review is gone', () => {
    expect(decided(decision, [george], { reviews: KnownReviews.of([PAIR], [null]) })).toEqual({
      refused: 'gone',
    });
  });

  it('asks for the review and the rules, if they are not known', () => {
    expect(decideReview({ ...NOTHING_KNOWN, identities: [george] }, PAIR, decision)).toMatchObject({
      writes: { unknownReviews: [PAIR], unknownRules: PAIR, decidedReview: null },
    });
  });

  it('knows the review and its pair in either order', () => {
    const [one, other] = PAIR;
    const snapshot = {
      ...NOTHING_KNOWN,
      identities: [george, biff],
      rules: new KnownRules([...PAIR, email(BIFF), phone('919191'), phone('717171')]),
      reviews: KnownReviews.of([PAIR], [{ id: 17, decision: null }]),
    };
    expect(decideReview(snapshot, [other, one], decision)).toEqual(decideReview(snapshot, PAIR, decision));
  });
});

test('of two values of one kind, one of which nobody has any more, none is attached: no contact can have both', () => {
  const pair: Pair = [phone('+49919191'), phone('919191')];
  const made = decideReview(
    {
      ...NOTHING_KNOWN,
      identities: [george],
      rules: new KnownRules(pair, []),
      reviews: KnownReviews.of([pair], [{ id: 17, decision: null }]),
    },
    pair,
    'link',
  );
  expect(made).toEqual({
    writes: { ...NO_WRITES, decidedReview: { id: 17, decision: 'link' } },
    contactIds: [1],
    identities: [view(1, [GEORGE], ['919191'], [])],
  });
});
