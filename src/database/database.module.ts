import { EntityManager, MikroORM } from '@mikro-orm/core';
import { Global, Inject, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import type { OpenDatabase } from './open-database.js';

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
  constructor(@Inject(DATABASE) private readonly database: OpenDatabase) {}

  static with(database: OpenDatabase): DynamicModule {
    return {
      module: DatabaseModule,
      providers: [
        { provide: DATABASE, useValue: database },
        { provide: MikroORM, useValue: database.orm },
        { provide: EntityManager, useValue: database.orm.em },
      ],
      exports: [MikroORM, EntityManager],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.database[Symbol.asyncDispose]();
  }
}
