import { missingEvidence } from './evidence.js';
import { mergesWithin, type RecordedMerge } from './explain.js';
import type { RecordedContact } from './past.js';

/** A change that somebody made by hand. */
export interface MadeChange {
  readonly id: number;
  readonly kind: string;
  /** In µs since 1970. */
  readonly at: number;
  readonly actor: string;
  readonly reason: string | null;
  readonly contactIds: readonly number[];
}

/** What can happen to an identity, in the order in which it is told where the time is the same. */
export const HISTORY_TYPES = [
  'created',
  'linked',
  'merged',
  'merge-undone',
  'split',
  'contact-deleted',
  'erased',
] as const;
export type HistoryType = (typeof HISTORY_TYPES)[number];

/** Something that happened to an identity. */
export interface HistoryEvent {
  readonly type: HistoryType;
  /** In µs since 1970. */
  readonly at: number;
  /** Of the contact, the merge or the change; no two events of a type share it. */
  readonly id: number;
  /**
   * `linked`: the newcomer, then what it attached to. `merged` and `merge-undone`: the primary that stayed or would have, then
   * the other one.
   */
  readonly contactIds: readonly number[];
  readonly mergeId: number | null;
  /** null: nobody did it by hand. */
  readonly change: MadeChange | null;
  /** Whether it was not recorded what the newcomer attached to, or what the merge joined, but worked out later. */
  readonly isAssumed: boolean;
}

/** Changes that are events of their own. Others show as what they did: merges made and undone, contacts deleted. */
const EVENTS_OF_CHANGES: Readonly<Record<string, HistoryType>> = {
  split: 'split',
  block: 'split',
  erasure: 'erased',
};

/**
 * All that happened to an identity, the oldest first: to the contacts that it has today, deleted ones included, and to the
 * merges that ever joined one of them to another.
 *
 * Pure: the order of what is given does not matter.
 *
 * @param contacts all of the identity
 * @param merges all that have one of them as an end
 * @param changes all that made or undid one of the merges, deleted one of the contacts, or changed one in another way
 */
export function historyOf(
  primaryId: number,
  contacts: readonly RecordedContact[],
  merges: readonly RecordedMerge[],
  changes: readonly MadeChange[],
): HistoryEvent[] {
  const changeOf = new Map(changes.map((change) => [change.id, change]));
  const changesAt = Map.groupBy(
    changes.map((change) => ({ change, ids: new Set(change.contactIds) })),
    ({ change }) => change.at,
  );
  const known = new Set(contacts.map(({ id }) => id));
  const missing = missingEvidence(primaryId, contacts, mergesWithin(known, merges));
  const events = [
    ...contacts.map((contact) => arrival(contact, missing)),
    ...contacts.flatMap((contact) => deletion(contact, changesAt)),
    ...merges.flatMap((merge) => mergeAndUndo(merge, changeOf)),
    ...changes.flatMap((change): HistoryEvent[] => {
      const type = EVENTS_OF_CHANGES[change.kind];
      const { id, at } = change;
      // A blocked value may have held many persons together. Each is told only of its own contacts.
      const contactIds =
        change.kind === 'block' ? change.contactIds.filter((each) => known.has(each)) : change.contactIds;
      return type === undefined
        ? []
        : [{ type, at, id, contactIds, mergeId: null, change, isAssumed: false }];
    }),
  ];
  return events.toSorted(inOrder);
}

/** The events behind one that was told, as many as are asked for. @param after null: from the first on */
export function eventsAfter(
  events: readonly HistoryEvent[],
  after: EventKey | null,
  limit: number,
): { readonly items: HistoryEvent[]; readonly isLast: boolean } {
  const start = after === null ? 0 : events.findIndex((event) => inOrder(after, event) < 0);
  const items = start === -1 ? [] : events.slice(start, start + limit);
  return { items, isLast: start === -1 || start + limit >= events.length };
}

/** What tells an event from all others of its identity, and where it stands among them. */
export type EventKey = Pick<HistoryEvent, 'at' | 'type' | 'id'>;

function inOrder(a: EventKey, b: EventKey): number {
  return a.at - b.at || HISTORY_TYPES.indexOf(a.type) - HISTORY_TYPES.indexOf(b.type) || a.id - b.id;
}

function arrival(
  { id, recordedAt, joinedId, isAssumed, firstJoinedId }: RecordedContact,
  missing: ReadonlyMap<number, number>,
): HistoryEvent {
  const isChanged = firstJoinedId !== undefined;
  const attachedTo = isChanged ? firstJoinedId : (missing.get(id) ?? joinedId);
  return {
    type: attachedTo === null ? 'created' : 'linked',
    at: recordedAt,
    id,
    contactIds: attachedTo === null ? [id] : [id, attachedTo],
    mergeId: null,
    change: null,
    isAssumed: attachedTo !== null && !isChanged && (isAssumed || missing.has(id)),
  };
}

function deletion(
  { id, deletedAt }: RecordedContact,
  changesAt: ReadonlyMap<number, readonly { change: MadeChange; ids: ReadonlySet<number> }[]>,
): HistoryEvent[] {
  if (deletedAt === null) {
    return [];
  }
  const change = changesAt.get(deletedAt)?.find(({ ids }) => ids.has(id))?.change ?? null;
  return [
    { type: 'contact-deleted', at: deletedAt, id, contactIds: [id], mergeId: null, change, isAssumed: false },
  ];
}

/** An edge that a split kept is no event: nothing was joined. */
function mergeAndUndo(
  { id, at, survivorId, mergedId, cause, changeId, undone, isAssumed }: RecordedMerge,
  changeOf: ReadonlyMap<number, MadeChange>,
): HistoryEvent[] {
  const common = { id, contactIds: [survivorId, mergedId], mergeId: id, isAssumed };
  const made: HistoryEvent = {
    ...common,
    type: 'merged',
    at,
    change: changeId === null ? null : (changeOf.get(changeId) ?? null),
  };
  const undo = undone && {
    ...common,
    type: 'merge-undone' as const,
    at: undone.at,
    change: changeOf.get(undone.changeId) ?? null,
  };
  return [...(cause === 'kept' ? [] : [made]), ...(undo === null ? [] : [undo])];
}
