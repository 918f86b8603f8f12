import {
  byAge,
  holdersOf,
  viewOf,
  type Claim,
  type Held,
  type Identifier,
  type Identity,
  type IdentityView,
  type Snapshot,
} from './contact.js';
import { identityWith, type KnownEvidence, type RecordedIdentity, type RecordedMerge } from './explain.js';
import { IdentifierMap } from './identifier-map.js';
import type { Kinds } from './kinds.js';
import type { RecordedContact } from './past.js';
import { ownIdentifiers } from './subject.js';
import { evidenceAfter, primaryLeavesPast, touchedRow, type After } from './take-apart.js';
import { NO_WRITES, type ErasureNote, type Merge, type TouchedRow, type Writes } from './writes.js';

/** What an erasure rests on: the evidence, every past state of its contacts, and who has what these name. */
export type ErasureBasis = Snapshot & { readonly evidence: KnownEvidence; readonly held: readonly Held[] };

/** What is erased. */
export interface Erasing {
  /** Contacts that go with all they carry, if they were recorded in time: after a restore an id may be another contact's. */
  readonly contactIds: ReadonlySet<number>;
  /** They leave every other contact that was recorded in time. */
  readonly identifiers: readonly Identifier[];
  /** What was recorded later than this stays, in µs since 1970. */
  readonly recordedUntil: number;
}

/** What an erasure changes. */
export interface Erasure {
  readonly writes: Writes;
  /** The contacts that go, or lose an identifier. */
  readonly contactIds: readonly number[];
  /** Contacts of identities that are not in the evidence and have one of the identifiers: the decision needs these too. */
  readonly elsewhereIds: readonly number[];
}

/**
 * All that belongs to the identity of a contact: its contacts, deleted ones too, and the identifiers that they carry or carried
 * and that no other identity holds today, with their other forms.
 *
 * @param contactId a contact of the evidence, live or deleted
 */
export function wholeIdentity(contactId: number, basis: ErasureBasis): Erasing {
  const { evidence, held } = basis;
  const identity = identityWith(evidence.identities, contactId);
  const contactIds = new Set(identity.contacts.map(({ id }) => id));
  const own = ownIdentifiers(identity.contacts, evidence.past, held);
  return { contactIds, identifiers: withForms([...own.items()], contactIds, basis), recordedUntil: Infinity };
}

/**
 * An identifier, wherever it is, and its other form, unless that is somebody else's.
 *
 * @param forms it and its older forms
 * @param identity that has one of them; undefined: nobody has
 */
export function oneIdentifier(
  forms: readonly Identifier[],
  identity: RecordedIdentity | undefined,
  basis: ErasureBasis,
): Erasing {
  const ownIds = new Set(identity?.contacts.map(({ id }) => id));
  return {
    contactIds: new Set(),
    identifiers: withForms(forms, ownIds, basis),
    recordedUntil: Infinity,
  };
}

/** With the other forms that nobody else has: they are the same numbers. */
function withForms(
  identifiers: readonly Identifier[],
  ownIds: ReadonlySet<number>,
  { held, policy: { kinds } }: ErasureBasis,
): Identifier[] {
  const others = new IdentifierMap<true>();
  held.forEach((each) => each.contactId === null || ownIds.has(each.contactId) || others.set(each, true));
  const erased = new IdentifierMap<Identifier>();
  identifiers.forEach((each) => erased.set(each, each));
  for (const form of identifiers.flatMap((each) => kinds.otherForm(each) ?? [])) {
    if (!others.has(form)) {
      erased.set(form, form);
    }
  }
  return [...erased.items()];
}

/**
 * An identifier, and the older forms of it that contacts of the evidence carry or carried and nobody else has: they are the same value.
 *
 * @param formOf the normal form of a value; null: it has none
 */
export function withOlderForms(
  identifier: Identifier,
  { evidence, held }: ErasureBasis,
  formOf: (identifier: Identifier) => string | null,
): Identifier[] {
  const contacts = evidence.identities.flatMap((identity) => identity.contacts);
  const own = ownIdentifiers(contacts, evidence.past, held);
  const older = [...own.items()].filter(
    (each) =>
      each.kind === identifier.kind && each.value !== identifier.value && formOf(each) === identifier.value,
  );
  return [identifier, ...older];
}

/**
 * The identity that an erasure is about, as callers see it: its live contacts, or all of them if none is live.
 *
 * @returns null if there are no contacts
 */
export function viewBefore({ contacts }: RecordedIdentity): IdentityView | null {
  const live = contacts.filter(({ isDeleted }) => !isDeleted);
  const shown = (live.length > 0 ? live : contacts).toSorted(byAge);
  return shown.length === 0 ? null : viewOf(shown);
}

/**
 * Decides what an erasure changes.
 *
 * Contacts that are erased, and those that are left without an identifier, are removed. The others keep their ids and their
 * identity, with the oldest live one as its primary. Their evidence stays a tree: an edge to a removed contact, and one whose
 * contacts share nothing any more, is replaced as in a split. A merge that joins two that stay remains, without the erased
 * identifiers. Nobody has these afterwards, but they stay reserved, unless a contact that was recorded later has them.
 *
 * Everything else that names the identifiers or the removed contacts is found by them when this is written.
 *
 * Pure: nothing passed in is modified.
 *
 * @param basis the evidence of every identity that may carry one of the identifiers
 * @param record what is recorded with it
 */
export function erase(
  { contactIds, identifiers, recordedUntil }: Erasing,
  basis: ErasureBasis,
  record: ErasureNote | number,
): Erasure {
  const { identities, merges, past } = basis.evidence;
  const erased = new IdentifierMap<true>();
  identifiers.forEach((identifier) => erased.set(identifier, true));
  const afters = identities.map((identity) =>
    afterErasure(identity, merges, basis.policy.kinds, (contact) =>
      contact.recordedAt > recordedUntil
        ? contact.identifiers
        : contactIds.has(contact.id)
          ? []
          : contact.identifiers.filter((each) => !erased.has(each)),
    ),
  );
  const removedIds = new Set(afters.flatMap((after) => after.removedIds));
  const strippedIds = afters.flatMap((after) => after.strippedIds);
  const pastIds = past
    .filter(
      ({ contactId, identifiers: had }) => !removedIds.has(contactId) && had.some((each) => erased.has(each)),
    )
    .map(({ contactId }) => contactId);
  const claims = claimsAfter(identifiers, basis.held, afters);
  const atEnds = (isEnd: (merge: RecordedMerge) => boolean): number[] =>
    merges.filter(isEnd).map(({ id }) => id);
  return {
    writes: {
      ...NO_WRITES,
      touched: afters.flatMap(({ touched }) => touched),
      merges: afters.flatMap(({ kept }) => kept),
      movedClaims: claims.moved,
      // An heir may carry what a rule speaks of, and only the removed contact said so.
      ruledIds: [...new Set(claims.moved.map(({ contactId }) => contactId))],
      erasure: {
        record,
        identifiers,
        removedIds: afters.flatMap(({ before, removedIds: ids }) => primaryLast(before, ids)),
        strippedIds,
        strippedPastIds: [...new Set([...strippedIds, ...pastIds])],
        removedMergeIds: atEnds(({ leftId, rightId }) => removedIds.has(leftId) || removedIds.has(rightId)),
        strippedMergeIds: atEnds(
          (merge) =>
            !removedIds.has(merge.leftId) &&
            !removedIds.has(merge.rightId) &&
            merge.at <= recordedUntil &&
            merge.identifiers.some((each) => erased.has(each)),
        ),
        claims: claims.left,
        reservations: claims.reservations,
        keptReservations: claims.keptReservations,
      },
      youngestTouched: Math.max(0, ...afters.map(({ youngest }) => youngest)),
    },
    contactIds: afters.flatMap((after) => [...after.removedIds, ...after.strippedIds]),
    elsewhereIds: claims.elsewhereIds,
  };
}

/** Others link to the primary until they are removed. */
function primaryLast({ primaryId }: RecordedIdentity, ids: readonly number[]): number[] {
  return [...ids.filter((id) => id !== primaryId), ...ids.filter((id) => id === primaryId)];
}

/** What becomes of one identity. */
interface IdentityAfter {
  readonly before: RecordedIdentity;
  /** Without those that are removed. */
  readonly rows: readonly RecordedContact[];
  readonly removedIds: readonly number[];
  readonly strippedIds: readonly number[];
  readonly touched: readonly TouchedRow[];
  readonly kept: readonly Merge[];
  readonly youngest: number;
}

function afterErasure(
  identity: RecordedIdentity,
  merges: readonly RecordedMerge[],
  kinds: Kinds,
  left: (contact: RecordedContact) => readonly Identifier[],
): IdentityAfter {
  const rows = identity.contacts.map((before): After & { before: RecordedContact } => {
    const identifiers = left(before);
    return { before, contact: { ...before, identifiers }, side: identifiers.length === 0 ? 1 : 0 };
  });
  const staying = rows.filter(({ side }) => side === 0);
  const removed = rows.filter(({ side }) => side === 1);
  const stripped = staying.filter(
    ({ before, contact }) => contact.identifiers.length < before.identifiers.length,
  );
  const after = {
    before: identity,
    rows: staying.map(({ before, contact }) => ({ ...before, identifiers: contact.identifiers })),
    removedIds: removed.map(({ before }) => before.id),
    strippedIds: stripped.map(({ before }) => before.id),
  };
  if (removed.length + stripped.length === 0) {
    return { ...after, touched: [], kept: [], youngest: 0 };
  }
  // Locked and counted up with all others, so that whoever else writes about them starts again.
  const goodbye = removed.map(({ before: { id, version, linkedId } }): TouchedRow => ({
    id,
    version,
    linkedId,
    leavesPast: false,
  }));
  if (staying.length === 0) {
    return { ...after, touched: goodbye, kept: [], youngest: 0 };
  }
  const stay = identityOf(identity.primaryId, staying);
  const evidence = evidenceAfter({ identity, kinds, merges, isCut: () => false }, rows, [stay]);
  return {
    ...after,
    touched: [
      ...goodbye,
      ...staying.flatMap((row) => touchedRow(row, stay, evidence.joined, new Set())).map(primaryLeavesPast),
    ],
    kept: evidence.kept,
    youngest: staying.reduce((latest, { contact }) => Math.max(latest, contact.createdAt), 0),
  };
}

/** The oldest live contact is the primary. If none is live, the primary stays, or the oldest follows it. */
function identityOf(primaryId: number, staying: readonly After[]): Identity {
  const rows = staying.map(({ contact }) => contact).toSorted(byAge);
  const primary =
    rows.find(({ isDeleted }) => !isDeleted) ?? rows.find(({ id }) => id === primaryId) ?? rows[0]!;
  return { primaryId: primary.id, rows };
}

interface ClaimsAfter {
  /** They pass to the oldest contact of their identity that still carries them. */
  readonly moved: readonly Claim[];
  /** On what no contact of their identity carries any more. */
  readonly left: readonly Identifier[];
  /** Erased identifiers without a claim, and those that were reserved already. */
  readonly reservations: readonly Identifier[];
  readonly keptReservations: readonly Identifier[];
  /** Contacts that are not in the evidence and have one of the identifiers. */
  readonly elsewhereIds: readonly number[];
}

function claimsAfter(
  identifiers: readonly Identifier[],
  held: readonly Held[],
  afters: readonly IdentityAfter[],
): ClaimsAfter {
  const holders = holdersIn(held);
  const heirsOf = new Map<number, IdentifierMap<number>>();
  for (const { before, rows } of afters) {
    const heirs = holdersOf(rows.filter(({ isDeleted }) => !isDeleted).toSorted(byAge));
    before.contacts.forEach(({ id }) => heirsOf.set(id, heirs));
  }
  const after = { moved: [] as Claim[], left: [] as Identifier[], elsewhereIds: [] as number[] };
  const removedIds = new Set(afters.flatMap((each) => each.removedIds));
  // A removed contact may also have what stays with others.
  const others = held.filter(({ contactId }) => contactId !== null && removedIds.has(contactId));
  const named = new IdentifierMap<Identifier>();
  [...identifiers, ...others].forEach(({ kind, value }) => named.set({ kind, value }, { kind, value }));
  for (const identifier of named.items()) {
    const holderId = holders.get(identifier) ?? null;
    const heirs = holderId === null ? undefined : heirsOf.get(holderId);
    const heirId = heirs?.get(identifier);
    if (holderId !== null && heirs === undefined) {
      after.elsewhereIds.push(holderId);
    } else if (holderId !== null && heirId === undefined) {
      after.left.push(identifier);
    } else if (heirId !== undefined && heirId !== holderId) {
      after.moved.push({ ...identifier, contactId: heirId });
    }
  }
  return {
    ...after,
    reservations: identifiers.filter((identifier) => !holders.has(identifier)),
    keptReservations: identifiers.filter((identifier) => holders.get(identifier) === null),
  };
}

/** By identifier: the contact that has it; null: it is reserved. */
function holdersIn(held: readonly Held[]): IdentifierMap<number | null> {
  const holders = new IdentifierMap<number | null>();
  held.forEach((each) => holders.set(each, each.contactId));
  return holders;
}
