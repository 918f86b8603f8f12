import { Injectable, type BeforeApplicationShutdown, type OnModuleInit, Module } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * How long open connections may still send a request, which is answered as their last, and how long new connections are
 * accepted. So a balancer that polls readiness twice a second notices the end before it comes.
 */
const DRAIN_MS = 1_000;
/** How long running calls may take after that; longer than any of them should. */
const GRACE_MS = 10_000;
const CHECK_MS = 25;

/**
 * Shuts down without a broken call: from then on every answer closes its connection, idle connections are closed only after
 * they had time to send one more request, and the rest as soon as their calls are answered.
 *
 * Closing a server only stops it from accepting. A client or proxy that is sending on an idle connection would see a reset,
 * and one that never sends would keep the process alive until a timeout.
 */
@Injectable()
export class ConnectionDrain implements OnModuleInit, BeforeApplicationShutdown {
  private isDraining = false;
  /** A set and not a counter: a request that is refused before routing has a response, but never passes the first hook. */
  private readonly underWay = new Set<FastifyReply>();

  constructor(private readonly host: HttpAdapterHost) {}

  onModuleInit(): void {
    const fastify = this.fastify();
    if (fastify === null) {
      return;
    }
    fastify.addHook('onRequest', (_request, reply, done) => {
      this.underWay.add(reply);
      if (this.isDraining) {
        void reply.header('connection', 'close');
      }
      done();
    });
    // Also runs for a request whose client disconnected.
    fastify.addHook('onResponse', (_request, reply, done) => {
      this.underWay.delete(reply);
      done();
    });
    fastify.addHook('preClose', (done) => {
      closeAll(fastify, this.underWay);
      done();
    });
  }

  async beforeApplicationShutdown(signal?: string): Promise<void> {
    this.isDraining = true;
    this.underWay.forEach((reply) => void reply.header('connection', 'close'));
    const fastify = this.fastify();
    const deadline = performance.now() + DRAIN_MS;
    // Without a signal its own process closes it, and sends nothing more.
    const isAnnounced = signal !== undefined;
    while (
      fastify !== null &&
      performance.now() < deadline &&
      (isAnnounced || (await openConnections(fastify)) > 0)
    ) {
      await sleep(CHECK_MS);
    }
  }

  /** The server; none if the application runs without HTTP, as on the command line. */
  private fastify(): FastifyInstance | null {
    const { httpAdapter } = this.host;
    return httpAdapter?.getInstance<FastifyInstance | null>() ?? null;
  }
}

function openConnections(fastify: FastifyInstance): Promise<number> {
  return new Promise((resolve) => {
    fastify.server.getConnections((error, count) => resolve(error === null ? count : 0));
  });
}

function closeAll(fastify: FastifyInstance, underWay: ReadonlySet<FastifyReply>): void {
  const deadline = performance.now() + GRACE_MS;
  const timer = setInterval(() => {
    fastify.server.closeIdleConnections();
    if (underWay.size === 0 || performance.now() > deadline) {
      fastify.server.closeAllConnections();
      clearInterval(timer);
    }
  }, CHECK_MS);
}

/** The parts of the HTTP server that are not options. */
@Module({ providers: [ConnectionDrain] })
export class HttpModule {}
