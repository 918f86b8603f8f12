import { Injectable } from '@nestjs/common';
import { Counter, Histogram, Registry } from 'prom-client';
import { addGauge } from '../../telemetry/metrics/registry.js';
import { FAILURES, type AttemptResult } from './schedule.js';

/** What an attempt came to: a success, an answer that is none, or why there was no answer. */
const RESULTS = [
  'delivered',
  'rejected',
  ...FAILURES.filter((failure) => failure !== 'event-expired'),
] as const;

/** How many attempts are under way, and since when the longest due delivery waits, by `performance.now()`; null: none does. */
interface Load {
  readonly underWay: number;
  readonly dueSince: number | null;
}

/** Metrics of webhooks. No label has values that a caller could choose, and none names an endpoint. */
@Injectable()
export class WebhookMetrics {
  private load: () => Load = () => ({ underWay: 0, dueSince: null });
  private readonly attempts: Counter<'result'>;
  private readonly duration: Histogram;
  private readonly deadLetters: Counter;
  private readonly disabled: Counter<'reason'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.attempts = new Counter({
      name: 'webhook_attempts_total',
      help: 'Attempts to deliver an event to a webhook, by result: delivered, rejected (any status but 2xx), or why there was no answer',
      labelNames: ['result'],
      registers,
    });
    this.duration = new Histogram({
      name: 'webhook_attempt_duration_seconds',
      help: 'Duration of an attempt, from the look-up of the name to the answer; after 15 s it is given up',
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15],
      registers,
    });
    this.deadLetters = new Counter({
      name: 'webhook_dead_letters_total',
      help: 'Deliveries that were given up, after ten attempts, a 410, or because their event is no longer kept',
      registers,
    });
    this.disabled = new Counter({
      name: 'webhook_disabled_total',
      help: 'Webhooks that were disabled, by reason: gone (410) or failing (five days without a success)',
      labelNames: ['reason'],
      registers,
    });
    addGauge(
      registry,
      'webhook_attempts_under_way',
      'Attempts that are under way',
      () => this.load().underWay,
    );
    addGauge(
      registry,
      'webhook_oldest_due_seconds',
      'For how long the longest due delivery waits for its attempt, of webhooks that do not fail; 0: none waits',
      () => {
        const { dueSince } = this.load();
        return dueSince === null ? 0 : Math.max(0, performance.now() - dueSince) / 1000;
      },
    );
    RESULTS.forEach((result) => this.attempts.inc({ result }, 0));
    ['gone', 'failing'].forEach((reason) => this.disabled.inc({ reason }, 0));
  }

  /** Gives the gauges the load, which they read at each scrape. */
  watch(load: () => Load): void {
    this.load = load;
  }

  attempted(result: AttemptResult, isDelivered: boolean, durationMs: number): void {
    const answered = isDelivered ? 'delivered' : 'rejected';
    this.attempts.inc({ result: 'status' in result ? answered : result.failure });
    this.duration.observe(durationMs / 1000);
  }

  gaveUp(): void {
    this.deadLetters.inc();
  }

  wasDisabled(reason: 'gone' | 'failing'): void {
    this.disabled.inc({ reason });
  }
}
