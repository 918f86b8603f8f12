import { MikroORM, type Options } from '@mikro-orm/core';
import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { Settings } from '../../config/settings.js';
import { engineTrouble } from '../engine.js';
import { openSession } from '../session/open-session.js';
import { migrate, migrateWith, type Backfill } from './migrate.js';
import { missingMigrations } from './schema-version.js';
import { unavailability } from '../session/unavailable.js';

/** The ORM's options for migrations, which wait longer than the service. */
export const MIGRATION_OPTIONS = Symbol('migration options');
/** The {@link Backfill} that follows the migrations. */
export const BACKFILL = Symbol('backfill');

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;

/**
 * Brings the schema up to date when the service starts, or waits until another process has done so.
 *
 * The embedded database is ready before the first request is accepted. If PostgreSQL is not reachable yet, the service
 * starts anyway: it listens, readiness says what is missing, and the service tries again by itself.
 */
@Injectable()
export class SchemaStartup implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Database');
  private readonly stopping = new AbortController();

  constructor(
    private readonly orm: MikroORM,
    private readonly settings: Settings,
    @Inject(MIGRATION_OPTIONS) private readonly migrationOptions: Partial<Options>,
    @Inject(BACKFILL) private readonly backfill: Backfill,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    if (this.settings.databaseUrl === null) {
      await this.prepareEmbedded(this.settings.dataDir);
    } else {
      void this.prepareUntilReady();
    }
  }

  beforeApplicationShutdown(): void {
    this.stopping.abort();
  }

  private async prepareEmbedded(dataDir: string): Promise<void> {
    const applied = this.settings.migrateOnStart ? await migrateWith(this.orm) : [];
    const missing = await missingMigrations(this.orm);
    if (this.settings.migrateOnStart) {
      await this.backfill(this.orm);
    }
    this.logger.log(`Embedded database in ${dataDir}${describe(applied)}`);
    if (missing.length > 0) {
      this.logger.warn(schemaAdvice(missing));
    }
  }

  private async prepareUntilReady(): Promise<void> {
    let lastTrouble = '';
    for (
      let waitMs = FIRST_WAIT_MS;
      !this.stopping.signal.aborted;
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)
    ) {
      const trouble = await this.tryToPrepare();
      if (trouble === null) {
        return;
      }
      // logged once per cause, not with each try
      if (trouble !== lastTrouble) {
        this.logger.warn(`${trouble}; trying again`);
        lastTrouble = trouble;
      }
      await sleep(waitMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
  }

  /** Returns the problem, or null if the schema is what this build needs. */
  private async tryToPrepare(): Promise<string | null> {
    try {
      const applied = this.settings.migrateOnStart
        ? await migrate(this.migrationOptions, this.settings.databaseServiceRole, this.backfill)
        : [];
      const missing = await missingMigrations(this.orm);
      if (missing.length > 0) {
        return schemaAdvice(missing);
      }
      const trouble = await engineTrouble(openSession(this.orm.em), this.settings);
      if (trouble !== null) {
        return `Not ready: ${trouble}`;
      }
      this.logger.log(`PostgreSQL is ready${describe(applied)}`);
      return null;
    } catch (error) {
      const { code = 'no code', message } = error as { code?: string; message?: unknown };
      const reason = unavailability(error);
      return `Not ready: ${reason === null ? String(message) : `${reason} (${code})`}`;
    }
  }
}

function describe(applied: readonly string[]): string {
  return applied.length === 0 ? '' : `, migrated: ${applied.join(', ')}`;
}

function schemaAdvice(missing: readonly string[]): string {
  return `The schema is not up to date (missing: ${missing.join(', ')}): run \`npm run migration:up\` or set MIGRATE_ON_START=true`;
}
