import { Logger, Module, type BeforeApplicationShutdown, type DynamicModule } from '@nestjs/common';
import { ormOptions, replicaOptions } from '../mikro-orm.config.js';
import { AuthModule } from './access/auth.module.js';
import { KeysModule } from './keys/keys.controller.js';
import { ConfigModule } from './config/config.module.js';
import type { Settings } from './config/settings.js';
import { ConsoleModule } from './console/console.controller.js';
import { DatabaseModule } from './database/database.module.js';
import { withEngine } from './database/engine.js';
import { openDatabase } from './database/open-database.js';
import { BACKFILL, MIGRATION_OPTIONS, SchemaStartup } from './database/schema/schema-startup.js';
import { EventsModule } from './events/events.module.js';
import { WebhooksModule } from './events/webhooks/webhooks.module.js';
import { HealthModule } from './health/health.controller.js';
import { HttpModule } from './http/connection-drain.js';
import { backfillEvidence } from './identity/store/backfill-evidence.js';
import { IdentityModule } from './identity/identity.module.js';
import { LoggingModule } from './telemetry/logging/access-log.js';
import { MonitoringModule } from './telemetry/metrics/metrics-server.js';
import { ProblemsModule } from './http/problems/problem.filter.js';
import { TracingModule } from './telemetry/tracing/request-tracing.js';

@Module({
  imports: [
    TracingModule,
    AuthModule,
    IdentityModule,
    KeysModule,
    EventsModule,
    WebhooksModule,
    HealthModule,
    HttpModule,
    ProblemsModule,
    MonitoringModule,
    LoggingModule,
  ],
})
export class AppModule implements BeforeApplicationShutdown {
  static async with(given: Settings): Promise<DynamicModule> {
    const settings = await withEngine(given);
    const forReplica = replicaOptions(settings);
    const database = await openDatabase(ormOptions(settings, 'serve'));
    const replica = forReplica && (await openDatabase(forReplica));
    return {
      module: AppModule,
      imports: [
        ConfigModule.with(settings),
        DatabaseModule.with(database, replica),
        ...(settings.hasConsole ? [ConsoleModule] : []),
      ],
      providers: [
        SchemaStartup,
        { provide: MIGRATION_OPTIONS, useValue: ormOptions(settings, 'migrate') },
        { provide: BACKFILL, useValue: backfillEvidence },
      ],
    };
  }

  beforeApplicationShutdown(signal?: string): void {
    new Logger('Service').log(
      `Shutting down${signal === undefined ? '' : ` on ${signal}`}: answering the running calls`,
    );
  }
}
