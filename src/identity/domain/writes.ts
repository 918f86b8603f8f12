import type { Claim, Identifier, IdentityView, Ignored, Sighting } from './contact.js';
import type { BlockedPattern, Pattern } from './blocklist.js';
import type { NewReview, Pair, ReviewDecision } from './reviews.js';
import type { Rule } from './rules.js';

/** A row that a decision rests on: it must still have `version`, and is given `linkedId` (null: primary). */
export interface TouchedRow {
  readonly id: number;
  readonly version: number;
  readonly linkedId: number | null;
  /** The date that it gets, in µs since 1970; absent: it keeps its own. */
  readonly createdAt?: number;
  /** What it carries from now on, never nothing; absent: it keeps its identifiers. */
  readonly identifiers?: readonly Identifier[];
  /** What it is attached to from now on; absent: that stays. */
  readonly joined?: Joined;
  /**
   * Whether its present state must be kept: its link, its date, its identifiers or what it is attached to change, or it is the
   * primary of a side of a split.
   */
  readonly leavesPast: boolean;
}

/** The contact that another is attached to in the tree of evidence. */
export interface Joined {
  /** Null: the contact starts a tree. */
  readonly toId: number | null;
  /** Whether nobody recorded it, so that it was worked out. */
  readonly isAssumed: boolean;
}

/**
 * A contact to insert: exactly what was sent. `id` is provisional, -1 for the first, then -2, …; without `createdAt`
 * it is as old as the transaction.
 */
export interface Newcomer extends Pick<Sighting, 'identifiers' | 'createdAt' | 'requestId'> {
  readonly id: number;
  readonly linkedId: number | null;
  /** The contact that it attached to: the holder of its strongest known identifier. Null: it starts a tree of evidence. */
  readonly joinedId: number | null;
  /** Whether it takes over a reserved identifier, which has a rule. */
  readonly isRuled: boolean;
}

/**
 * Why two identities were merged: by a sighting of both, by hand, by a decision on a review, or because values of theirs have one
 * normal form by now. `kept`: they were one, and a split left them together.
 */
export type MergeCause = (typeof MERGE_CAUSES)[number];
export const MERGE_CAUSES = ['sighting', 'manual', 'review', 'renormalised', 'kept'] as const;

/** Two identities that became one: an edge between two trees of evidence. */
export interface Merge {
  /** Their primaries at that moment; the older one is the survivor. */
  readonly survivorId: number;
  readonly mergedId: number;
  /** The contacts that the edge joins: the holders of the two identifiers that were seen together. */
  readonly leftId: number;
  readonly rightId: number;
  readonly cause: MergeCause;
  /** The sighting that joined them, the pair of the review, or the normal form that both have; empty if it was none of these. */
  readonly identifiers: readonly Identifier[];
  /** The call that caused it; absent: none, or many. */
  readonly requestId?: string;
}

/** Contacts of one identity to delete, and their identifiers that no live contact carries any more. */
export interface Deletion {
  readonly contactIds: readonly number[];
  /** They are free again. */
  readonly freedClaims: readonly Identifier[];
  /** They have a rule: nobody has them, but they stay reserved. */
  readonly reservedClaims: readonly Identifier[];
  /** The call that asked for it; absent: the change tells, or it was none. */
  readonly requestId?: string;
}

/** What an erasure is about. */
export type ErasureScope = (typeof ERASURE_SCOPES)[number];
export const ERASURE_SCOPES = ['identity', 'identifier'] as const;

/** An erasure, as it is recorded. */
export interface ErasureNote {
  readonly scope: ErasureScope;
  /** The keyed hashes of the identifiers, as hexadecimal text. */
  readonly hashes: readonly string[];
  /** Tells the key of the hashes from others. */
  readonly keyHash: string;
  /** When it was made at first, and until when it blocks, in µs since 1970, if it is repeated; absent: it is made now. */
  readonly first?: { readonly erasedAt: number; readonly blockedUntil: number };
  /** How long live calls with one of them are refused. */
  readonly blockedForDays: number;
}

/** An identifier that gets another value: nobody has the old one afterwards. */
export interface RenamedIdentifier extends Identifier {
  readonly to: string;
  /** Nobody had it: it must still be reserved. */
  readonly isReserved: boolean;
  /** All rules about it. They are about the new value afterwards. */
  readonly rules: readonly Rule[];
}

/** Identifiers that get another value. Whoever has one must be touched, and the new ones claimed or reserved. */
export interface Renaming {
  readonly identifiers: readonly RenamedIdentifier[];
  /** Rules that end, because others are about the same two identifiers then. */
  readonly endedRuleIds: readonly number[];
}

/** What is removed for good. The rows of contacts that go are among the touched ones. */
export interface ErasedParts {
  /** A number: it goes on with that erasure, which is recorded. */
  readonly record: ErasureNote | number;
  /** They leave all that is stored: rules, reviews, merges and past states too. */
  readonly identifiers: readonly Identifier[];
  /** Contacts that go with their past. */
  readonly removedIds: readonly number[];
  /** Contacts that stay without some of their identifiers. */
  readonly strippedIds: readonly number[];
  /** Contacts that stay and whose past loses identifiers. */
  readonly strippedPastIds: readonly number[];
  readonly removedMergeIds: readonly number[];
  /** Merges that stay, without the identifiers. */
  readonly strippedMergeIds: readonly number[];
  /** On what nobody has from now on: it is reserved for a while, as are the erased identifiers without a claim. */
  readonly claims: readonly Identifier[];
  readonly reservations: readonly Identifier[];
  /** Identifiers that must still be reserved. */
  readonly keptReservations: readonly Identifier[];
}

/** What can be changed by hand. */
export type ChangeKind = (typeof CHANGE_KINDS)[number];
export const CHANGE_KINDS = [
  'merge',
  'undo',
  'split',
  'identity-delete',
  'rule',
  'rule-delete',
  'erasure',
  'block',
  'block-delete',
  'review',
  'policy',
  'renormalise',
  'key',
  'key-rotate',
  'key-revoke',
] as const;

/** Who changes what by hand, and why: recorded with the change. */
export interface ChangeNote {
  readonly kind: ChangeKind;
  readonly actor: string;
  /** The call that asked for it; absent: it was none. */
  readonly requestId?: string;
  /** null: none was given, which only deletions allow. */
  readonly reason: string | null;
  /** Under which a repetition finds the change again, for a day. */
  readonly idempotency: { readonly key: string; readonly requestHash: string } | null;
  /** False: recorded for the sake of its key only. */
  readonly isChanged: boolean;
  /** The contacts that it is about, provisional ids too. */
  readonly contactIds: readonly number[];
}

/**
 * All that one decision changes, written in one transaction or not at all.
 *
 * New contacts have provisional ids, because ids and the time are drawn from the database after the rows are locked.
 * Newcomers without a date are younger than everything stored, so the decision needs neither.
 */
export interface Writes {
  readonly touched: readonly TouchedRow[];
  readonly newcomers: readonly Newcomer[];
  readonly claims: readonly Claim[];
  /** Claims on reserved identifiers: they must still be reserved, and must have exactly the rules that were known. */
  readonly takenClaims: readonly Claim[];
  readonly takenRuleIds: readonly number[];
  /**
   * The other forms of what is claimed. Nobody may have claimed one: otherwise two identities would have two forms of one number.
   * Those that are reserved must still be, and `takenRuleIds` has their rules too.
   */
  readonly unheldForms: readonly Identifier[];
  readonly reservedForms: readonly Identifier[];
  /** Claims that move to another contact of their identity: the oldest that carries the value from now on. */
  readonly movedClaims: readonly Claim[];
  readonly merges: readonly Merge[];
  /** Merges that are in force no more. */
  readonly undoneMergeIds: readonly number[];
  readonly deletion: Deletion | null;
  readonly erasure: ErasedParts | null;
  readonly renaming: Renaming | null;
  /**
   * Pairs of identifiers that must never be in one identity from now on. Whatever holds one of them must be touched, and the
   * holder be among `ruledIds`; an identifier that nobody holds must be among the reservations.
   */
  readonly rules: readonly (readonly [Identifier, Identifier])[];
  /** Contacts whose identifiers have a rule from now on. */
  readonly ruledIds: readonly number[];
  /**
   * Rules that end. Whatever holds one of their identifiers must be touched. An identifier that is known to be reserved must be among
   * `keptReservations` or `freedReservations`; any other that is reserved is free again if it has no other rule.
   */
  readonly liftedRules: readonly Rule[];
  /** Identifiers that nobody has: those to reserve, and those that must still be reserved. */
  readonly reservations: readonly Identifier[];
  readonly keptReservations: readonly Identifier[];
  /** Reserved identifiers that are free again: they must still be reserved, and have no rule but those that end. */
  readonly freedReservations: readonly Identifier[];
  /**
   * Identifiers whose rules the decision needs; see {@link Snapshot.rules}. If there are any, it must not be written: it must
   * be made again with them.
   */
  readonly unknownRules: readonly Identifier[];
  /** Links that were withheld, on which people are to decide. None may have a review yet. */
  readonly reviews: readonly NewReview[];
  /** As `unknownRules`: pairs whose reviews the decision needs. */
  readonly unknownReviews: readonly Pair[];
  /** Patterns that are blocked from now on. None may be yet. */
  readonly blocks: readonly Pattern[];
  /** Blocked patterns that are free from now on. They must still be there. */
  readonly unblocked: readonly BlockedPattern[];
  /** A review that people decided on: it must still be open. Null: none. The rules of a decision decide others by themselves. */
  readonly decidedReview: { readonly id: number; readonly decision: ReviewDecision } | null;
  /** Whether it comes from records of the past. */
  readonly isImport: boolean;
  /** Null: not made by hand. */
  readonly change: ChangeNote | null;
  /** The change that it is a part of, if that was recorded before; null: it was not, or there is none. */
  readonly partOf: number | null;
  /** Newcomers without a date of their own must be younger than this, in µs since 1970; 0 if they join nobody. */
  readonly youngestTouched: number;
}

/** A decision that changes nothing. */
export const NO_WRITES: Writes = {
  isImport: false,
  touched: [],
  newcomers: [],
  claims: [],
  takenClaims: [],
  takenRuleIds: [],
  unheldForms: [],
  reservedForms: [],
  movedClaims: [],
  merges: [],
  undoneMergeIds: [],
  deletion: null,
  erasure: null,
  renaming: null,
  rules: [],
  ruledIds: [],
  liftedRules: [],
  reservations: [],
  keptReservations: [],
  freedReservations: [],
  unknownRules: [],
  reviews: [],
  unknownReviews: [],
  blocks: [],
  unblocked: [],
  decidedReview: null,
  change: null,
  partOf: null,
  youngestTouched: 0,
};

/** Whether a decision changes nothing, so that there is nothing to write. */
export function isNothing(writes: Writes): boolean {
  const { touched, newcomers, rules, liftedRules, reviews, blocks, unblocked } = writes;
  const lists = [touched, newcomers, rules, liftedRules, reviews, blocks, unblocked];
  const { change, erasure, renaming, decidedReview } = writes;
  const parts = [change, erasure, renaming, decidedReview];
  return lists.every(({ length }) => length === 0) && parts.every((part) => part === null);
}

/** Whether the decision was made without something that it needs: it must not be written, but made again. */
export function asksForMore({ unknownRules, unknownReviews }: Writes): boolean {
  return unknownRules.length > 0 || unknownReviews.length > 0;
}

/**
 * The real id for a provisional one; a real id stays unchanged.
 *
 * @param freshIds one id per newcomer, ascending
 */
export function realId(id: number, freshIds: readonly number[]): number {
  const real = id < 0 ? freshIds[-id - 1] : id;
  if (real === undefined) {
    throw new Error(`no id was drawn for newcomer ${id}`);
  }
  return real;
}

/** The view with real ids; see {@link realId}. @param reviewIds one id per new review, ascending */
export function withRealIds(
  view: IdentityView,
  freshIds: readonly number[],
  reviewIds: readonly number[] = [],
): IdentityView {
  return {
    ...view,
    primaryContactId: realId(view.primaryContactId, freshIds),
    secondaryContactIds: view.secondaryContactIds.map((id) => (id < 0 ? realId(id, freshIds) : id)),
    ...(view.ignored && { ignored: view.ignored.map((each) => withReviewId(each, reviewIds)) }),
  };
}

function withReviewId(ignored: Ignored, reviewIds: readonly number[]): Ignored {
  const { reviewId } = ignored;
  return reviewId === undefined ? ignored : { ...ignored, reviewId: realId(reviewId, reviewIds) };
}
