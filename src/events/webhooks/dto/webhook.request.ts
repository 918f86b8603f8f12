import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import {
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsOptional,
  IsString,
  Matches,
  MaxLength,
  ValidateIf,
} from 'class-validator';
import type { UnknownProperties } from '../../../config/settings.js';
import { InvalidRequestError } from '../../../http/problems/problem.errors.js';
import { readBody } from '../../../identity/api/dto/read-body.js';
import { EVENT_TYPES, type EventType } from '../../../identity/domain/events.js';
import { cursorOf, type Cursor } from '../../head.js';
import { DELIVERY_STATES, type DeliveryState } from '../delivery-records.js';
import type { WebhookTerms } from '../webhook-records.js';
import type { Replay, WebhookChange } from '../webhooks.service.js';

const DESCRIPTION_MAX = 200;
const IS_TYPES = `types must be null or an array of ${EVENT_TYPES.join(', ')}`;
const IS_DESCRIPTION = `description must be null or a string of at most ${DESCRIPTION_MAX} characters without control characters`;
const IS_STATE = `state must be ${DELIVERY_STATES.join(', ').replace(/, (\w+)$/, ' or $1')}`;

const CURSOR = { type: String, nullable: true, required: false, example: '3f1c0a9be2d4-41' } as const;

function Url(isRequired: boolean): PropertyDecorator {
  return applyDecorators(
    ApiProperty({
      type: String,
      format: 'uri',
      maxLength: 2_048,
      required: isRequired,
      description:
        'Where events are sent to: a public address, by https. Networks that the operator allows may also be reached by http.',
      example: 'https://crm.example.com/hooks/identities',
    }),
    IsString({ message: 'url must be a string' }),
  );
}

function Types(): PropertyDecorator {
  return applyDecorators(
    ApiProperty({
      type: 'array',
      items: { type: 'string', enum: [...EVENT_TYPES] },
      nullable: true,
      required: false,
      uniqueItems: true,
      minItems: 1,
      description: 'The types of events that it is sent. Null, or absent when it is made: all.',
      example: ['identity.merged', 'identity.split'],
    }),
    IsOptional(),
    IsIn(EVENT_TYPES, { each: true, message: IS_TYPES }),
    ArrayUnique({ message: 'types must not repeat a type' }),
    ArrayMinSize(1, { message: IS_TYPES }),
    IsArray({ message: IS_TYPES }),
  );
}

function Description(): PropertyDecorator {
  return applyDecorators(
    ApiProperty({
      type: String,
      nullable: true,
      required: false,
      maxLength: DESCRIPTION_MAX,
      description: 'What it is for, in your words.',
      example: 'Keeps the CRM in step',
    }),
    IsOptional(),
    Matches(/^[^\p{Cc}\p{Cs}]*$/u, { message: IS_DESCRIPTION }),
    MaxLength(DESCRIPTION_MAX, { message: IS_DESCRIPTION }),
    IsString({ message: IS_DESCRIPTION }),
  );
}

@ApiSchema({ name: 'WebhookRequest', description: 'A webhook that is to be made.' })
export class WebhookRequest {
  @Url(true)
  readonly url!: string;

  @Types()
  readonly types?: readonly EventType[] | null;

  @Description()
  readonly description?: string | null;
}

@ApiSchema({
  name: 'WebhookChangeRequest',
  description: 'What of a webhook is to be changed. What is absent stays as it is.',
})
export class WebhookChangeRequest {
  @ValidateIf(({ url }: WebhookChangeRequest) => url !== undefined)
  @Url(false)
  readonly url?: string;

  @Types()
  readonly types?: readonly EventType[] | null;

  @Description()
  readonly description?: string | null;

  @ApiProperty({
    type: Boolean,
    required: false,
    description:
      'False: nothing is sent to it, and events of this time make no deliveries. True: also after it was disabled by a 410 or by five days of failure; what was pending is sent.',
    example: true,
  })
  @ValidateIf(({ enabled }: WebhookChangeRequest) => enabled !== undefined)
  @IsBoolean({ message: 'enabled must be true or false' })
  readonly enabled?: boolean;
}

@ApiSchema({
  name: 'ReplayRequest',
  description: 'Which events to deliver again. Without a state, also those that the webhook was never sent.',
})
export class ReplayRequest {
  @ApiProperty({
    ...CURSOR,
    description:
      'The id of an event, or a cursor of `GET /events`: only events after it. By default from the first that is kept.',
  })
  @IsOptional()
  @IsString({ message: 'after must be the id of an event, or a cursor' })
  readonly after?: string | null;

  @ApiProperty({
    ...CURSOR,
    description: 'The id of an event, or a cursor: only events before it. By default to the last.',
  })
  @IsOptional()
  @IsString({ message: 'before must be the id of an event, or a cursor' })
  readonly before?: string | null;

  @ApiProperty({
    enum: [...DELIVERY_STATES, null],
    type: String,
    nullable: true,
    required: false,
    description:
      'Only deliveries in this state: `dead` those that were given up, `pending` those that wait for their next attempt.',
    example: 'dead',
  })
  @IsOptional()
  @IsIn(DELIVERY_STATES, { message: IS_STATE })
  readonly state?: DeliveryState | null;
}

/** Reads a {@link WebhookRequest}. @throws {InvalidRequestError} naming each invalid field */
export function readWebhook(body: unknown, unknownProperties: UnknownProperties): WebhookTerms {
  const { url, types, description } = readBody(WebhookRequest, body, unknownProperties);
  return { url, types: types ?? null, description: description ?? null };
}

/** Reads a {@link WebhookChangeRequest}. @throws {InvalidRequestError} naming each invalid field */
export function readWebhookChange(body: unknown, unknownProperties: UnknownProperties): WebhookChange {
  const { enabled, ...terms } = readBody(WebhookChangeRequest, body, unknownProperties);
  return { ...terms, ...(enabled !== undefined && { isEnabled: enabled }) };
}

/** Reads a {@link ReplayRequest}. @throws {InvalidRequestError} naming each invalid field */
export function readReplay(body: unknown, unknownProperties: UnknownProperties): Replay {
  const { after, before, state } = readBody(ReplayRequest, body, unknownProperties);
  return { after: readCursor('after', after), before: readCursor('before', before), state: state ?? null };
}

/** Reads the state of the deliveries to list; null: any state. @throws {InvalidRequestError} naming `state` */
export function readState(state: unknown): DeliveryState | null {
  const known = DELIVERY_STATES.find((each) => each === state);
  if (state !== undefined && known === undefined) {
    throw new InvalidRequestError([{ field: 'state', message: IS_STATE }]);
  }
  return known ?? null;
}

function readCursor(field: string, text: string | null | undefined): Cursor | null {
  const cursor = cursorOf(text ?? '');
  if (cursor === null && text !== null && text !== undefined) {
    throw new InvalidRequestError([{ field, message: `${field} must be the id of an event, or a cursor` }]);
  }
  return cursor;
}
