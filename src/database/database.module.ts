import { MikroOrmModule } from '@mikro-orm/nestjs';
import { Inject, Logger, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { ormOptions } from '../../mikro-orm.config.js';
import type { Settings } from '../config/settings.js';
import { holdDataDir } from './embedded/data-dir-lock.js';
import { SchemaStartup } from './schema/schema-startup.js';

const RELEASE_DATA_DIR = Symbol('release data dir');

/** The connection to the database, and the schema brought up to date if that is wanted at start. */
@Module({})
export class DatabaseModule implements OnApplicationShutdown {
  constructor(@Inject(RELEASE_DATA_DIR) private readonly releaseDataDir: () => Promise<void>) {}

  /** @throws {DataDirInUseError} if another process has the embedded database open */
  static async with(settings: Settings): Promise<DynamicModule> {
    const releaseDataDir =
      settings.databaseUrl === null ? await holdDataDir(settings.dataDir) : async () => undefined;
    const logger = new Logger('Database');
    return {
      module: DatabaseModule,
      imports: [
        MikroOrmModule.forRoot({
          ...ormOptions(settings, 'serve'),
          // No identity map is used on the way of a request, so no context is made for it.
          registerRequestContext: false,
          colors: false,
          logger: (message) => logger.debug(message),
        }),
      ],
      providers: [{ provide: RELEASE_DATA_DIR, useValue: releaseDataDir }, SchemaStartup],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.releaseDataDir();
  }
}
