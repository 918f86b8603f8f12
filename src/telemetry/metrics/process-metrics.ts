import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { Settings } from '../../config/settings.js';
import { Readiness } from '../../health/readiness.js';
import { VERSION } from '../../config/version.js';
import { addGauge } from './registry.js';

/** Metrics of the whole process: its version, whether it can serve, and the metrics of Node and the system. */
@Injectable()
export class ProcessMetrics {
  constructor({ metricsPort }: Settings, registry: Registry, readiness: Readiness) {
    addGauge(registry, 'service_ready', 'Whether /health/ready would answer 200: 1 or 0', async () =>
      (await readiness.isReady()) ? 1 : 0,
    );
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
