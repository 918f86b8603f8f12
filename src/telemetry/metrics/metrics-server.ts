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
import { HttpMetrics } from './http-metrics.js';
import { PoolMetrics, ProcessMetrics } from './process-metrics.js';
import { MetricsModule } from './registry.js';

/** In ms. By default Node checks its timeouts only every 30 s. */
const TIMEOUTS = { requestTimeout: 9_000, headersTimeout: 5_000, connectionsCheckingInterval: 1_000 };
/** Longer than the other timeouts, because it ends a connection without an answer. */
const STALLED_MS = 12_000;

/**
 * Serves `GET /metrics` on a separate port, which callers need not reach.
 *
 * If the port is not available, the service logs that and runs without metrics: Prometheus notices the failed scrape.
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
      // Nobody scrapes again before the answer. Unread answers would only fill the memory.
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
        `No metrics are served: METRICS_PORT ${metricsPort} on ${metricsHost} is not available (${code}). Set another METRICS_PORT for each process of this machine, or METRICS_PORT=off.`,
      );
      return;
    }
    server.unref();
    this.server = server;
    const { address, port, family } = server.address() as AddressInfo;
    this.logger.log(`Metrics on http://${family === 'IPv6' ? `[${address}]` : address}:${port}/metrics`);
  }

  /** Late in the shutdown, so that the end of a process can be observed too. */
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

/** The metrics of a serving process, and the port that serves them. */
@Module({
  imports: [MetricsModule],
  providers: [HttpMetrics, PoolMetrics, ProcessMetrics, MetricsServer],
})
export class MonitoringModule {}
