import { isoOf } from '../identity/api/dto/moment.js';
import type { IdentityEvent, ReviewEvent } from '../identity/domain/events.js';
import type { LoggedEvent } from './event-log.js';
import { cursorAfter, textOf, type Head } from './head.js';

const SOURCE = 'identity-reconciliation';
/** As many digits as the largest position has, so that the text sorts as the number. */
const SEQUENCE_DIGITS = 16;

/** An event in the form of CloudEvents 1.0, with its extension `sequence`. */
export interface CloudEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly sequence: string;
  readonly data: IdentityEvent | ReviewEvent;
}

/** An event as it is told. Its id is also the cursor that goes on after it. */
export function cloudEventOf(head: Head, { position, at, type, data }: LoggedEvent): CloudEvent {
  return {
    specversion: '1.0',
    id: textOf(cursorAfter(head, position)),
    source: SOURCE,
    type,
    subject: 'reviewId' in data ? `reviews/${data.reviewId}` : subjectOf(data),
    time: isoOf(at),
    datacontenttype: 'application/json',
    sequence: String(position).padStart(SEQUENCE_DIGITS, '0'),
    data,
  };
}

function subjectOf({ primaryContactId, previousPrimaryContactId }: IdentityEvent): string {
  return `contacts/${primaryContactId ?? previousPrimaryContactId}`;
}
