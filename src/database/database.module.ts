import { EntityManager, MikroORM } from '@mikro-orm/core';
import { Global, Inject, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { MetricsModule } from '../telemetry/metrics/registry.js';
import type { OpenDatabase } from './open-database.js';
import { READ_REPLICA, ReadReplica } from './read-replica.js';

const DATABASE = Symbol('database');

/**
 * Makes an open database injectable, and closes it last.
 *
 * It replaces the root module of @mikro-orm/nestjs, which would open another database; `forFeature()` works with it. All
 * requests share one entity manager, because none of them uses its identity map.
 */
@Global()
@Module({})
export class DatabaseModule implements OnApplicationShutdown {
  constructor(
    @Inject(DATABASE) private readonly database: OpenDatabase,
    @Inject(READ_REPLICA) private readonly replica: OpenDatabase | null,
  ) {}

  static with(database: OpenDatabase, replica: OpenDatabase | null = null): DynamicModule {
    return {
      module: DatabaseModule,
      imports: [MetricsModule],
      providers: [
        { provide: DATABASE, useValue: database },
        { provide: READ_REPLICA, useValue: replica },
        { provide: MikroORM, useValue: database.orm },
        { provide: EntityManager, useValue: database.orm.em },
        ReadReplica,
      ],
      exports: [MikroORM, EntityManager, ReadReplica],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.replica?.[Symbol.asyncDispose]();
    await this.database[Symbol.asyncDispose]();
  }
}
