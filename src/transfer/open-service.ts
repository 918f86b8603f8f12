import type { SqlEntityManager } from '@mikro-orm/sql';
import 'reflect-metadata';
import { Logger, Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ormOptions } from '../../mikro-orm.config.js';
import { chosenTenant } from '../access/key-administration.js';
import { ConfigModule } from '../config/config.module.js';
import type { Settings } from '../config/settings.js';
import { DatabaseModule } from '../database/database.module.js';
import { requireEngine, withEngine } from '../database/engine.js';
import { openDatabase, type OpenDatabase } from '../database/open-database.js';
import { requireSchema } from '../database/schema/schema-version.js';
import { openSession } from '../database/session/open-session.js';
import type { SqlSession } from '../database/session/sql-session.js';
import { EventLog } from '../events/event-log.js';
import { IdentityModule } from '../identity/identity.module.js';
import { BlockingService } from '../identity/blocking.service.js';
import { ChangesService } from '../identity/changes.service.js';
import { ErasureKey } from '../identity/erasure-key.js';
import { ErasureService } from '../identity/erasure.service.js';
import { ErasureRecords } from '../identity/store/erasure-records.js';
import { ListingService } from '../identity/listing.service.js';
import { PolicyDirectory } from '../identity/policy-directory.js';
import { PolicyService } from '../identity/policy.service.js';
import { ReadingService } from '../identity/reading.service.js';
import { RenormalisationService } from '../identity/renormalisation.service.js';
import { OldForms } from '../identity/store/old-forms.js';
import { ReviewsService } from '../identity/reviews.service.js';
import { ReconciliationService } from '../identity/reconciliation.service.js';

/** What a command works with: the service without HTTP. */
export interface OpenService extends AsyncDisposable {
  /** The tenant that was asked for */
  readonly tenantId: number;
  readonly reconciliation: ReconciliationService;
  readonly reading: ReadingService;
  readonly listing: ListingService;
  readonly changes: ChangesService;
  readonly reviews: ReviewsService;
  readonly blocking: BlockingService;
  readonly policies: PolicyDirectory;
  readonly erasures: ErasureService;
  readonly erasureRecords: ErasureRecords;
  readonly erasureKey: ErasureKey;
  readonly policy: PolicyService;
  readonly renormalisation: RenormalisationService;
  readonly oldForms: OldForms;
  readonly session: SqlSession;
  /** Null: changes leave no events. */
  readonly events: EventLog | null;
}

/** The service's own modules, without what only serves HTTP and without migrations at start. */
@Module({})
class CommandModule {
  static with(settings: Settings, database: OpenDatabase): DynamicModule {
    return {
      module: CommandModule,
      imports: [ConfigModule.with(settings), DatabaseModule.with(database), IdentityModule],
      providers: [EventLog],
    };
  }
}

/**
 * Opens the service for a command.
 *
 * @throws {DataDirInUseError} if the embedded database is open in another process
 * @param tenant name of a tenant; null: the only one there is
 * @throws {SchemaError} if the schema is not up to date
 * @throws {EngineError} if the database runs on another engine than the settings say, or does not work as it must
 * @throws {AdministrationError} if there is no such tenant, or more than one and none is named
 */
export async function openService(
  given: Settings,
  connections: number,
  tenant: string | null,
): Promise<OpenService> {
  // Standard output belongs to the results.
  Logger.overrideLogger(false);
  const settings = await withEngine(given);
  const database = await openDatabase({
    // Its statements are not given up on: a large batch may take longer than a call of the API.
    ...ormOptions(settings, 'migrate'),
    // Kept open: a temporary table lasts as long as its connection.
    pool: { min: 0, max: connections, idleTimeoutMillis: 0 },
  });
  const { orm } = database;
  const app = await NestFactory.createApplicationContext(CommandModule.with(settings, database), {
    logger: false,
    abortOnError: false,
  });
  try {
    await requireSchema(orm);
    const em = orm.em.fork() as SqlEntityManager;
    const session = openSession(em);
    await requireEngine(session, settings);
    return {
      tenantId: await chosenTenant(em, tenant),
      reconciliation: app.get(ReconciliationService),
      reading: app.get(ReadingService),
      listing: app.get(ListingService),
      changes: app.get(ChangesService),
      reviews: app.get(ReviewsService),
      blocking: app.get(BlockingService),
      policies: app.get(PolicyDirectory),
      erasures: app.get(ErasureService),
      erasureRecords: app.get(ErasureRecords),
      erasureKey: app.get(ErasureKey),
      policy: app.get(PolicyService),
      renormalisation: app.get(RenormalisationService),
      oldForms: app.get(OldForms),
      session,
      events: settings.hasEvents ? app.get(EventLog) : null,
      [Symbol.asyncDispose]: () => app.close(),
    };
  } catch (error) {
    await app.close();
    throw error;
  }
}
