import { byAge, carriesAnyForm, type Identifier } from './contact.js';
import { missingEvidence, type MergeEdge } from './evidence.js';
import type { PastState, RecordedContact } from './past.js';

/** A merge as it is recorded, in force or undone. */
export interface RecordedMerge extends MergeEdge {
  readonly id: number;
  /** In µs since 1970. */
  readonly at: number;
  readonly survivorId: number;
  readonly mergedId: number;
  readonly cause: string;
  /** The sighting that caused it; empty if it was made by hand. */
  readonly identifiers: readonly Identifier[];
  /** Whether nobody recorded which contacts it joined, so that the primaries stand for them. */
  readonly isAssumed: boolean;
  /** The change that made it; null: no change by hand. */
  readonly changeId: number | null;
  /** The change that undid it, and when in µs since 1970; null: it is in force. */
  readonly undone: { readonly changeId: number; readonly at: number } | null;
}

/** An identity as it is today, with all that is recorded of its contacts. */
export interface RecordedIdentity {
  readonly primaryId: number;
  /** Deleted ones too. */
  readonly contacts: readonly RecordedContact[];
}

/** Identities, and the merges that have one of their contacts as an end, by age. */
export interface Evidence {
  readonly identities: readonly RecordedIdentity[];
  readonly merges: readonly RecordedMerge[];
}

/** What a decision about the evidence of identities rests on. */
export interface KnownEvidence extends Evidence {
  /** States of the contacts that had another date than today, as far back as was asked for. */
  readonly past: readonly PastState[];
}

/** The identity that has a contact. @throws {Error} if none of them has it */
export function identityWith(identities: readonly RecordedIdentity[], contactId: number): RecordedIdentity {
  const identity = identities.find(({ contacts }) => contacts.some(({ id }) => id === contactId));
  if (identity === undefined) {
    throw new Error(`contact ${contactId} is in none of the identities`);
  }
  return identity;
}

/** The merges in force that join two of the contacts. @param contacts by their ids */
export function mergesWithin(
  contacts: { has(id: number): boolean },
  merges: readonly RecordedMerge[],
): RecordedMerge[] {
  return merges.filter(
    ({ undone, leftId, rightId }) => undone === null && contacts.has(leftId) && contacts.has(rightId),
  );
}

/** One reason why two contacts are one person. */
export interface EvidenceEdge {
  /** Of a merge the one that held the stronger identifier, otherwise the contact that was there before. */
  readonly fromId: number;
  readonly toId: number;
  /** `shared`: the younger one attached to the other by a value that both carry. `merge`: a merge joined them. */
  readonly type: 'shared' | 'merge';
  /** What both carry, or the sighting that caused the merge. */
  readonly identifiers: readonly Identifier[];
  /** In µs since 1970. */
  readonly at: number;
  /** null: it is no merge. */
  readonly merge: { readonly id: number; readonly cause: string } | null;
  /** Whether it was not recorded, but worked out later. */
  readonly isAssumed: boolean;
}

/**
 * Why the contacts of an identity are one person: a tree over all of them, deleted ones included. What builds from before
 * did not record is worked out, and marked as assumed.
 *
 * Pure: the order of what is given does not matter.
 *
 * @param contacts all of the identity
 * @param merges at least those that join two of them; undone ones are no edges
 * @returns one edge less than there are contacts, the oldest first
 */
export function edgesOf(
  primaryId: number,
  contacts: readonly RecordedContact[],
  merges: readonly RecordedMerge[],
): EvidenceEdge[] {
  const byId = new Map(contacts.map((contact) => [contact.id, contact]));
  const inForce = mergesWithin(byId, merges);
  const missing = missingEvidence(primaryId, contacts, inForce);
  const shared = contacts.flatMap((contact): EvidenceEdge[] => {
    const joinedId = missing.get(contact.id) ?? contact.joinedId;
    const joined = joinedId === null ? undefined : byId.get(joinedId);
    return joined === undefined
      ? []
      : [
          {
            fromId: joined.id,
            toId: contact.id,
            type: 'shared',
            identifiers: contact.identifiers.filter((identifier) => carriesAnyForm(joined, identifier)),
            at: contact.recordedAt,
            merge: null,
            isAssumed: contact.isAssumed || missing.has(contact.id),
          },
        ];
  });
  const merged = inForce.map(({ id, leftId, rightId, identifiers, at, cause, isAssumed }): EvidenceEdge => ({
    fromId: leftId,
    toId: rightId,
    type: 'merge',
    identifiers,
    at,
    merge: { id, cause },
    isAssumed,
  }));
  return [...shared, ...merged].toSorted((a, b) => a.at - b.at || a.fromId - b.fromId || a.toId - b.toId);
}

/** By contact: those that an edge joins it to. */
export function neighboursIn(
  edges: readonly Pick<EvidenceEdge, 'fromId' | 'toId'>[],
): ReadonlyMap<number, readonly number[]> {
  const neighbours = new Map<number, number[]>();
  for (const { fromId, toId } of edges) {
    for (const [one, other] of [
      [fromId, toId],
      [toId, fromId],
    ] as const) {
      const known = neighbours.get(one);
      if (known === undefined) {
        neighbours.set(one, [other]);
      } else {
        known.push(other);
      }
    }
  }
  return neighbours;
}

/**
 * The one path between two contacts of an identity, each edge in the direction in which it is walked.
 *
 * @param edges the evidence of the identity, see {@link edgesOf}
 * @returns null if the edges do not connect them; empty if both are one
 */
export function pathBetween(
  edges: readonly EvidenceEdge[],
  fromId: number,
  toId: number,
): EvidenceEdge[] | null {
  const edgesAt = new Map<number, EvidenceEdge[]>();
  for (const edge of edges) {
    for (const end of [edge.fromId, edge.toId]) {
      const known = edgesAt.get(end);
      if (known === undefined) {
        edgesAt.set(end, [edge]);
      } else {
        known.push(edge);
      }
    }
  }
  // Each contact that was reached, and the edge that led there.
  const reached = new Map<number, EvidenceEdge | null>([[fromId, null]]);
  for (const id of reached.keys()) {
    for (const edge of edgesAt.get(id) ?? []) {
      const next = otherEnd(edge, id);
      if (!reached.has(next)) {
        reached.set(next, edge);
      }
    }
  }
  if (!reached.has(toId)) {
    return null;
  }
  const path: EvidenceEdge[] = [];
  for (let at = toId, edge = reached.get(at) ?? null; edge !== null; edge = reached.get(at) ?? null) {
    const before = otherEnd(edge, at);
    path.push({ ...edge, fromId: before, toId: at });
    at = before;
  }
  return path.toReversed();
}

function otherEnd({ fromId, toId }: EvidenceEdge, id: number): number {
  return fromId === id ? toId : fromId;
}

/** The undone merges between two identities: those that would join them if they were in force. */
export function undoneBetween(
  one: readonly RecordedContact[],
  other: readonly RecordedContact[],
  merges: readonly RecordedMerge[],
): RecordedMerge[] {
  const [ones, others] = [one, other].map((contacts) => new Set(contacts.map(({ id }) => id))) as [
    Set<number>,
    Set<number>,
  ];
  return merges
    .filter(
      ({ leftId, rightId, undone }) =>
        undone !== null &&
        ((ones.has(leftId) && others.has(rightId)) || (ones.has(rightId) && others.has(leftId))),
    )
    .toSorted((a, b) => a.id - b.id);
}

/** Contacts by age, the oldest first. */
export function oldestFirst(contacts: readonly RecordedContact[]): RecordedContact[] {
  return contacts.toSorted(byAge);
}
