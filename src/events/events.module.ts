import { Module } from '@nestjs/common';
import { IdentityModule } from '../identity/identity.module.js';
import { MetricsModule } from '../telemetry/metrics/registry.js';
import { EventFeed } from './event-feed.js';
import { EventLog } from './event-log.js';
import { EventMetrics } from './event.metrics.js';
import { EventRelay } from './event-relay.js';
import { EventsController } from './events.controller.js';

/** Tells others what has changed. */
@Module({
  imports: [IdentityModule, MetricsModule],
  controllers: [EventsController],
  providers: [EventLog, EventMetrics, EventRelay, EventFeed],
  exports: [EventLog, EventRelay],
})
export class EventsModule {}
