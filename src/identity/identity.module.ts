import { MikroOrmModule } from '@mikro-orm/nestjs';
import { Module } from '@nestjs/common';
import { IdentityMetrics } from '../metrics/identity-metrics.js';
import { MetricsModule } from '../metrics/metrics.module.js';
import { ContactsController } from './contacts.controller.js';
import { Contact } from './entities/contact.js';
import { IdentityController } from './identity.controller.js';
import { ReconciliationService } from './reconciliation.service.js';
import { SightingBatcher } from './sighting-batcher.js';

@Module({
  imports: [MikroOrmModule.forFeature([Contact]), MetricsModule],
  controllers: [IdentityController, ContactsController],
  providers: [ReconciliationService, SightingBatcher, IdentityMetrics],
})
export class IdentityModule {}
