import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { isoOf, isoOrNull } from '../../../identity/api/dto/moment.js';
import { NEXT } from '../../../identity/api/dto/page.js';
import type { Page } from '../../../identity/reading.service.js';
import { DELIVERY_STATES, type DeliveryState } from '../delivery-records.js';
import { FAILURES, type Failure } from '../schedule.js';
import type { Attempt } from '../sender.js';
import type { Replayed, ToldDelivery } from '../webhooks.service.js';

const CREATED_AT = Date.UTC(2026, 10, 29, 9, 12, 44) * 1000 + 123_456;
const TIME_OR_NULL = { type: String, format: 'date-time', nullable: true } as const;
const FAILURE = { enum: [...FAILURES, null], type: String, nullable: true, example: null } as const;

@ApiSchema({ name: 'Delivery', description: 'An event on its way to a webhook.' })
export class DeliveryDto {
  @ApiProperty({
    description:
      'The id of the event, and of its message (`webhook-id`). It is a cursor of `GET /events`, too.',
    example: '3f1c0a9be2d4-42',
  })
  readonly eventId: string;

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The type of the event. Null: it is no longer kept.',
    example: 'identity.merged',
  })
  readonly type: string | null;

  @ApiProperty({
    enum: [...DELIVERY_STATES],
    description: '`pending`: the next attempt is due or under way, `delivered`, or `dead`: it was given up.',
    example: 'pending',
  })
  readonly state: DeliveryState;

  @ApiProperty({ type: 'integer', minimum: 0, description: 'The attempts that were made.', example: 2 })
  readonly attempts: number;

  @ApiProperty({
    ...TIME_OR_NULL,
    description:
      'When the next attempt is due; during an attempt, when another process would make it. Null: there is none.',
    example: isoOf(CREATED_AT + 300_000_000),
  })
  readonly nextAttemptAt: string | null;

  @ApiProperty({
    ...TIME_OR_NULL,
    description: 'When the last attempt ended. Null: there was none.',
    example: isoOf(CREATED_AT + 5_000_000),
  })
  readonly lastAttemptAt: string | null;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'The status that the receiver answered to the last attempt. Null: there was no answer.',
    example: 503,
  })
  readonly lastStatus: number | null;

  @ApiProperty({
    ...FAILURE,
    description: 'Why there was no answer to the last attempt. Null: there was one, or no attempt yet.',
  })
  readonly lastFailure: Failure | null;

  @ApiProperty({ format: 'date-time', description: 'When it was made.', example: isoOf(CREATED_AT) })
  readonly createdAt: string;

  constructor(delivery: ToldDelivery) {
    this.eventId = delivery.eventId;
    this.type = delivery.type;
    this.state = delivery.state;
    this.attempts = delivery.attempts;
    this.nextAttemptAt = isoOrNull(delivery.dueAt);
    this.lastAttemptAt = isoOrNull(delivery.lastAttemptAt);
    this.lastStatus = delivery.lastStatus;
    this.lastFailure = delivery.lastFailure;
    this.createdAt = isoOf(delivery.createdAt);
  }
}

/** The answer of `GET /webhooks/{id}/deliveries`. */
export class DeliveriesResponse {
  @ApiProperty({ type: [DeliveryDto], description: 'The deliveries, in the order that was asked for.' })
  readonly deliveries: readonly DeliveryDto[];

  @ApiProperty(NEXT)
  readonly next: string | null;

  constructor({ items, isLast }: Page<ToldDelivery>) {
    this.deliveries = items.map((delivery) => new DeliveryDto(delivery));
    this.next = isLast ? null : String(items.at(-1)!.position);
  }
}

@ApiSchema({ name: 'Replayed', description: 'What is delivered again.' })
export class ReplayedResponse {
  @ApiProperty({
    type: 'integer',
    minimum: 0,
    description: 'How many deliveries are due now.',
    example: 17,
  })
  readonly deliveries: number;

  @ApiProperty({
    type: String,
    nullable: true,
    description:
      'Send it as `after`, with the same `before` and `state`, to go on. Null: all of the range is due.',
    example: null,
  })
  readonly next: string | null;

  constructor({ count, next }: Replayed) {
    this.deliveries = count;
    this.next = next;
  }
}

@ApiSchema({ name: 'WebhookTest', description: 'What a test event came to. Nothing of it is stored.' })
export class WebhookTestResponse {
  @ApiProperty({ description: 'Whether the receiver answered with 2xx.', example: true })
  readonly delivered: boolean;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'The status that it answered. Null: there was no answer.',
    example: 204,
  })
  readonly status: number | null;

  @ApiProperty({ ...FAILURE, description: 'Why there was no answer. Null: there was one.' })
  readonly failure: Failure | null;

  @ApiProperty({ type: 'integer', minimum: 0, description: 'How long it took, in ms.', example: 87 })
  readonly durationMs: number;

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The first 1,024 bytes of its answer. Null: there was no answer.',
    example: '',
  })
  readonly excerpt: string | null;

  constructor({ result, durationMs, excerpt }: Attempt) {
    this.status = 'status' in result ? result.status : null;
    this.delivered = this.status !== null && this.status >= 200 && this.status < 300;
    this.failure = 'failure' in result ? result.failure : null;
    this.durationMs = durationMs;
    this.excerpt = excerpt;
  }
}
