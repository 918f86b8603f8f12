import {
  carries,
  liveContacts,
  type Claim,
  type Contact,
  type Identifier,
  type Identity,
} from './contact.js';
import { ruledOf } from './facts.js';
import { isSame, type KnownRules } from './rules.js';
import { NO_WRITES, type TouchedRow, type Writes } from './writes.js';

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
  const freed: Identifier[] = [];
  const reserved: Identifier[] = [];
  const unknown: Identifier[] = [];
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
    const known = ruled.some((each) => isSame(each, { kind, value })) ? rules.of({ kind, value }) : [];
    if (known === undefined) {
      unknown.push({ kind, value });
    }
    (known === undefined || known.length === 0 ? freed : reserved).push({ kind, value });
  }
  return {
    movedClaims: moved,
    deletion: { contactId: deleted.id, freedClaims: freed, reservedClaims: reserved },
    unknownRules: unknown,
  };
}
