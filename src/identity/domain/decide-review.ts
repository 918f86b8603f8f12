import {
  viewOf,
  type Contact,
  type Identifier,
  type Identity,
  type IdentityView,
  type Snapshot,
} from './contact.js';
import { factsOf, youngestOf } from './facts.js';
import { mergeByHand } from './merge-by-hand.js';
import { strongestFirst, type Pair, type ReviewDecision } from './reviews.js';
import { asKnown, holdersIn, isSame, layRules, otherOf, type Held } from './rules.js';
import { NO_WRITES, type Writes } from './writes.js';

/** What deciding a review changes. */
export interface DecidedReview {
  /** Nothing if it was decided before. */
  readonly writes: Writes;
  /** The contacts that hold its identifiers afterwards; the newcomer has a provisional id. */
  readonly contactIds: readonly number[];
  /** The identities that hold them afterwards, each once. */
  readonly identities: readonly IdentityView[];
}

/** Why a review can't be decided so. */
export type ReviewRefusal =
  | { readonly refused: 'gone' }
  /** These of its identifiers may link nobody. */
  | { readonly refused: 'unusable'; readonly identifiers: readonly Unusable[] };

/** An identifier that may link nobody any more. */
export interface Unusable {
  readonly kind: string;
  readonly because: 'blocked' | 'retired';
}

/** A newcomer has this id until it is written. */
const NEWCOMER = -1;

/**
 * Decides what a decision on a withheld link changes.
 *
 * `link` makes one identity of the two that hold the identifiers, whatever rules and limits say: rules between them end. An
 * identifier that nobody holds is attached to the holder of the other one by a new contact with both; if nobody holds either, the
 * contact is a new identity. `keep-apart` makes a rule of the pair.
 *
 * A review is decided once. It also counts as decided if its pair is in one identity or has a rule by now.
 *
 * Pure: nothing passed in is modified.
 *
 * @param pair of the review
 * @param snapshot what is known of both identifiers; if rules or the review are needed and not known, the writes ask for them
 */
export function decideReview(
  snapshot: Snapshot,
  pair: Pair,
  decision: ReviewDecision,
): DecidedReview | ReviewRefusal {
  const [one, other] = asKnown(snapshot, strongestFirst(snapshot.policy.kinds, pair));
  const held = holdersIn(snapshot.identities, [one, other]).held;
  const review = snapshot.reviews.get(pair);
  if (review === null) {
    return { refused: 'gone' };
  }
  const unknownRules = rulesNeeded(snapshot, [one, other]);
  if (review === undefined || unknownRules.length > 0) {
    const unknownReviews = review === undefined ? [pair] : [];
    return left(held, { ...NO_WRITES, unknownRules, unknownReviews });
  }
  const isLinked = held.length === 2 && held[0]!.identity === held[1]!.identity;
  const isRuled = snapshot.rules.of(one)!.some((rule) => isSame(otherOf(rule, one), other));
  if (review.decision !== null || isLinked || isRuled) {
    return left(held, NO_WRITES);
  }
  const decidedReview = { id: review.id, decision };
  if (decision === 'keep-apart') {
    return left(held, { ...NO_WRITES, ...layRules(snapshot, [[one, other]]), decidedReview });
  }
  const unusable = [one, other].flatMap((identifier) => whyUnusable(snapshot, identifier));
  if (unusable.length > 0) {
    return { refused: 'unusable', identifiers: unusable };
  }
  if (one.kind === other.kind && held.length < 2) {
    // A contact has one value of a kind, so that no contact can attach one of them to the other.
    return left(held, { ...NO_WRITES, decidedReview });
  }
  const linked =
    held.length === 2 ? merge(snapshot, [one, other], held) : attach(snapshot, [one, other], held[0]);
  return { ...linked, writes: { ...linked.writes, decidedReview } };
}

/** The identifiers whose rules are needed and not known: both, and their other forms if these are reserved. */
function rulesNeeded({ reserved, rules, policy: { kinds } }: Snapshot, pair: Pair): Identifier[] {
  const forms = pair.flatMap((each) => kinds.otherForm(each) ?? []);
  const reservedForms = forms.filter((form) => reserved.some((each) => isSame(each, form)));
  return [...pair, ...reservedForms].filter((identifier) => rules.of(identifier) === undefined);
}

/** The identities as they are. */
function left(held: readonly Held[], writes: Writes): DecidedReview {
  const identities = new Set(held.map(({ identity }) => identity));
  return {
    writes,
    contactIds: held.map(({ contactId }) => contactId),
    identities: [...identities].map((identity) => factsOf(identity).view),
  };
}

function whyUnusable({ policy }: Snapshot, identifier: Identifier): Unusable[] {
  const { kinds, blocked } = policy;
  const { kind } = identifier;
  if (kinds.named(kind).isRetired) {
    return [{ kind, because: 'retired' }];
  }
  const isBlocked = kinds.withOtherForms([identifier]).some((each) => blocked.isBlocked(each));
  return isBlocked ? [{ kind, because: 'blocked' }] : [];
}

/** The edge joins the holders. It names the pair, so that an undo makes a rule of it. */
function merge(snapshot: Snapshot, identifiers: Pair, held: readonly Held[]): DecidedReview {
  const contactIds = held.map(({ contactId }) => contactId);
  const { writes, view } = mergeByHand(snapshot, contactIds, true);
  const merges = writes.merges.map((each) => ({ ...each, cause: 'review' as const, identifiers }));
  return { writes: { ...writes, merges }, contactIds, identities: [view] };
}

/** A newcomer with both identifiers. @param holder of one of them; undefined: nobody holds either */
function attach(snapshot: Snapshot, identifiers: Pair, holder: Held | undefined): DecidedReview {
  const { reserved, rules, policy } = snapshot;
  const facts = holder && factsOf(holder.identity);
  const isReserved = (each: Identifier): boolean => reserved.some((known) => isSame(known, each));
  const news = identifiers.filter((each) => facts?.holders.has(each) !== true);
  const claims = news.map(({ kind, value }) => ({ kind, value, contactId: NEWCOMER }));
  const taken = claims.filter(isReserved);
  const forms = unheldForms(snapshot, news);
  const reservedForms = forms.filter(isReserved);
  const takenRules = [...taken, ...reservedForms].flatMap((each) =>
    (rules.of(each) ?? []).map((rule) => ({ rule, other: otherOf(rule, each) })),
  );
  const crossed = takenRules.filter(({ other }) =>
    policy.kinds.withOtherForms([other]).some((form) => facts?.holders.has(form) === true),
  );
  const isRuled = taken.length > 0;
  const newcomer: Contact = {
    id: NEWCOMER,
    identifiers,
    createdAt: Infinity,
    version: 1,
    isDeleted: false,
    isRuled,
  };
  return {
    writes: {
      ...NO_WRITES,
      touched: holder === undefined ? [] : [primaryOf(holder.identity)],
      newcomers: [
        {
          id: NEWCOMER,
          identifiers,
          linkedId: holder?.identity.primaryId ?? null,
          joinedId: holder?.contactId ?? null,
          isRuled,
        },
      ],
      claims: claims.filter((each) => !isReserved(each)),
      takenClaims: taken,
      takenRuleIds: takenRules.map(({ rule }) => rule.id),
      unheldForms: forms.filter((each) => !isReserved(each)),
      reservedForms,
      liftedRules: crossed.map(({ rule }) => rule),
      youngestTouched: holder === undefined ? 0 : youngestOf(holder.identity),
    },
    contactIds: holder === undefined ? [NEWCOMER] : [holder.contactId, NEWCOMER],
    identities: [viewOf([...(facts?.live ?? []), newcomer])],
  };
}

/** The other forms of what nobody had, if nobody has these either. */
function unheldForms({ identities, policy: { kinds } }: Snapshot, news: readonly Identifier[]): Identifier[] {
  const isHeld = (identifier: Identifier): boolean =>
    identities.some((identity) => factsOf(identity).holders.has(identifier));
  return news.flatMap((each) => kinds.otherForm(each) ?? []).filter((form) => !isHeld(form));
}

function primaryOf({ primaryId, rows }: Identity): Writes['touched'][number] {
  const { version } = rows.find(({ id }) => id === primaryId)!;
  return { id: primaryId, version, linkedId: null, leavesPast: false };
}
