import {
  carries,
  liveContacts,
  type Claim,
  type Contact,
  type Identifier,
  type Identity,
} from './contact.js';
import { ruledOf } from './facts.js';
import { IdentifierMap } from './identifier-map.js';
import type { KnownRules } from './rules.js';
import { NO_WRITES, type Deletion, type TouchedRow, type Writes } from './writes.js';

/**
 * Decides what deleting a contact changes: who is primary afterwards, and where its claims go.
 *
 * If the deleted contact was the primary, the oldest remaining one becomes the primary, and every other row, the deleted one
 * too, links to it. A claim moves to the oldest remaining contact with the value. If there is none, the value is free again,
 * or reserved if it has a rule. The rest of the identity stays together.
 *
 * Pure: nothing passed in is modified.
 *
 * @param identity the whole identity of the contact
 * @param contactId a live contact of it
 * @param rules the known rules; if more are needed, the writes say so
 */
export function remove(identity: Identity, contactId: number, rules: KnownRules): Writes {
  const live = liveContacts(identity);
  const deleted = live.find(({ id }) => id === contactId);
  if (deleted === undefined) {
    throw new Error(`contact ${contactId} is not a live contact of identity ${identity.primaryId}`);
  }
  const rest = live.filter(({ id }) => id !== contactId);
  return {
    ...NO_WRITES,
    touched: touchedRows(identity, deleted, rest),
    ...claimsAfter(live, deleted, rest, { ruled: ruledOf(identity), rules }),
  };
}

/**
 * Decides what deleting all contacts of an identity changes: every value is free again, or reserved if it has a rule. The
 * rows keep their links.
 *
 * Pure: nothing passed in is modified.
 *
 * @param identity an identity with live contacts
 * @param rules the known rules; if more are needed, the writes say so
 */
export function removeAll(identity: Identity, rules: KnownRules): Writes {
  const { primaryId, rows } = identity;
  const live = rows.filter(({ isDeleted }) => !isDeleted);
  const held = new IdentifierMap<Identifier>();
  live.forEach(({ identifiers }) =>
    identifiers.forEach(({ kind, value }) => held.set({ kind, value }, { kind, value })),
  );
  const { freedClaims, reservedClaims, unknownRules } = leaveUnheld(
    [...held.items()],
    ruledOf(identity),
    rules,
  );
  return {
    ...NO_WRITES,
    touched: live.map(({ id, version }) => ({
      id,
      version,
      linkedId: id === primaryId ? null : primaryId,
      leavesPast: false,
    })),
    deletion: { contactIds: live.map(({ id }) => id), freedClaims, reservedClaims },
    unknownRules,
  };
}

function touchedRows(
  { primaryId, rows }: Identity,
  deleted: Contact,
  rest: readonly Contact[],
): TouchedRow[] {
  const heir = rest[0];
  if (deleted.id === primaryId && heir !== undefined) {
    return rows.map(({ id, version }) => ({
      id,
      version,
      linkedId: id === heir.id ? null : heir.id,
      leavesPast: true,
    }));
  }
  return rows
    .filter(({ id }) => id === deleted.id || id === primaryId)
    .map(({ id, version }) => ({
      id,
      version,
      linkedId: id === primaryId ? null : primaryId,
      leavesPast: false,
    }));
}

function claimsAfter(
  live: readonly Contact[],
  deleted: Contact,
  rest: readonly Contact[],
  { ruled, rules }: { readonly ruled: readonly Identifier[]; readonly rules: KnownRules },
): Pick<Writes, 'movedClaims' | 'deletion' | 'unknownRules'> {
  const moved: Claim[] = [];
  const left: Identifier[] = [];
  for (const { kind, value } of deleted.identifiers) {
    const isCarrier = (contact: Contact): boolean => carries(contact, { kind, value });
    if (live.find(isCarrier) !== deleted) {
      continue; // an older contact has the value and keeps the claim
    }
    const heir = rest.find(isCarrier);
    if (heir !== undefined) {
      moved.push({ kind, value, contactId: heir.id });
      continue;
    }
    left.push({ kind, value });
  }
  const { freedClaims, reservedClaims, unknownRules } = leaveUnheld(left, ruled, rules);
  return {
    movedClaims: moved,
    deletion: { contactIds: [deleted.id], freedClaims, reservedClaims },
    unknownRules,
  };
}

/**
 * What becomes of identifiers that nobody has any more.
 *
 * @param ruled those that may have rules; see {@link ruledOf}
 * @param rules the known rules; if more are needed, the writes ask for them
 */
export function leaveUnheld(
  identifiers: readonly Identifier[],
  ruled: readonly Identifier[],
  rules: KnownRules,
): Pick<Deletion, 'freedClaims' | 'reservedClaims'> & Pick<Writes, 'unknownRules'> {
  const mayHaveRules = new IdentifierMap<true>();
  ruled.forEach((identifier) => mayHaveRules.set(identifier, true));
  const freedClaims: Identifier[] = [];
  const reservedClaims: Identifier[] = [];
  const unknownRules: Identifier[] = [];
  for (const identifier of identifiers) {
    const known = mayHaveRules.has(identifier) ? rules.of(identifier) : [];
    if (known === undefined) {
      unknownRules.push(identifier);
    }
    (known === undefined || known.length === 0 ? freedClaims : reservedClaims).push(identifier);
  }
  return { freedClaims, reservedClaims, unknownRules };
}
