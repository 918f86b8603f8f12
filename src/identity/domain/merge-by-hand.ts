import {
  byAge,
  liveContacts,
  viewOf,
  type Contact,
  type Identity,
  type IdentityView,
  type Snapshot,
} from './contact.js';
import { factsOf } from './facts.js';
import { exceededLimit, type Policy, type Size } from './policy.js';
import { rulesBetween, type Rule } from './rules.js';
import { NO_WRITES, type Merge, type TouchedRow, type Writes } from './writes.js';

/** What a merge by hand comes to: it is made, or something forbids it. */
export interface MergeByHand {
  readonly writes: Writes;
  /** The one identity that they are afterwards. */
  readonly view: IdentityView;
  /** The rules that forbid it; if there are any, the writes are none. */
  readonly forbiddenBy: readonly Rule[];
  /** The limit that forbids it, as in {@link exceededLimit}; null: none. If there is one, the writes are none. */
  readonly exceeds: string | null;
}

/**
 * Decides what merging the identities of some contacts by hand changes.
 *
 * The identity with the oldest primary survives, and every row of the others links to that primary. An edge joins the
 * contact named first with each of the others, in order, unless they are in one identity by then. If all are in one identity
 * already, nothing is written. Claims stay, since they name contacts.
 *
 * A rule between two of the identities forbids the merge, and so does a limit that they would exceed as one. By force it takes
 * place, and these rules end.
 *
 * Pure: nothing passed in is modified.
 *
 * @param snapshot every identity of a named contact, with all its rows; if their rules are needed and not known, the writes
 *   ask for them
 * @param contactIds live contacts of them, each named once
 */
export function mergeByHand(
  { identities, rules, policy }: Snapshot,
  contactIds: readonly number[],
  isForced = false,
): MergeByHand {
  const identityOf = new Map(identities.flatMap((identity) => identity.rows.map(({ id }) => [id, identity])));
  const [firstId, ...others] = contactIds;
  const joined = new Set([known(identityOf, firstId)]);
  let survivor = primaryOf(known(identityOf, firstId));
  const merges: Merge[] = [];
  for (const contactId of others) {
    const identity = known(identityOf, contactId);
    if (joined.has(identity)) {
      continue;
    }
    joined.add(identity);
    const [older, younger] = [survivor, primaryOf(identity)].toSorted(byAge) as [Contact, Contact];
    merges.push({
      survivorId: older.id,
      mergedId: younger.id,
      leftId: firstId!,
      rightId: contactId,
      cause: 'manual',
      identifiers: [],
    });
    survivor = older;
  }
  const rows = [...joined].flatMap((identity) => identity.rows);
  const view = viewOf(liveContacts({ primaryId: survivor.id, rows }));
  const { crossed, unknownRules } = rulesBetween([...joined], rules, policy.kinds);
  const forbiddenBy = isForced ? [] : crossed;
  const exceeds = isForced ? null : limitOf(policy, [...joined]);
  if (merges.length === 0 || forbiddenBy.length > 0 || exceeds !== null) {
    return { writes: { ...NO_WRITES, unknownRules }, view, forbiddenBy, exceeds };
  }
  const touched = [...joined].flatMap((identity) => touchedRows(identity, survivor.id));
  return {
    writes: { ...NO_WRITES, merges, touched, liftedRules: crossed, unknownRules },
    view,
    forbiddenBy,
    exceeds,
  };
}

/** The limit that the identities would exceed as one. Both forms of a number count once. */
function limitOf(policy: Policy, joined: readonly Identity[]): string | null {
  const { kinds } = policy;
  const sizes = joined.map((identity): Size => ({
    contacts: factsOf(identity).live.length,
    valuesOf: (kind) => kinds.count(kind, valuesOf(identity, kind)),
  }));
  const countDoubled = (kind: string): number => {
    const all = joined.flatMap((identity) => valuesOf(identity, kind));
    return sizes.reduce((sum, size) => sum + size.valuesOf(kind), 0) - kinds.count(kind, all);
  };
  return exceededLimit(policy, sizes, [], countDoubled);
}

function valuesOf(identity: Identity, kind: string): readonly string[] {
  return factsOf(identity).view.values.get(kind) ?? [];
}

/** Of the survivor the primary; of the others every row, deleted ones too. */
function touchedRows({ primaryId, rows }: Identity, survivorId: number): TouchedRow[] {
  const isSurvivor = primaryId === survivorId;
  return rows
    .filter(({ id }) => !isSurvivor || id === survivorId)
    .map(({ id, version }) => ({
      id,
      version,
      linkedId: id === survivorId ? null : survivorId,
      leavesPast: !isSurvivor,
    }));
}

function primaryOf({ primaryId, rows }: Identity): Contact {
  const primary = rows.find(({ id }) => id === primaryId);
  if (primary === undefined) {
    throw new Error(`identity ${primaryId} lacks its primary`);
  }
  return primary;
}

function known(identityOf: ReadonlyMap<number, Identity>, contactId: number | undefined): Identity {
  const identity = contactId === undefined ? undefined : identityOf.get(contactId);
  if (identity === undefined) {
    throw new Error(`contact ${contactId} is in none of the identities`);
  }
  return identity;
}
