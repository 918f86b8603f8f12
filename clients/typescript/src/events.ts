import type { EventsResponse } from './generated/types.gen.js';

export type Event = EventsResponse['events'][number];

/** What {@link eventsOf} asks for: a place, and how many seconds to wait there. */
export interface EventsQuery {
  readonly after?: string;
  readonly wait: number;
}

/** How long a call waits for the next event, in seconds; the service allows no more. */
const WAIT_S = 8;

/**
 * All events from a place on, as they happen, without end.
 *
 * Store `event.id` with what you do for an event: it is the place to go on from.
 *
 * @param read reads a page; it waits for the next event if there is none
 * @param after the id of the last event that was seen, the cursor of an export, or `latest`; absent: the oldest event that is there
 * @throws {ProblemError} `urn:problem:cursor-expired` if events after the place are gone: start again with an export
 * @example
 * for await (const event of eventsOf((query) => client.listEvents({ query }), cursor)) { … }
 */
export async function* eventsOf(
  read: (query: EventsQuery) => Promise<{ readonly data: EventsResponse }>,
  after?: string,
): AsyncGenerator<Event, never, undefined> {
  for (let place = after; ;) {
    const { data } = await read({ ...(place !== undefined && { after: place }), wait: WAIT_S });
    yield* data.events;
    place = data.next;
  }
}
