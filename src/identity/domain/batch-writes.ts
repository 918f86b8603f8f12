import { current, primaryOf, type Batch, type Growing } from './batch.js';
import type { Claim, Contact } from './contact.js';
import type { Newcomer, TouchedRow, Writes } from './writes.js';

/** What is to be written for a batch whose sightings have all been taken. */
export function writesOf(batch: Batch): Writes {
  const claims = [...batch.claims.values()];
  return {
    touched: batch.identities.flatMap((identity) => touchedRows(identity, batch.dates)),
    newcomers: batch.newcomers.map(({ contact, identity }) =>
      placed(contact, current(identity), batch.dates),
    ),
    claims: claims.filter(({ isNews }) => isNews).map(bare),
    movedClaims: claims.filter(({ isNews }) => !isNews).map(bare),
    merges: batch.merges,
    deletion: null,
    youngestTouched: youngest(batch.identities.filter(({ isChanged }) => isChanged)),
  };
}

function bare({ kind, value, contactId }: Claim): Claim {
  return { kind, value, contactId };
}

/**
 * The rows that must not have changed: of an identity that keeps its primary, that one and those with another date;
 * otherwise every row, deleted ones too.
 */
function touchedRows(identity: Growing, dates: ReadonlyMap<number, number>): TouchedRow[] {
  if (identity.stored === null || !identity.isChanged) {
    return [];
  }
  const { primaryId, rows } = identity.stored;
  const newPrimaryId = primaryOf(current(identity)).id;
  return rows
    .filter(({ id }) => newPrimaryId !== primaryId || id === primaryId || dates.has(id))
    .map(({ id, version }) => ({
      id,
      version,
      linkedId: id === newPrimaryId ? null : newPrimaryId,
      ...dated(dates.get(id)),
    }));
}

/** A newcomer with the link it ends up with after all the merges of the batch. */
function placed(contact: Contact, identity: Growing, dates: ReadonlyMap<number, number>): Newcomer {
  const { id, email, phoneNumber, createdAt } = contact;
  const primaryId = primaryOf(identity).id;
  const linkedId = primaryId === id ? null : primaryId;
  const date = dates.get(id) ?? createdAt;
  return { id, email, phoneNumber, linkedId, ...dated(date === Infinity ? undefined : date) };
}

function dated(createdAt: number | undefined): { createdAt?: number } {
  return createdAt === undefined ? {} : { createdAt };
}

/** Deleted rows count too: whatever is restored or promoted later must stay older than a newcomer of today. */
function youngest(identities: readonly Growing[]): number {
  return identities
    .flatMap(({ stored, contacts }) => [...(stored?.rows ?? []), ...contacts])
    .filter(({ createdAt }) => createdAt !== Infinity)
    .reduce((latest, { createdAt }) => Math.max(latest, createdAt), 0);
}
