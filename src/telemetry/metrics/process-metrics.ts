import { MikroORM } from '@mikro-orm/core';
import { PostgreSqlConnection } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { Settings } from '../../config/settings.js';
import { VERSION } from '../../config/version.js';
import { addGauge } from './registry.js';

/** Metrics of the whole process: its version, and the metrics of Node and the system. */
@Injectable()
export class ProcessMetrics {
  constructor({ metricsPort }: Settings, registry: Registry) {
    const buildInfo = new Gauge({
      name: 'service_build_info',
      help: 'Always 1; the labels name the version of the service and of Node',
      labelNames: ['version', 'node_version'],
      registers: [registry],
    });
    buildInfo.set({ version: VERSION, node_version: process.version }, 1);
    if (metricsPort !== null) {
      collectDefaultMetrics({ register: registry });
    }
  }
}

/** How the pool of connections to PostgreSQL is used. The embedded database has no pool: all values are 0. */
@Injectable()
export class PoolMetrics {
  constructor(orm: MikroORM, settings: Settings, registry: Registry) {
    const add = (name: string, help: string, read: (pool: Pool) => number): void =>
      addGauge(registry, name, help, async () => {
        const pool = await poolOf(orm);
        return pool === null ? 0 : read(pool);
      });
    add('database_pool_connections', 'Open connections of the pool', (pool) => pool.totalCount);
    add('database_pool_idle', 'Unused connections of the pool', (pool) => pool.idleCount);
    add(
      'database_pool_waiting',
      'Statements and transactions that wait for a connection',
      (pool) => pool.waitingCount,
    );
    add(
      'database_pool_max',
      'The most connections that the pool may have: DATABASE_POOL_MAX',
      () => settings.databasePoolMax,
    );
  }
}

async function poolOf(orm: MikroORM): Promise<Pool | null> {
  const connection: unknown = orm.em.getConnection();
  return connection instanceof PostgreSqlConnection ? await connection.getNativeClient() : null;
}
