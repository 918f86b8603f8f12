import { carries } from './contact.js';
import type { RecordedMerge } from './explain.js';
import type { PastState, RecordedContact } from './past.js';

/**
 * By contact, the date that it had before merges made it earlier, if nothing else changed it since. The sighting of a merge
 * dated the oldest contact that carries one of its identifiers, so the others keep their dates.
 *
 * @param merges those that are undone
 * @param past states of the contacts with another date than today, from the first of the merges on
 */
export function datesBefore(
  merges: readonly RecordedMerge[],
  contacts: readonly RecordedContact[],
  past: readonly PastState[],
): Map<number, number> {
  const mergesAt = Map.groupBy(merges, ({ at }) => at);
  const statesOf = Map.groupBy(past, ({ contactId }) => contactId);
  const dates = new Map<number, number>();
  for (const contact of contacts) {
    let date = contact.createdAt;
    for (const { until, createdAt } of (statesOf.get(contact.id) ?? []).toSorted(
      (a, b) => b.until - a.until,
    )) {
      const isByMerge =
        createdAt > date &&
        mergesAt.get(until)?.some(({ identifiers }) => identifiers.some((each) => carries(contact, each)));
      if (isByMerge === true) {
        date = createdAt;
        dates.set(contact.id, date);
      } else if (createdAt !== date) {
        break;
      }
    }
  }
  return dates;
}
