import { MikroOrmModule } from '@mikro-orm/nestjs';
import { Module } from '@nestjs/common';
import { IdentityMetrics } from './identity.metrics.js';
import { MetricsModule } from '../telemetry/metrics/registry.js';
import { IdentitiesController } from './api/identities.controller.js';
import { MergesController } from './api/merges.controller.js';
import { SplitsController } from './api/splits.controller.js';
import { BlockedValuesController } from './api/blocked-values.controller.js';
import { BlockingService } from './blocking.service.js';
import { ChangesController } from './api/changes.controller.js';
import { ChangeRecords } from './store/change-records.js';
import { ChangeWriter } from './change-writer.js';
import { ChangesService } from './changes.service.js';
import { ContactsController } from './api/contacts.controller.js';
import { Contact } from './store/entities/contact.js';
import { EvidenceController } from './api/evidence.controller.js';
import { IdentityController } from './api/identity.controller.js';
import { ListingController } from './api/listing.controller.js';
import { ListingService } from './listing.service.js';
import { ReadLanes } from './read-lanes.js';
import { ReadSources } from './read-sources.js';
import { SizeRankings } from './size-rankings.js';
import { IdentityLists } from './store/identity-lists.js';
import { LookupController } from './api/lookup.controller.js';
import { SubjectAccessController } from './api/subject-access.controller.js';
import { SubjectAccessService } from './subject-access.service.js';
import { ErasuresController } from './api/erasures.controller.js';
import { ReviewsController } from './api/reviews.controller.js';
import { ReviewsService } from './reviews.service.js';
import { ReviewRecords } from './store/review-records.js';
import { RulesController } from './api/rules.controller.js';
import { ErasureWatch } from './erasure-watch.js';
import { Tombstones } from './tombstones.js';
import { ErasureKey } from './erasure-key.js';
import { ErasureService } from './erasure.service.js';
import { ErasureRecords } from './store/erasure-records.js';
import { DecisionWriter } from './decision-writer.js';
import { ChangeAnswers } from './api/change-answers.js';
import { LargeAnswers } from './api/large-answers.js';
import { ReadingService } from './reading.service.js';
import { RenormalisationService } from './renormalisation.service.js';
import { ReconciliationService } from './reconciliation.service.js';
import { IdentityRecords } from './store/identity-records.js';
import { PolicyDirectory } from './policy-directory.js';
import { ExceedingIdentities } from './exceeding-identities.js';
import { PolicyController } from './api/policy.controller.js';
import { PolicyService } from './policy.service.js';
import { PolicyRevisions } from './store/policy-revisions.js';
import { PolicyRecords } from './store/policy-records.js';
import { BlockedValues } from './store/blocked-values.js';
import { OldForms } from './store/old-forms.js';
import { IdentityReader } from './store/identity-reader.js';
import { SightingBatcher } from './batching/sighting-batcher.js';

@Module({
  imports: [MikroOrmModule.forFeature([Contact]), MetricsModule],
  controllers: [
    IdentityController,
    LookupController,
    ContactsController,
    EvidenceController,
    ListingController,
    IdentitiesController,
    MergesController,
    SplitsController,
    RulesController,
    ReviewsController,
    ErasuresController,
    SubjectAccessController,
    BlockedValuesController,
    PolicyController,
    ChangesController,
  ],
  providers: [
    IdentityReader,
    PolicyRecords,
    PolicyDirectory,
    ExceedingIdentities,
    PolicyRevisions,
    PolicyService,
    IdentityRecords,
    IdentityLists,
    SizeRankings,
    ReadLanes,
    ReadSources,
    ListingService,
    DecisionWriter,
    ReconciliationService,
    ReadingService,
    ChangeWriter,
    ChangesService,
    ErasureKey,
    Tombstones,
    ErasureWatch,
    ErasureRecords,
    ErasureService,
    SubjectAccessService,
    BlockingService,
    BlockedValues,
    RenormalisationService,
    OldForms,
    ReviewRecords,
    ChangeRecords,
    ReviewsService,
    SightingBatcher,
    LargeAnswers,
    ChangeAnswers,
    IdentityMetrics,
  ],
  exports: [MikroOrmModule, ReadLanes, IdentityMetrics],
})
export class IdentityModule {}
