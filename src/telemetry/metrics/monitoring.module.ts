import { Module } from '@nestjs/common';
import { HealthModule } from '../../health/health.module.js';
import { HttpMetrics } from './http-metrics.js';
import { MetricsModule } from './metrics.module.js';
import { MetricsServer } from './metrics-server.js';
import { PoolMetrics } from './pool-metrics.js';
import { ProcessMetrics } from './process-metrics.js';

/** What a process that serves tells of itself, and the port where it does. */
@Module({
  imports: [MetricsModule, HealthModule],
  providers: [HttpMetrics, PoolMetrics, ProcessMetrics, MetricsServer],
})
export class MonitoringModule {}
