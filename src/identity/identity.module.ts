import { MikroOrmModule } from '@mikro-orm/nestjs';
import { Module } from '@nestjs/common';
import { ContactsController } from './contacts.controller.js';
import { Contact } from './entities/contact.js';
import { IdentityController } from './identity.controller.js';
import { ReconciliationService } from './reconciliation.service.js';
import { SightingBatcher } from './sighting-batcher.js';

@Module({
  imports: [MikroOrmModule.forFeature([Contact])],
  controllers: [IdentityController, ContactsController],
  providers: [ReconciliationService, SightingBatcher],
})
export class IdentityModule {}
