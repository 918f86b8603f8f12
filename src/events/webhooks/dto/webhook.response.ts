import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { isoOf, isoOrNull } from '../../../identity/api/dto/moment.js';
import { NEXT } from '../../../identity/api/dto/page.js';
import { EVENT_TYPES } from '../../../identity/domain/events.js';
import type { Page } from '../../../identity/reading.service.js';
import type { StoredWebhook } from '../webhook-records.js';
import type { WebhookWithSecret } from '../webhooks.service.js';

const CREATED_AT = Date.UTC(2026, 10, 29, 9, 12, 44) * 1000 + 123_456;
const TIME_OR_NULL = { type: String, format: 'date-time', nullable: true } as const;

@ApiSchema({ name: 'Webhook', description: 'Where events are sent to.' })
export class WebhookDto {
  @ApiProperty({ type: 'integer', minimum: 1, description: 'The id of the webhook.', example: 3 })
  readonly id: number;

  @ApiProperty({
    description: 'Where events are sent to.',
    example: 'https://crm.example.com/hooks/identities',
  })
  readonly url: string;

  @ApiProperty({
    type: 'array',
    items: { type: 'string', enum: [...EVENT_TYPES] },
    nullable: true,
    description: 'The types of events that it is sent; null: all.',
    example: ['identity.merged', 'identity.split'],
  })
  readonly types: readonly string[] | null;

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'What it is for.',
    example: 'Keeps the CRM in step',
  })
  readonly description: string | null;

  @ApiProperty({ description: 'Whether events are sent to it.', example: true })
  readonly enabled: boolean;

  @ApiProperty({
    enum: ['manual', 'gone', 'failing', null],
    type: String,
    nullable: true,
    description:
      'Why it was disabled: `manual`: by a call, `gone`: it answered 410, `failing`: five days passed without a success. Null: it is enabled.',
    example: null,
  })
  readonly disabledReason: StoredWebhook['disabledReason'];

  @ApiProperty({ ...TIME_OR_NULL, description: 'When it was disabled. Null: it is enabled.', example: null })
  readonly disabledAt: string | null;

  @ApiProperty({
    ...TIME_OR_NULL,
    description:
      'Since when it has failed without a success. Null: its last attempt was a success, or there was none.',
    example: null,
  })
  readonly failingSince: string | null;

  @ApiProperty({
    ...TIME_OR_NULL,
    description: 'Until when the secret before the last rotation signs, too. Null: only one secret signs.',
    example: null,
  })
  readonly previousSecretUntil: string | null;

  @ApiProperty({ format: 'date-time', description: 'When it was made.', example: isoOf(CREATED_AT) })
  readonly createdAt: string;

  constructor(webhook: StoredWebhook) {
    this.id = webhook.id;
    this.url = webhook.url;
    this.types = webhook.types;
    this.description = webhook.description;
    this.enabled = webhook.disabledAt === null;
    this.disabledReason = webhook.disabledReason;
    this.disabledAt = isoOrNull(webhook.disabledAt);
    this.failingSince = isoOrNull(webhook.failingSince);
    this.previousSecretUntil = isoOrNull(webhook.previousSecretUntil);
    this.createdAt = isoOf(webhook.createdAt);
  }
}

@ApiSchema({
  name: 'WebhookWithSecret',
  description: 'A webhook with its secret, which is shown only this time.',
})
export class WebhookWithSecretDto extends WebhookDto {
  @ApiProperty({
    description:
      'The secret that deliveries are signed with, in the form of Standard Webhooks. Keep it: it is not shown again.',
    example: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDVRn1FHIhW4c=',
  })
  readonly secret: string;

  constructor({ webhook, secret }: WebhookWithSecret) {
    super(webhook);
    this.secret = secret;
  }
}

/** The answer of `GET /webhooks`. */
export class WebhooksResponse {
  @ApiProperty({ type: [WebhookDto], description: 'The webhooks, the oldest first.' })
  readonly webhooks: readonly WebhookDto[];

  @ApiProperty(NEXT)
  readonly next: string | null;

  constructor({ items, isLast }: Page<StoredWebhook>) {
    this.webhooks = items.map((webhook) => new WebhookDto(webhook));
    this.next = isLast ? null : String(items.at(-1)!.id);
  }
}
