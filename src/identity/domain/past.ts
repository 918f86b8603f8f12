import { byAge, viewOf, type Contact, type Identifier, type IdentityView } from './contact.js';
import type { EvidentContact } from './evidence.js';

/** A contact as it is stored today, with everything known of its past except its earlier states. */
export interface RecordedContact extends EvidentContact {
  readonly linkedId: number | null;
  /** When it was written, in µs since 1970; imported contacts are older than that. */
  readonly recordedAt: number;
  /** In µs since 1970; null: it is live. */
  readonly deletedAt: number | null;
  /** Whether `joinedId` was reconstructed later, because it was not recorded. */
  readonly isAssumed: boolean;
  /** What it attached to when it came, if a change attached it to another contact since; absent: that is `joinedId`, or not read. */
  readonly firstJoinedId?: number | null;
}

/** The state that a contact had until a moment, when its link, its date or its values changed. */
export interface PastState {
  readonly contactId: number;
  /** In µs since 1970; the state ended then, so the next one holds at this very moment. */
  readonly until: number;
  readonly linkedId: number | null;
  readonly createdAt: number;
  readonly identifiers: readonly Identifier[];
}

/** A contact as it was at a moment. */
interface Then extends Contact {
  readonly linkedId: number | null;
}

/**
 * The identity that a contact belonged to at a moment, as a caller saw it then. A change at that moment is included.
 * Imported contacts exist from when they were recorded, and have the date that they had then.
 *
 * Pure: the order of the records does not matter.
 *
 * @param contacts every contact that may have belonged to it, deleted ones too; further contacts are harmless
 * @param past their states that ended after the moment, all of them or just the first of each
 * @param at in µs since 1970
 * @returns null if the contact did not exist, or was deleted
 */
export function identityAt(
  contactId: number,
  contacts: readonly RecordedContact[],
  past: readonly PastState[],
  at: number,
): IdentityView | null {
  const states = firstStates(past, at);
  const live = contacts
    .filter(({ recordedAt, deletedAt }) => recordedAt <= at && (deletedAt === null || deletedAt > at))
    .map((contact): Then => ({ ...contact, ...states.get(contact.id), isDeleted: false }));
  const asked = live.find(({ id }) => id === contactId);
  if (asked === undefined) {
    return null;
  }
  const primaryId = asked.linkedId ?? asked.id;
  const members = live.filter(({ id, linkedId }) => (linkedId ?? id) === primaryId);
  return viewOf(members.toSorted(byAge));
}

/** By contact, the first state that ended after a moment: the state at that moment. */
function firstStates(past: readonly PastState[], at: number): Map<number, PastState> {
  const first = new Map<number, PastState>();
  for (const state of past) {
    const known = first.get(state.contactId);
    if (state.until > at && (known === undefined || state.until < known.until)) {
      first.set(state.contactId, state);
    }
  }
  return first;
}
