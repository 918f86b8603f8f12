import type { Transaction } from '../../database/session/sql-session.js';
import type { Held, Identifier, Sighting, Snapshot } from '../domain/contact.js';
import type { Evidence } from '../domain/explain.js';
import type { Kinds } from '../domain/kinds.js';
import type { Policy } from '../domain/policy.js';
import { loadEvidence, pastOf } from './evidence-rows.js';
import { distinctKeyColumns, heldOf } from './identifier-columns.js';
import * as sql from './reading.statements.js';
import { HOLDERS_OF } from './rule.statements.js';
import { selectionQuery, snapshotOf } from './snapshot-rows.js';

/** The identities of any contacts, with their evidence. */
export interface EvidenceSelection {
  readonly tenantId: number;
  /** Contacts, deleted ones too. */
  readonly evidenceOf: readonly number[];
  /** The identities that share an identifier with these are read too, without their evidence. */
  readonly sightings: readonly Sighting[];
  /** Identifiers whose holders are read like those of the sightings, once the evidence is known; absent: none. */
  readonly holdersOf?: (evidence: Evidence, kinds: Kinds) => readonly Identifier[];
  /** From when on past dates of the contacts are read, in µs since 1970; null: none. */
  readonly pastSince: number | null;
  /** Whether all past states are read instead, and who has the identifiers that are named; absent: no. */
  readonly isToErase?: boolean;
}

/**
 * Reads identities with their evidence, and without it those that share an identifier with the sightings.
 *
 * It takes several statements: the transaction must see one snapshot, or hold the locks of what its decision rests on.
 *
 * @param maxRows null: any number
 * @returns null if there are more contacts than `maxRows`, with their evidence or without
 */
export async function evidentSnapshot(
  transaction: Transaction,
  policy: Policy,
  { tenantId, evidenceOf, sightings: given, holdersOf, pastSince, isToErase }: EvidenceSelection,
  maxRows: number | null,
): Promise<Snapshot | null> {
  const evidence = await loadEvidence(transaction, policy.kinds, tenantId, evidenceOf, maxRows);
  if (evidence === null) {
    return null;
  }
  const { identities, merges } = evidence;
  const sightings = holdersOf ? [...given, { identifiers: holdersOf(evidence, policy.kinds) }] : given;
  const contactIds = identities.flatMap(({ contacts }) => contacts.map(({ id }) => id));
  const [dates = [], rows = []] = await transaction.send(
    isToErase
      ? [sql.LOAD_PAST, tenantId, contactIds]
      : [sql.LOAD_DATES, tenantId, pastSince === null ? [] : contactIds, pastSince ?? 0],
    selectionQuery(policy.kinds, { tenantId, sightings }, [], maxRows && maxRows + 1),
  );
  if (maxRows !== null && rows.length > maxRows) {
    return null;
  }
  const named = snapshotOf(policy, rows, []);
  const past = dates.map((row) => pastOf(policy.kinds, row));
  const evident = new Set(identities.map(({ primaryId }) => primaryId));
  return {
    ...named,
    ...(isToErase && {
      held: await heldIn(transaction, policy.kinds, tenantId, [
        ...identities.flatMap(({ contacts }) => contacts),
        ...past,
        ...sightings,
      ]),
    }),
    identities: [
      ...identities.map(({ primaryId, contacts }) => ({ primaryId, rows: contacts })),
      ...named.identities.filter(({ primaryId }) => !evident.has(primaryId)),
    ],
    evidence: { identities, merges, past },
  };
}

/** Who has the identifiers, of those that somebody has or that are reserved. */
async function heldIn(
  transaction: Transaction,
  kinds: Kinds,
  tenantId: number,
  named: readonly Sighting[],
): Promise<Held[]> {
  const [rows = []] = await transaction.send([HOLDERS_OF, tenantId, ...distinctKeyColumns(kinds, named)]);
  return rows.map((row) => heldOf(kinds, row));
}
