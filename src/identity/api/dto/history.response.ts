import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { HISTORY_TYPES, type EventKey, type HistoryEvent } from '../../domain/history.js';
import type { Page } from '../../reading.service.js';
import { ASSUMED } from './merge.response.js';
import { isoOf } from './moment.js';
import { NEXT } from './page.js';

@ApiSchema({ name: 'HistoryEvent', description: 'Something that happened to an identity.' })
export class HistoryEventDto {
  @ApiProperty({ format: 'date-time', description: 'When.', example: '2026-11-25T18:30:00.000001Z' })
  readonly at: string;

  @ApiProperty({ enum: [...HISTORY_TYPES], description: 'What happened.', example: 'linked' })
  readonly type: string;

  @ApiProperty({
    type: 'array',
    items: { type: 'integer', minimum: 1 },
    description:
      'The contacts that it is about. `linked`: the new contact, then the one that it attached to. `merged` and `merge-undone`: the primary of the older identity, then that of the other one. `split`: the primary of the identity that stayed, then that of the new one.',
    example: [23, 1],
  })
  readonly contactIds: readonly number[];

  @ApiProperty({
    type: 'integer',
    minimum: 1,
    required: false,
    description: 'The merge; absent if it is about none.',
    example: 9,
  })
  readonly mergeId?: number;

  @ApiProperty({
    type: 'integer',
    minimum: 1,
    required: false,
    description: 'The change by hand; absent if nobody did it by hand.',
    example: 12,
  })
  readonly changeId?: number;

  @ApiProperty({
    required: false,
    description: 'Who made the change: id and name of the key.',
    example: 'k3v9q0w2x1z7 crm',
  })
  readonly actor?: string;

  @ApiProperty({
    required: false,
    description: 'Why, in the words of who made the change; absent if no reason was given.',
    example: 'Both are the same customer',
  })
  readonly reason?: string;

  @ApiProperty(ASSUMED)
  readonly assumed?: boolean;

  constructor({ at, type, contactIds, mergeId, change, isAssumed }: HistoryEvent) {
    this.at = isoOf(at);
    this.type = type;
    this.contactIds = contactIds;
    if (mergeId !== null) {
      this.mergeId = mergeId;
    }
    if (change !== null) {
      this.changeId = change.id;
      this.actor = change.actor;
      if (change.reason !== null) {
        this.reason = change.reason;
      }
    }
    if (isAssumed) {
      this.assumed = true;
    }
  }
}

/** The answer of `GET /contacts/{id}/history`. */
export class HistoryResponse {
  @ApiProperty({ type: [HistoryEventDto], description: 'The events, the oldest first.' })
  readonly events: readonly HistoryEventDto[];

  @ApiProperty(NEXT)
  readonly next: string | null;

  constructor({ items, isLast }: Page<HistoryEvent>) {
    this.events = items.map((event) => new HistoryEventDto(event));
    this.next = isLast ? null : cursorOf(items.at(-1)!);
  }
}

function cursorOf({ at, type, id }: EventKey): string {
  return `${at}.${type}.${id}`;
}

/** Reads what {@link HistoryResponse} wrote as `next`; null: it is none. */
export function eventOf(cursor: string): EventKey | null {
  const [, at, type, id] = /^(-?\d{1,17})\.([a-z-]+)\.(\d{1,16})$/.exec(cursor) ?? [];
  const known = HISTORY_TYPES.find((each) => each === type);
  return known === undefined ? null : { at: Number(at), type: known, id: Number(id) };
}
