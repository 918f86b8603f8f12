import { MikroORM } from '@mikro-orm/core';
import { MikroOrmModule } from '@mikro-orm/nestjs';
import type { SqlEntityManager } from '@mikro-orm/sql';
import 'reflect-metadata';
import { Logger, Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ormOptions } from '../../mikro-orm.config.js';
import { ConfigModule } from '../config/config.module.js';
import type { Settings } from '../config/settings.js';
import { holdDataDir } from '../database/data-dir-lock.js';
import { openSession } from '../database/open-session.js';
import { missingMigrations } from '../database/schema-version.js';
import type { SqlSession } from '../database/sql-session.js';
import { IdentityModule } from '../identity/identity.module.js';
import { ReconciliationService } from '../identity/reconciliation.service.js';

/** What a command works with: the service without HTTP. */
export interface OpenService extends AsyncDisposable {
  readonly reconciliation: ReconciliationService;
  readonly session: SqlSession;
}

/** The schema is not what this build needs. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
}

/** The service's own modules, without what only serves HTTP and without migrations at start. */
@Module({})
class CommandModule {
  static with(settings: Settings, connections: number): DynamicModule {
    return {
      module: CommandModule,
      imports: [
        ConfigModule.with(settings),
        MikroOrmModule.forRoot({
          // Its statements are not given up on: a large batch may take longer than a call of the API.
          ...ormOptions(settings, 'migrate'),
          // Kept open: a temporary table lasts as long as its connection.
          pool: { min: 0, max: connections, idleTimeoutMillis: 0 },
          registerRequestContext: false,
          colors: false,
          logger: () => undefined,
        }),
        IdentityModule,
      ],
    };
  }
}

/**
 * Opens the service for a command.
 *
 * @throws {DataDirInUseError} if the embedded database is open in another process
 * @throws {SchemaError} if the schema is not up to date
 */
export async function openService(settings: Settings, connections: number): Promise<OpenService> {
  // Standard output belongs to the results.
  Logger.overrideLogger(false);
  const release = settings.databaseUrl === null ? await holdDataDir(settings.dataDir) : async () => undefined;
  const app = await NestFactory.createApplicationContext(CommandModule.with(settings, connections), {
    logger: false,
    abortOnError: false,
  });
  const close = async (): Promise<void> => {
    await app.close();
    await release();
  };
  try {
    const orm = app.get<MikroORM>(MikroORM);
    const missing = await missingMigrations(orm);
    if (missing.length > 0) {
      throw new SchemaError(
        `The schema is not up to date (missing: ${missing.join(', ')}): run \`npm run migration:up\` first.`,
      );
    }
    return {
      reconciliation: app.get(ReconciliationService),
      session: await openSession(orm.em.fork() as SqlEntityManager),
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
