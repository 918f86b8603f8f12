import type { ProblemDescription, ProblemError } from '../http/problems/problem.js';

/** Events after the cursor are no longer there, or were lost when the database was restored. */
export class CursorExpiredError extends Error implements ProblemError {
  override readonly name = 'CursorExpiredError';

  constructor() {
    super('the events after this cursor are not all there');
  }

  get problem(): ProblemDescription {
    return {
      slug: 'cursor-expired',
      title: 'Cursor expired',
      status: 410,
      detail:
        'Not all events after this cursor are there: they are older than the retention, or the database was restored, or events were turned off for a while. Start again with an export and its cursor.',
    };
  }
}

/** The service leaves no events. */
export class EventsDisabledError extends Error implements ProblemError {
  override readonly name = 'EventsDisabledError';

  constructor() {
    super('events are turned off');
  }

  get problem(): ProblemDescription {
    return {
      slug: 'events-disabled',
      title: 'Events are turned off',
      status: 404,
      detail: 'This service is set to leave no events: EVENTS_ENABLED=false.',
    };
  }
}
