import { Module } from '@nestjs/common';
import { Gauge, Registry } from 'prom-client';

/** The registry that all metrics of one application are kept in. */
@Module({ providers: [{ provide: Registry, useFactory: () => new Registry() }], exports: [Registry] })
export class MetricsModule {}

/** Adds a gauge that is read when it is scraped. */
export function addGauge(
  registry: Registry,
  name: string,
  help: string,
  read: () => number | Promise<number>,
): void {
  const gauge = new Gauge({
    name,
    help,
    registers: [],
    async collect() {
      this.set(await read());
    },
  });
  registry.registerMetric(gauge);
}
