import { MikroORM } from '@mikro-orm/core';
import { Injectable, type OnModuleDestroy, type OnApplicationShutdown } from '@nestjs/common';
import pg from 'pg';
import { Registry } from 'prom-client';
import { Settings } from '../config/settings.js';
import { missingFrom, missingMigrations, APPLIED_MIGRATIONS_SQL } from '../database/schema/schema-version.js';
import { engineTrouble } from '../database/engine.js';
import { openSession } from '../database/session/open-session.js';
import { unavailability } from '../database/session/unavailable.js';
import { CallOutcomes } from './call-outcomes.js';
import { addGauge } from '../telemetry/metrics/registry.js';

const TIMEOUT_MS = 1_000;
const CACHE_MS = 1_000;

/**
 * Checks whether the database can serve this build.
 *
 * It uses its own connection: the pool may have a queue, and then probes would take a busy replica out of service. An
 * answer is kept for a second, so that many probes cost one query.
 */
@Injectable()
export class DatabaseProbe implements OnApplicationShutdown {
  private readonly pool: pg.Pool | null;
  private isOfEngine = false;
  private last: { readonly at: number; readonly trouble: Promise<string | null> } | null = null;

  constructor(
    private readonly settings: Settings,
    private readonly orm: MikroORM,
  ) {
    this.pool = settings.databaseUrl === null ? null : ownConnection(orm);
  }

  /** Why the database can't serve, in words that name no host, user or statement; null if it can. */
  trouble(): Promise<string | null> {
    const now = performance.now();
    if (this.last === null || now - this.last.at > CACHE_MS) {
      this.last = { at: now, trouble: this.ask() };
    }
    return this.last.trouble;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool?.end();
  }

  private async ask(): Promise<string | null> {
    try {
      const missing = await this.missing();
      if (missing.length > 0) {
        return 'the database schema is missing or too old';
      }
      return (await this.isReadOnly()) ? 'the database takes no writes' : await this.engineTrouble();
    } catch (error) {
      return unavailability(error) ?? 'the database does not answer as expected';
    }
  }

  /** A standby answers reads, and refuses writes. */
  private async isReadOnly(): Promise<boolean> {
    const result = await this.pool?.query<{ transaction_read_only: string }>('show transaction_read_only');
    return result?.rows[0]?.transaction_read_only === 'on';
  }

  /** Asked until it fits. */
  private async engineTrouble(): Promise<string | null> {
    if (this.isOfEngine || this.pool === null) {
      return null;
    }
    const trouble = await engineTrouble(openSession(this.orm.em), this.settings);
    this.isOfEngine = trouble === null;
    return trouble;
  }

  private async missing(): Promise<string[]> {
    return this.pool === null
      ? missingMigrations(this.orm)
      : missingFrom((await this.pool.query<{ name: string }>(APPLIED_MIGRATIONS_SQL)).rows);
  }
}

/** Whether the service can answer calls now, for `/health/ready` and the metric `service_ready`. */
@Injectable()
export class Readiness implements OnModuleDestroy {
  isDraining = false;

  constructor(
    private readonly database: DatabaseProbe,
    private readonly outcomes: CallOutcomes,
    registry: Registry,
  ) {
    addGauge(registry, 'service_ready', 'Whether /health/ready would answer 200: 1 or 0', async () =>
      (await this.isReady()) ? 1 : 0,
    );
  }

  /** The first hook of a shutdown: those of the next stage run one module after the other, and the drain is among them. */
  onModuleDestroy(): void {
    this.isDraining = true;
  }

  async isReady(): Promise<boolean> {
    return !this.isDraining && (await this.trouble()) === null;
  }

  /** Why calls can't be served now, in words that name no host, user or statement; null if they can. */
  async trouble(): Promise<string | null> {
    const trouble = await this.database.trouble();
    return trouble ?? (this.outcomes.areFailing() ? 'every call has failed for seconds' : null);
  }
}

/** Opened like the connections of the pool: if a pooler or server refuses their settings, no call can be served. */
function ownConnection(orm: MikroORM): pg.Pool {
  const pool = new pg.Pool({
    ...orm.config.get('driverOptions'),
    max: 1,
    application_name: 'identity-reconciliation health',
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
    keepAlive: true,
  });
  // The next probe notices a lost idle connection. Without a listener the error would end the process.
  pool.on('error', () => undefined);
  return pool;
}
