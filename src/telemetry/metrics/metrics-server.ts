import {
  Injectable,
  Logger,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { Settings } from '../../config/settings.js';
import { HealthModule } from '../../health/health.module.js';
import { HttpMetrics } from './http-metrics.js';
import { PoolMetrics } from './pool-metrics.js';
import { ProcessMetrics } from './process-metrics.js';
import { MetricsModule } from './registry.js';

/** In ms. By default Node looks only every 30 s whether a time is over. */
const TIMEOUTS = { requestTimeout: 9_000, headersTimeout: 5_000, connectionsCheckingInterval: 1_000 };
/** Longer than these take, because it ends a connection without a word. */
const STALLED_MS = 12_000;

/**
 * Serves `GET /metrics` on a port of its own, which callers need not reach.
 *
 * A port that can't be had is said and costs the metrics, not the service: a scrape that fails is noticed by Prometheus.
 */
@Injectable()
export class MetricsServer implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Metrics');
  private server: Server | null = null;

  constructor(
    private readonly settings: Settings,
    private readonly registry: Registry,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const { metricsPort, metricsHost } = this.settings;
    if (metricsPort === null) {
      return;
    }
    const server = createServer(TIMEOUTS, (request, response) => {
      // nobody scrapes again before the answer; what is not read would only pile up
      if (response.socket === null) {
        request.socket.destroy();
        return;
      }
      this.answer(request, response).catch(() => response.destroy());
    });
    server.timeout = STALLED_MS;
    try {
      server.listen(metricsPort, metricsHost);
      await once(server, 'listening');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      this.logger.error(
        `No metrics are served: METRICS_PORT ${metricsPort} on ${metricsHost} can't be had (${code}). Give each process of a machine a port of its own, or METRICS_PORT=off.`,
      );
      return;
    }
    server.unref();
    this.server = server;
    const { address, port, family } = server.address() as AddressInfo;
    this.logger.log(`Metrics on http://${family === 'IPv6' ? `[${address}]` : address}:${port}/metrics`);
  }

  /** Late, so that the end of a process can be watched as well. */
  async onApplicationShutdown(): Promise<void> {
    const { server } = this;
    if (server !== null) {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    }
  }

  private async answer({ method, url }: IncomingMessage, response: ServerResponse): Promise<void> {
    if (url?.split('?')[0] !== '/metrics') {
      response.writeHead(404).end();
    } else if (method !== 'GET') {
      response.writeHead(405, { allow: 'GET' }).end();
    } else {
      const text = await this.registry.metrics();
      response.writeHead(200, { 'content-type': this.registry.contentType }).end(text);
    }
  }
}

/** What a process that serves tells of itself, and the port where it does. */
@Module({
  imports: [MetricsModule, HealthModule],
  providers: [HttpMetrics, PoolMetrics, ProcessMetrics, MetricsServer],
})
export class MonitoringModule {}
