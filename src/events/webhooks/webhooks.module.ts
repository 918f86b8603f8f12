import { Module } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { MetricsModule } from '../../telemetry/metrics/registry.js';
import { EventsModule } from '../events.module.js';
import { DeliveryRecords } from './delivery-records.js';
import { SecretBox } from './secret-box.js';
import { Sender } from './sender.js';
import { WebhookDispatcher } from './webhook-dispatcher.js';
import { WebhookRecords } from './webhook-records.js';
import { WebhookSweep } from './webhook-sweep.js';
import { WebhookMetrics } from './webhook.metrics.js';
import { WebhooksController } from './webhooks.controller.js';
import { WebhooksService } from './webhooks.service.js';

/** Sends events to where tenants want them. */
@Module({
  imports: [EventsModule, MetricsModule],
  controllers: [WebhooksController],
  providers: [
    {
      provide: Sender,
      inject: [Settings],
      useFactory: ({ webhookAllowedNetworks }: Settings) => new Sender(webhookAllowedNetworks),
    },
    SecretBox,
    WebhookRecords,
    DeliveryRecords,
    WebhookMetrics,
    WebhookDispatcher,
    WebhookSweep,
    WebhooksService,
  ],
})
export class WebhooksModule {}
