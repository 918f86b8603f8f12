import type { Evidence, HistoryEvent } from '../../clients/typescript/src/index.js';
import { eventText } from './event-text.js';

/** A moment at which something happened to an identity. */
export interface Step {
  readonly at: string;
  readonly text: string;
}

/** What has happened since a contact is there, each a step; what happened at one time is one. */
export function stepsOfHistory(events: readonly HistoryEvent[], contactId: number): Step[] {
  const first = events.findIndex(
    ({ type, contactIds }) => (type === 'created' || type === 'linked') && contactIds[0] === contactId,
  );
  return oneEachTime(
    events.slice(Math.max(0, first)).map((event) => ({ at: event.at, text: eventText(event) })),
  );
}

/**
 * The same of a large identity, for which the evidence is there anyhow: a step for each contact that came or was deleted and for each
 * merge. What has left it again is missing.
 */
export function stepsOfEvidence({ contacts, edges }: Evidence, contactId: number): Step[] {
  const own = edges.find(({ type, to }) => type === 'shared' && to === contactId);
  const start = own?.at ?? contacts.find(({ id }) => id === contactId)?.createdAt ?? '';
  const joined = edges.map(({ type, from, to, mergeId, at }) => ({
    at,
    text:
      type === 'shared'
        ? eventText({ type: 'linked', at, contactIds: [to, from] })
        : `Merge ${mergeId} joined contacts ${from} and ${to}`,
  }));
  const deleted = contacts.flatMap(({ id, deletedAt: at }) =>
    at === null ? [] : [{ at, text: eventText({ type: 'contact-deleted', at, contactIds: [id] }) }],
  );
  return oneEachTime(
    [...joined, ...deleted]
      .filter(({ at }) => at >= start)
      .toSorted((a, b) => (a.at === b.at ? 0 : a.at < b.at ? -1 : 1)),
  );
}

/** Of several at one time, the last. */
function oneEachTime(steps: readonly Step[]): Step[] {
  return [...new Map(steps.map((step) => [step.at, step])).values()];
}
