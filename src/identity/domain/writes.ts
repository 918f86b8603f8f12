import type { Claim, Identifier, IdentityView, Sighting } from './contact.js';

/** A row that a decision rests on: it must still have `version`, and is given `linkedId` (null: primary). */
export interface TouchedRow {
  readonly id: number;
  readonly version: number;
  readonly linkedId: number | null;
  /** The earlier date it is given, in µs since 1970; absent: it keeps its own. */
  readonly createdAt?: number;
  /** Whether its link or its date changes, so that its state until now has to be kept. */
  readonly leavesPast: boolean;
}

/**
 * A contact to insert: exactly what was sent. `id` is provisional, -1 for the first, then -2, …; without `createdAt`
 * it is as old as the transaction.
 */
export interface Newcomer extends Sighting {
  readonly id: number;
  readonly linkedId: number | null;
  /** The contact that it attached to: the holder of its strongest known identifier. Null: it began a tree of evidence. */
  readonly joinedId: number | null;
  /** Whether it takes over a reserved identifier, of which a rule speaks. */
  readonly isRuled: boolean;
}

/** Why two identities were merged: by a sighting of both. */
export type MergeCause = 'sighting';

/** Two identities that became one: an edge between two trees of evidence. */
export interface Merge {
  /** Their primaries at that moment; the older one is the survivor. */
  readonly survivorId: number;
  readonly mergedId: number;
  /** The contacts that the edge joins: the holders of the two identifiers that were seen together. */
  readonly leftId: number;
  readonly rightId: number;
  readonly cause: MergeCause;
  /** The sighting that joined them. */
  readonly identifiers: readonly Identifier[];
}

/** A contact to delete, and the identifiers that no live contact carries any more. */
export interface Deletion {
  readonly contactId: number;
  /** They are free again. */
  readonly freedClaims: readonly Identifier[];
  /** A rule speaks of them: nobody has them, but they stay reserved. */
  readonly reservedClaims: readonly Identifier[];
}

/**
 * All that one decision changes, written in one transaction or not at all.
 *
 * New contacts carry provisional ids, because ids and the time are drawn from the database only after the rows are
 * locked. Newcomers are younger than all that is stored unless they bring a date, so the decision needs neither.
 */
export interface Writes {
  readonly touched: readonly TouchedRow[];
  readonly newcomers: readonly Newcomer[];
  readonly claims: readonly Claim[];
  /** Claims on identifiers that are reserved: they must be reserved still, and these rules be all that speak of them. */
  readonly takenClaims: readonly Claim[];
  readonly takenRuleIds: readonly number[];
  /** Claims that pass to another contact of their identity, the oldest that carries the value from now on. */
  readonly movedClaims: readonly Claim[];
  readonly merges: readonly Merge[];
  readonly deletion: Deletion | null;
  /** Two identifiers each that must not come to lie in one identity from now on. */
  readonly rules: readonly (readonly [Identifier, Identifier])[];
  /** Contacts of which a rule speaks from now on. */
  readonly ruledIds: readonly number[];
  /** Identifiers that nobody has, to be reserved; and such that must be reserved still. */
  readonly reservations: readonly Identifier[];
  readonly keptReservations: readonly Identifier[];
  /**
   * Identifiers whose rules the decision has yet to be told; see {@link Snapshot.rules}. As long as there are any it must not
   * be written, but made again.
   */
  readonly unknownRules: readonly Identifier[];
  /** Newcomers without a date of their own must be younger than this, in µs since 1970; 0 if they join nobody. */
  readonly youngestTouched: number;
}

export const NO_WRITES: Writes = {
  touched: [],
  newcomers: [],
  claims: [],
  takenClaims: [],
  takenRuleIds: [],
  movedClaims: [],
  merges: [],
  deletion: null,
  rules: [],
  ruledIds: [],
  reservations: [],
  keptReservations: [],
  unknownRules: [],
  youngestTouched: 0,
};

export function isNothing({ touched, newcomers, rules }: Writes): boolean {
  return touched.length === 0 && newcomers.length === 0 && rules.length === 0;
}

/**
 * The id that the database gave in the place of a provisional one; a real id stays as it is.
 *
 * @param freshIds one id a newcomer, ascending
 */
export function realId(id: number, freshIds: readonly number[]): number {
  const real = id < 0 ? freshIds[-id - 1] : id;
  if (real === undefined) {
    throw new Error(`no id was drawn for newcomer ${id}`);
  }
  return real;
}

/** The view with real ids; see {@link realId}. */
export function withRealIds(view: IdentityView, freshIds: readonly number[]): IdentityView {
  return {
    ...view,
    primaryContactId: realId(view.primaryContactId, freshIds),
    secondaryContactIds: view.secondaryContactIds.map((id) => realId(id, freshIds)),
  };
}
