import { Injectable } from '@nestjs/common';
import { Counter, Histogram, Registry } from 'prom-client';
import { addGauge } from '../telemetry/metrics/registry.js';
import type { Numbered } from './event-log.js';

/** Metrics of the relay of events. No label has values that a caller could choose. */
@Injectable()
export class EventMetrics {
  private readonly lag: Histogram;
  private readonly count: Counter;
  /** By tenant: since when its events could not get their numbers, by `performance.now()` */
  private readonly behindSince = new Map<number, number>();

  constructor(registry: Registry) {
    const registers = [registry];
    this.lag = new Histogram({
      name: 'event_relay_lag_seconds',
      help: 'Time from a change to the number of its events, of the oldest change of each turn',
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120, 600],
      registers,
    });
    this.count = new Counter({
      name: 'events_numbered_total',
      help: 'Events that got their numbers: from then on they are told',
      registers,
    });
    addGauge(
      registry,
      'event_relay_behind_seconds',
      'For how long the relay could not give events their numbers, of the tenant that waits longest; 0: none waits',
      () => Math.max(0, ...[...this.behindSince.values()].map((since) => (performance.now() - since) / 1000)),
    );
  }

  numbered({ count, waited }: Numbered): void {
    this.count.inc(count);
    this.lag.observe(waited);
  }

  fellBehind(tenantId: number): void {
    if (!this.behindSince.has(tenantId)) {
      this.behindSince.set(tenantId, performance.now());
    }
  }

  caughtUp(tenantId: number): void {
    this.behindSince.delete(tenantId);
  }
}
