import { MikroORM } from '@mikro-orm/core';
import { MikroOrmModule } from '@mikro-orm/nestjs';
import type { SqlEntityManager } from '@mikro-orm/sql';
import 'reflect-metadata';
import { Logger, Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ormOptions } from '../../mikro-orm.config.js';
import { chosenTenant } from '../access/chosen-tenant.js';
import { ConfigModule } from '../config/config.module.js';
import type { Settings } from '../config/settings.js';
import { holdDataDir } from '../database/embedded/data-dir-lock.js';
import { requireSchema } from '../database/schema/schema-version.js';
import { openSession } from '../database/session/open-session.js';
import type { SqlSession } from '../database/session/sql-session.js';
import { IdentityModule } from '../identity/identity.module.js';
import { ReconciliationService } from '../identity/reconciliation.service.js';

/** What a command works with: the service without HTTP. */
export interface OpenService extends AsyncDisposable {
  /** The tenant that was asked for */
  readonly tenantId: number;
  readonly reconciliation: ReconciliationService;
  readonly session: SqlSession;
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
 * @param tenant name of a tenant; null: the only one there is
 * @throws {SchemaError} if the schema is not up to date
 * @throws {AdministrationError} if there is no such tenant, or more than one and none is named
 */
export async function openService(
  settings: Settings,
  connections: number,
  tenant: string | null,
): Promise<OpenService> {
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
    await requireSchema(orm);
    const em = orm.em.fork() as SqlEntityManager;
    return {
      tenantId: await chosenTenant(em, tenant),
      reconciliation: app.get(ReconciliationService),
      session: await openSession(em),
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
