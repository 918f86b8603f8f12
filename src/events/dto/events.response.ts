import { ApiExtraModels, ApiProperty, ApiPropertyOptional, ApiSchema, getSchemaPath } from '@nestjs/swagger';
import { EVENT_TYPES, type IdentityEvent, type ReviewEvent } from '../../identity/domain/events.js';
import { REVIEW_DECISIONS, REVIEW_REASONS } from '../../identity/domain/reviews.js';
import { cloudEventOf, type CloudEvent } from '../cloud-event.js';
import type { FeedPage } from '../event-feed.js';
import { textOf } from '../head.js';

const AN_ID = { type: 'integer', minimum: 1 } as const;

class CauseDto {
  @ApiProperty({
    enum: ['identify', 'import', 'manual'],
    description: 'What asked for the change: a call to identify, an import, or people.',
    example: 'identify',
  })
  readonly cause!: 'identify' | 'import' | 'manual';

  @ApiPropertyOptional({ ...AN_ID, description: 'The merge that was made, or that was undone.', example: 9 })
  readonly mergeId?: number;

  @ApiPropertyOptional({ ...AN_ID, description: 'The change by hand.', example: 12 })
  readonly changeId?: number;

  @ApiPropertyOptional({
    type: String,
    description: 'The `x-request-id` of the call. Of many calls that were written together, one.',
    example: '0197f2b8-7c1e-7d3a-9b1f-3f6f0f1f2a4b',
  })
  readonly requestId?: string;
}

@ApiSchema({
  name: 'IdentityEventData',
  description:
    'What became of an identity. Ids only: read the identity if you need what it holds. Contacts that came, those of merged identities and those of the previous primary have the primary from then on; contacts that left have the other one.',
})
export class IdentityEventData extends CauseDto implements IdentityEvent {
  @ApiProperty({
    oneOf: [AN_ID, { type: 'null' }],
    description: 'The primary from then on. Null: no live contact is left.',
    example: 1,
  })
  readonly primaryContactId!: number | null;

  @ApiPropertyOptional({
    ...AN_ID,
    description:
      'The version of the identity with this primary: it grows with every change. An event with a lower one than you have seen is old. Absent: nobody is left.',
    example: 3,
  })
  readonly version?: number;

  @ApiPropertyOptional({ ...AN_ID, description: 'The primary until then, if it was another.', example: 4 })
  readonly previousPrimaryContactId?: number;

  @ApiPropertyOptional({
    type: [Number],
    description: 'The contacts that came, or that were deleted or erased. Absent: none.',
    example: [7],
  })
  readonly contactIds?: readonly number[];

  @ApiPropertyOptional({
    type: [Number],
    description: 'The primaries, until then, of the identities that were merged into this one.',
    example: [4],
  })
  readonly mergedIds?: readonly number[];

  @ApiPropertyOptional({ type: [Number], description: 'The contacts that left with a split.', example: [4] })
  readonly partedIds?: readonly number[];

  @ApiPropertyOptional({ ...AN_ID, description: 'The primary of those that left.', example: 4 })
  readonly partedPrimaryContactId?: number;

  @ApiPropertyOptional({
    ...AN_ID,
    description: 'The version of the identity of those that left.',
    example: 2,
  })
  readonly partedVersion?: number;
}

@ApiSchema({ name: 'ReviewEventData', description: 'A review that was opened or decided.' })
export class ReviewEventData extends CauseDto implements ReviewEvent {
  @ApiProperty({ ...AN_ID, description: 'The review.', example: 7 })
  readonly reviewId!: number;

  @ApiPropertyOptional({ enum: REVIEW_REASONS, description: 'Why it was opened.', example: 'limit' })
  readonly reason?: ReviewEvent['reason'];

  @ApiPropertyOptional({ enum: REVIEW_DECISIONS, description: 'What was decided.', example: 'link' })
  readonly decision?: ReviewEvent['decision'];
}

@ApiExtraModels(IdentityEventData, ReviewEventData)
@ApiSchema({
  name: 'Event',
  description: 'A change, in the form of CloudEvents 1.0 with the extension `sequence`.',
})
export class EventDto implements CloudEvent {
  @ApiProperty({ enum: ['1.0'], description: 'The version of CloudEvents.', example: '1.0' })
  readonly specversion!: '1.0';

  @ApiProperty({
    description: 'Unique. The same event always has the same id, which is also the cursor after it.',
    example: '5f0c2e9a41d7-128',
  })
  readonly id!: string;

  @ApiProperty({ description: 'Where it comes from.', example: 'identity-reconciliation' })
  readonly source!: string;

  @ApiProperty({ enum: EVENT_TYPES, description: 'What happened.', example: 'identity.merged' })
  readonly type!: string;

  @ApiProperty({
    description: 'What it is about: `contacts/` and the primary contact, or `reviews/` and the review.',
    example: 'contacts/1',
  })
  readonly subject!: string;

  @ApiProperty({
    type: String,
    format: 'date-time',
    description: 'When the change was made.',
    example: '2026-11-25T18:41:06.123456Z',
  })
  readonly time!: string;

  @ApiProperty({
    enum: ['application/json'],
    description: 'The media type of `data`.',
    example: 'application/json',
  })
  readonly datacontenttype!: 'application/json';

  @ApiProperty({
    description:
      'The position in the log of the tenant, with leading zeros. Positions have no gaps: whoever reads all types sees by them that none is missing.',
    example: '0000000000000128',
  })
  readonly sequence!: string;

  @ApiProperty({
    description: 'What became of the identity, or of the review.',
    oneOf: [{ $ref: getSchemaPath(IdentityEventData) }, { $ref: getSchemaPath(ReviewEventData) }],
  })
  readonly data!: IdentityEventData | ReviewEventData;
}

@ApiSchema({ name: 'EventsResponse' })
export class EventsResponse {
  @ApiProperty({ type: [EventDto], description: 'The events, in order.' })
  readonly events: readonly CloudEvent[];

  @ApiProperty({
    description:
      'The cursor after these events: send it as `after`, with the same `order`. It stays the same if there are no events.',
    example: '5f0c2e9a41d7-128',
  })
  readonly next: string;

  @ApiProperty({
    description: 'Whether there are more events by now, in this order. False: the log ends here.',
    example: false,
  })
  readonly hasMore: boolean;

  constructor({ head, events, next, hasMore }: FeedPage) {
    this.events = events.map((event) => cloudEventOf(head, event));
    this.next = textOf(next);
    this.hasMore = hasMore;
  }
}
